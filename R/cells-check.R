# What models require of counts, and how unusable counts are reported.

# A minibatch of one cell has no variance to normalise by.
min_cells_of_a_model <- 2L

# Checks counts, as as_cells() takes them, in one pass by blocks. Returns
# list(depth = number of open peaks of each cell, peak_cells = number of cells
# in which each peak is open, n_nonzeros = sum of either). An error names the
# cell and peak of what a model cannot use: names that are missing or repeated,
# fewer than `min_cells` cells, no peaks, a count that is missing, infinite,
# negative or fractional, a cell with no open peak. Peaks that are open in no
# cell are allowed: models drop them.
#
# `feature`: "peak" or "gene"; counts of genes need not be whole. `empty`:
# whether cells without counts are allowed. `groups`: from batch_groups(), what
# to count by group of cells. `folder`: where to pack the cells for training, in
# the same pass; the packed cells are then `cells` of the result.
check_counts <- function(cells, min_cells = min_cells_of_a_model,
                         feature = "peak", empty = FALSE, groups = NULL,
                         folder = NULL) {
  cells <- as_cells(cells)
  check_size(cells, min_cells, feature)
  check_names(cells$peaks, feature, "row")
  check_names(cells$cells, "cell", "column")
  scanned <- checked_scan(cells, feature, groups, folder)
  if (scanned$n_empty > 0 && !empty) {
    abort_for_empty(cells, scanned, feature)
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

# Returns the folder in which training packs the cells: that of the checkpoint,
# or R's temporary folder. The packed file has no name there: it disappears once
# the cells are no longer used, no matter how the run ends.
store_folder <- function(checkpoint) {
  folder <- checkpoint %||% tempdir()
  while (!dir.exists(folder)) folder <- dirname(folder)
  folder
}

#' Number of open peaks, or sum of counts, per cell
#'
#' Unlike the models, this function accepts cells without an open peak, so it
#' can be used to remove them: `cells[, cell_depth(cells) > 0]`.
#'
#' @param cells Counts in any form that [as_cells()] accepts.
#' @param peaks Peaks to count: names, indices, or a logical vector with one
#'   value per peak. NULL, the default, counts all.
#' @param counts Whether to sum the counts. For RNA the sum is the number of
#'   molecules in each cell, which [sailerx()] takes as `rna_depth`. In cells
#'   that were packed as open peaks, each open peak counts once. FALSE, the
#'   default, counts open peaks.
#' @return Numeric vector with one number per cell, named by cell.
#' @references Cao (2023), section 2.2.1, on depth as a confounder, and section
#'   3.2.2, where it weights the cells.
#' @examples
#' path <- system.file("extdata", "tiny-10x.h5", package = "sailer")
#' cells <- open_cells(path)
#' cells[, cell_depth(cells) > 10]
#' path <- system.file("extdata", "tiny.h5mu", package = "sailer")
#' head(cell_depth(open_cells(path, modality = "rna"), counts = TRUE))
#' @export
cell_depth <- function(cells, peaks = NULL, counts = FALSE) {
  check_flag(counts)
  cells <- as_cells(cells, counts = counts)
  depth <- if (counts) {
    core_cell_totals((if (is.null(peaks)) cells else cells[peaks, ])$source)
  } else if (!is.null(peaks)) {
    keep <- logical(nrow(cells))
    keep[places(peaks, nrow(cells), cells$peaks, "peak")] <- TRUE
    core_depth_within(cells$source, keep)
  } else {
    checked_scan(cells)$depth
  }
  stats::setNames(depth, cells$cells)
}

# Returns what core_scan() counts; an error names the first unusable count.
checked_scan <- function(cells, feature = "peak", ...) {
  scanned <- core_scan(cells$source, feature == "gene", ...)
  if (!is.null(scanned$problem)) {
    abort_for_count(
      scanned$problem, cells$peaks, cells$cells, feature, cells$file
    )
  }
  scanned
}

check_size <- function(cells, min_cells, feature = "peak") {
  n <- dim(cells)
  if (n[1] == 0) {
    abort("There are no {feature}s in {cells$origin}.", class = "data")
  }
  abort_if(n[2] < min_cells, c(
    "There {cli::qty(n[2])}{?is/are} {n[2]} cell{?s} in {cells$origin}, but a
     model needs at least {min_cells}.",
    i = "{to_title(feature)}s are expected in rows and cells in columns; is it
         transposed?"
  ), class = "data")
}

# `class`: of the errors. `x`: the expression for the named object in hints.
check_names <- function(names, what, side, x = "x", class = "data") {
  setter <- paste0(substr(side, 1, 3), "names(", x, ")")
  abort_if(is.null(names), c(
    "The {what}s have no names.",
    i = "Set the {side} names ({.code {setter} <- ...}): results
         are matched by name."
  ), class = class)
  check_utf8(names, paste0(what, " names"), setter)
  nameless <- which(is.na(names) | names == "")
  abort_if(length(nameless) > 0, c(
    "{length(nameless)} {what}{cli::qty(length(nameless))}{?s} {?has/have} an
     empty name, the first in {side} {nameless[1]}.",
    i = "Give every {what} a unique name."
  ), class = class)
  if (anyDuplicated(names)) {
    twice <- unique(names[duplicated(names)])
    abort(c(
      "{length(twice)} {what} {cli::qty(length(twice))}name{?s} occur{?s/}
       more than once: {few(twice)}.",
      i = "Make them unique, for example with
           {.code {setter} <- make.unique({setter})}."
    ), class = class)
  }
}

to_title <- function(word) {
  paste0(toupper(substr(word, 1, 1)), substring(word, 2))
}

# `problem`: list(kind, cell, feature, value) from the core. Names may be NULL.
# `feature`: "peak" or "gene". `file`: of the handle, if any.
abort_for_count <- function(problem, peaks, cells, feature = "peak",
                            file = NULL) {
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
           matrix divided by zero?"
    ),
    negative = c(
      paste(where, "is negative ({value})."),
      i = "Give the raw counts, not scaled or centred values."
    ),
    fractional = c(
      paste(where, "is not a whole number ({value}); the matrix looks
        normalised."),
      i = "Give the raw counts{if (feature == 'peak') ': the model
           binarises them itself'}."
    ),
    duplicate = c(
      "{to_title(feature)} {.val {peak}} occurs twice in cell {.val {cell}}.",
      i = "The sparse matrix is damaged: a {feature} can have only one count per
           cell."
    )
  )
  if (problem$kind %in% c("negative", "fractional")) {
    message <- c(message, i = other_matrices(file))
  }
  abort(message, class = "data")
}

# Formats a value with enough digits to show that it is not a whole number.
telling_digits <- function(value) {
  for (digits in 6:9) {
    text <- format(value, digits = digits)
    if (!is.finite(value) || isTRUE(as.numeric(text) %% 1 != 0)) break
  }
  text
}

abort_for_empty <- function(cells, scanned, feature = "peak") {
  n_empty <- scanned$n_empty
  remedy <- cells$no_empty %||% if (is.null(cells$file)) {
    "x[, cell_depth(x) > 0]"
  } else {
    "cells[, cell_depth(cells) > 0]"
  }
  lacks <- if (feature == "peak") "open peak" else "count of any gene"
  abort(c(
    "{n_empty} cell{?s} {?has/have} no {lacks}:
     {few(cells$cells[scanned$empty_cells])}.",
    i = "Remove {cli::qty(n_empty)}{?it/them} first: {.code {remedy}}."
  ), class = "data")
}

# Returns code, for a hint, that removes the cells without counts from an
# object. `...`: the arguments with which as_cells() read it.
no_empty_cells <- function(features, ...) {
  given <- Filter(is.character, list(...))
  arguments <- c(
    "object", sprintf("%s = \"%s\"", names(given), unlist(given)),
    if (!is.null(features)) "features = features"
  )
  paste0(
    "object <- object[, names(which(cell_depth(as_cells(",
    paste(arguments, collapse = ", "), ")) > 0))]"
  )
}
