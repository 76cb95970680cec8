# What a model asks of counts, and how a count that will not do is reported.

# A batch of one cell has no variance to normalise by.
min_cells_of_a_model <- 2L

#' Check counts before a model sees them
#'
#' One pass over all counts, in blocks: nothing is loaded whole. [sailer()]
#' calls this first.
#'
#' @param cells Counts as [as_cells()] takes them.
#' @param min_cells Least number of cells. A model needs 2 to learn from; new
#'   cells for `predict()` may come alone.
#' @param call Environment of the function that errors are reported for.
#' @return A list of `depth`, the number of open peaks (count > 0) of each cell,
#'   named by cell; `peak_cells`, the number of cells in which each peak is
#'   open, named by peak; and `n_nonzeros`, the sum of either.
#' @section Errors:
#' `sailer_data_error`, naming cell and peak, when there are no or duplicated
#' names, fewer than `min_cells` cells, no peaks, a count that is missing (NA,
#' NaN), infinite, negative or fractional, or a cell in which no peak is open.
#' Peaks open in no cell are allowed here; models drop them (see the
#' `min_fraction` of [sailer()]).
#' @references Cao (2023), section 2.2.1: depth is among the confounders, so a
#'   cell without any open peak has no place in the model.
#' @examples
#' path <- system.file("extdata", "tiny-10x.h5", package = "sailer")
#' checked <- check_cells(open_cells(path))
#' summary(checked$depth)
#' @export
check_cells <- function(cells, min_cells = min_cells_of_a_model,
                        call = rlang::caller_env()) {
  check_counts(as_cells(cells), min_cells, call = call)
}

# check_cells() for peaks or genes (`feature`). Counts of genes need not be
# whole; `empty`: whether cells without any count will do. `groups`: of
# batch_groups(), what is counted by group of cells. `folder`: where cells are
# packed in the same pass, for training; they are then `cells` of the result.
check_counts <- function(cells, min_cells, feature = "peak", empty = FALSE,
                         call = rlang::caller_env(), groups = NULL,
                         folder = NULL) {
  check_size(cells, min_cells, call, feature)
  check_names(cells$peaks, feature, "row", call)
  check_names(cells$cells, "cell", "column", call)
  scanned <- core_scan(cells$source, feature == "gene", groups, folder)
  if (!is.null(scanned$problem)) {
    abort_for_count(
      scanned$problem, cells$peaks, cells$cells, call, feature, cells$file
    )
  }
  if (scanned$n_empty > 0 && !empty) {
    abort_for_empty(cells, scanned, call, feature)
  }
  counted <- list(
    depth = stats::setNames(scanned$depth, cells$cells),
    peak_cells = stats::setNames(scanned$peak_cells, cells$peaks),
    n_nonzeros = scanned$n_nonzeros
  )
  counted$group_cells <- scanned$group_cells
  if (!is.null(folder)) {
    cells$source <- scanned$store
    counted$cells <- cells
  }
  counted
}

# Where the cells of a training are packed: beside its checkpoint, or where R
# keeps temporary files. The file has no name: nothing is left of it when the
# cells are no longer used, whatever ends the run.
store_folder <- function(checkpoint) {
  folder <- checkpoint %||% tempdir()
  while (!dir.exists(folder)) folder <- dirname(folder)
  folder
}

#' Number of open peaks of each cell
#'
#' Unlike [check_cells()] this allows cells in which no peak is open, so it can
#' be used to drop them: `cells[, cell_depth(cells) > 0]`.
#'
#' @param cells Counts as [as_cells()] takes them.
#' @param peaks Peaks to count: names, numbers or a logical value for each.
#'   NULL, the default, counts all.
#' @return Integer vector, one number per cell, named by cell.
#' @section Errors:
#' `sailer_data_error` when a count cannot be used and `peaks` is NULL.
#' @references Cao (2023), section 2.2.1, where depth is a confounder.
#' @examples
#' path <- system.file("extdata", "tiny-10x.h5", package = "sailer")
#' cells <- open_cells(path)
#' cells[, cell_depth(cells) > 10]
#' @export
cell_depth <- function(cells, peaks = NULL) {
  cells <- as_cells(cells)
  if (is.null(peaks)) {
    scanned <- core_scan(cells$source)
    if (!is.null(scanned$problem)) {
      abort_for_count(
        scanned$problem, cells$peaks, cells$cells, file = cells$file
      )
    }
    return(stats::setNames(scanned$depth, cells$cells))
  }
  n_peaks <- nrow(cells)
  keep <- logical(n_peaks)
  keep[places(peaks, n_peaks, cells$peaks, "peak")] <- TRUE
  stats::setNames(core_depth_within(cells$source, keep), cells$cells)
}

#' Sum of the counts of each cell
#'
#' Of RNA the molecules of each cell, which [sailerx()] takes as `rna_depth`.
#'
#' @param cells Counts as [as_cells()] takes them. They are read in blocks, as
#'   they are: what a matrix lost when it was packed as open peaks is not there.
#' @return Numeric vector, one number per cell, named by cell.
#' @section Errors:
#' Those of [as_cells()] and of reading a file.
#' @seealso [cell_depth()] for the number of open peaks.
#' @references Cao (2023), section 3.2.2, where it weighs the cells.
#' @examples
#' path <- system.file("extdata", "tiny.h5mu", package = "sailer")
#' head(cell_totals(open_cells(path, modality = "rna")))
#' @export
cell_totals <- function(cells) {
  cells <- as_cells(cells, counts = TRUE)
  stats::setNames(core_cell_totals(cells$source), cells$cells)
}

check_size <- function(cells, min_cells, call, feature = "peak") {
  n <- dim(cells)
  if (n[1] == 0) {
    abort(
      "There are no {feature}s in {cells$origin}.", class = "data", call = call
    )
  }
  if (n[2] < min_cells) {
    abort(
      c(
        "There {cli::qty(n[2])}{?is/are} {n[2]} cell{?s} in {cells$origin}, but
         a model needs at least {min_cells}.",
        i = "{to_title(feature)}s are expected in rows and cells in columns; is
             it transposed?"
      ),
      class = "data", call = call
    )
  }
}

check_names <- function(names, what, side, call) {
  setter <- paste0(substr(side, 1, 3), "names(x)")
  if (is.null(names)) {
    abort(
      c(
        "The {what}s have no names.",
        i = "Set the {side} names of the counts
             ({.code {setter} <- ...}): results are matched by name."
      ),
      class = "data", call = call
    )
  }
  check_utf8(
    names, paste("names of", paste0(what, "s")),
    paste0(setter, " <- iconv(", setter, ', "latin1", "UTF-8")'), call
  )
  nameless <- which(is.na(names) | names == "")
  if (length(nameless) > 0) {
    abort(
      c(
        "{length(nameless)} {what}{?s} {?has/have} an empty name, the first in
         {side} {nameless[1]}.",
        i = "Give every {what} a name of its own."
      ),
      class = "data", call = call
    )
  }
  if (anyDuplicated(names)) {
    twice <- unique(names[duplicated(names)])
    abort(
      c(
        "{length(twice)} name{?s} of {what}s
         {cli::qty(length(twice))}stand{?s/} more than once:
         {.val {utils::head(twice, 3)}}.",
        i = "Make them unique, for example by
             {.code {setter} <- make.unique({setter})}."
      ),
      class = "data", call = call
    )
  }
}

to_title <- function(word) {
  paste0(toupper(substr(word, 1, 1)), substring(word, 2))
}

# `problem`: list(kind, cell, feature, value) from core. Names may be NULL.
# `feature`: "peak" or "gene". `file`: of the handle, if any.
abort_for_count <- function(problem, peaks, cells, call = rlang::caller_env(),
                            feature = "peak", file = NULL) {
  name_of <- function(names, place) {
    name <- names[place]
    known <- !is.null(name) && !is.na(name)
    if (known) name else format(place, scientific = FALSE)
  }
  peak <- name_of(peaks, problem$feature)
  cell <- name_of(cells, problem$cell)
  value <- telling_digits(problem$value)
  where <- "The count of {feature} {.val {peak}} in cell {.val {cell}}"
  message <- switch(problem$kind,
    nan = c(
      paste(where, "is missing (NA or NaN)."),
      i = "Replace it, or remove the cell or the {feature}."
    ),
    infinite = c(
      paste(where, "is infinite ({value})."),
      i = "Counts are finite{if (feature == 'peak') ' whole'} numbers; was the
           matrix divided by a zero?"
    ),
    negative = c(
      paste(where, "is negative ({value})."),
      i = "Give the raw counts, not scaled or centred values."
    ),
    fractional = c(
      paste(where, "is not a whole number ({value}); the matrix looks
        normalised."),
      i = "Give the raw counts: the model takes 0 and 1 from them itself."
    ),
    duplicate = c(
      "{to_title(feature)} {.val {peak}} stands twice in cell {.val {cell}}.",
      i = "The sparse matrix is damaged: every {feature} may have one count in
           a cell."
    )
  )
  if (problem$kind %in% c("negative", "fractional")) {
    message <- c(message, i = other_matrices(file))
  }
  abort(message, class = "data", call = call)
}

# As many digits as it takes to see that a fraction is one.
telling_digits <- function(value) {
  for (digits in 6:9) {
    text <- format(value, digits = digits)
    if (!is.finite(value) || isTRUE(as.numeric(text) %% 1 != 0)) break
  }
  text
}

abort_for_empty <- function(cells, scanned, call, feature = "peak") {
  n_empty <- scanned$n_empty
  named <- utils::head(cells$cells[scanned$empty_cells], 3)
  more <- if (n_empty > length(named)) ", ..." else ""
  remedy <- cells$no_empty %||% if (is.null(cells$file)) {
    "x[, Matrix::colSums(x) > 0]"
  } else {
    "cells[, cell_depth(cells) > 0]"
  }
  lacks <- if (feature == "peak") "open peak" else "count of any gene"
  abort(
    c(
      "{n_empty} cell{?s} {?has/have} no {lacks}: {.val {named}}{more}.",
      i = "Remove {cli::qty(n_empty)}{?it/them} first: {.code {remedy}}."
    ),
    class = "data", call = call
  )
}

#' Chromosome of each peak
#'
#' @param peaks Names of the peaks, such as `chr1-9776-10668` or
#'   `chr1:9776-10668`.
#' @param ranges `GRanges` of the peaks in the same order, or NULL to read the
#'   names.
#' @return Character vector, one chromosome per peak. Peaks may come in any
#'   order.
#' @section Errors:
#' `sailer_data_error` when a name holds no range, listing the first such names,
#' or when `ranges` has another length than `peaks`.
#' @references Cao (2023), section 3.2.1: the encoder of chapter 3 has a part
#'   for each chromosome.
#' @examples
#' peak_chromosomes(c("chr1-100-200", "chrX:5-90", "chr1-300-400"))
#' @export
peak_chromosomes <- function(peaks, ranges = NULL) {
  if (!is.null(ranges)) {
    if (length(ranges) != length(peaks)) {
      abort(
        "{.arg ranges} has {length(ranges)} range{?s}, but there are
         {length(peaks)} peaks.",
        class = "data"
      )
    }
    return(as.character(GenomicRanges::seqnames(ranges)))
  }
  # The last two fields are numbers; what stands before them is the chromosome,
  # which may itself hold dashes (HLA contigs).
  pattern <- "^(.+)[:_-][0-9,]+[_-][0-9,]+$"
  lost <- peaks[!grepl(pattern, peaks)]
  if (length(lost) > 0) {
    abort(
      c(
        "{length(lost)} of {length(peaks)} peaks have no chromosome in their
         names: {.val {utils::head(lost, 3)}}.",
        i = "Name peaks like {.val chr1-100-200} or give {.arg ranges}, a
             GRanges with one range per peak."
      ),
      class = "data"
    )
  }
  sub(pattern, "\\1", peaks)
}
