# Several samples in a list: their cells are concatenated without copying.

#' @details A list of samples is read as one data set, sample after sample. Its
#' peaks are the union over the samples, matched by name; peaks missing from a
#' sample count as closed in its cells. The names of the list are the sample
#' names; [sailer()] and [sailerx()] use the samples as batches unless `batch`
#' is given. If samples share cell names, all cells are named `sample_cell`,
#' with a message. For samples that were counted in different peaks, call
#' [unite_peaks()] first.
#' @rdname as_cells
#' @export
as_cells.list <- function(x, ...) {
  if (length(x) == 0) {
    abort("{.arg x} is an empty list: give at least one sample.")
  }
  samples <- in_utf8(names(x)) %||% as.character(seq_along(x))
  check_utf8(samples, "sample names in {.arg x}", "names(x)")
  if (anyDuplicated(samples) || any(samples == "")) {
    abort("The samples in the list {.arg x} must all have unique names, or all
           be unnamed.")
  }
  parts <- read_samples(x, samples, ...)
  peaks <- unique(unlist(lapply(parts, `[[`, "peaks"), use.names = FALSE))
  check_shared_peaks(parts, peaks, samples)
  parts <- name_by_sample(parts, samples)
  cells <- unlist(lapply(parts, `[[`, "cells"), use.names = FALSE)
  joined <- join_cells(unname(parts), peaks, cells)
  joined$no_empty <- paste(
    "x <- lapply(x, function(s) {s <- as_cells(s);", "s[, cell_depth(s) > 0]})"
  )
  joined$origin <- paste(length(parts), "samples in a list")
  # Those of the first sample if it has all peaks; otherwise from the names.
  joined$ranges <- pick_ranges(parts[[1]]$ranges, parts[[1]]$peaks, peaks)
  joined$sample <- factor(
    rep(samples, lengths(lapply(parts, `[[`, "cells"))), samples
  )
  joined
}

# Returns the handles of the samples. They are joined by name, so their names
# are checked. Errors name the sample.
read_samples <- function(x, samples, ...) {
  Map(function(part, sample) {
    with_context("Sample {.val {sample}} cannot be used.", {
      cells <- as_cells(part, ...)
      check_names(cells$peaks, "peak", "row")
      check_names(cells$cells, "cell", "column")
      cells
    })
  }, x, samples)
}

# Zeros for what was never counted would be taken for closed chromatin.
check_shared_peaks <- function(parts, peaks, samples) {
  sizes <- vapply(parts, function(part) length(part$peaks), 0)
  shared <- Reduce(intersect, lapply(parts, `[[`, "peaks"))
  least <- which.min(sizes)
  abort_if(length(shared) < 0.5 * sizes[least], c(
    "{length(shared)} of the {sizes[least]} peak names of sample
     {.val {samples[least]}} {cli::qty(length(shared))}{?is/are} in all
     samples.",
    i = "To combine samples counted in different peaks, use
         {.fn unite_peaks}."
  ), class = "data")
  share <- sizes / length(peaks)
  lacking <- share < 1
  if (any(lacking)) {
    note("Peaks missing from a sample count as closed in its cells:
          {.val {samples[lacking]}} {cli::qty(sum(lacking))}{?has/have}
          {round(100 * share[lacking])} % of the {length(peaks)} peaks.")
  }
}

# The barcodes of every lane come from one list, so samples share some.
name_by_sample <- function(parts, samples) {
  names(parts) <- samples
  own <- lapply(parts, `[[`, "cells")
  shared <- unlist(own, use.names = FALSE)
  shared <- unique(shared[duplicated(shared)])
  if (length(shared) == 0) {
    return(parts)
  }
  named <- sample_cells(own)
  inside <- vapply(own, function(cells) shared[1] %in% cells, NA)
  note("{length(shared)} cell name{?s} occur{?s/} in more than one sample, such
        as {.val {shared[1]}} in {.val {samples[inside]}}: all cells are renamed
        by sample and cell, such as {.val {named[[1]][1]}}.")
  Map(function(part, cells) name_cells(part, part$peaks, cells), parts, named)
}

# Uses the samples as batches if no batch is given.
samples_as_batches <- function(cells, batch) {
  several <- nlevels(droplevels(factor(cells$sample))) > 1
  if (is.null(batch) && several) {
    return(taken_as_batches(cells$sample, "samples"))
  }
  batch
}

taken_as_batches <- function(labels, what) {
  if (!is.null(labels)) {
    names <- label_levels(labels)
    note("Using the {length(names)} {what} as batches: {.val {names}}. To use
          others, set {.arg batch}.")
  }
  labels
}
