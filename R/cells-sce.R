# SummarizedExperiment and SingleCellExperiment objects as cells.

#' @rdname as_cells
#' @param assay.type Name of the assay with the counts. NULL, the default, takes
#'   `"counts"` or, where there is a single assay of another name, as in ArchR's
#'   `PeakMatrix`, that one, with a message. Peaks without row names are named
#'   by their ranges, as `chr1-100-200`.
#' @param altexp Name of the alternative experiment that holds the peaks; NULL,
#'   the default, takes the main one.
#' @export
as_cells.SummarizedExperiment <- function(x, assay.type = NULL, altexp = NULL,
                                          features = NULL, ...) {
  need_package("SummarizedExperiment", "for SummarizedExperiment objects")
  x <- experiment_of_counts(x, altexp)
  assay.type <- choose_assay_type(x, assay.type)
  cells <- as_cells(SummarizedExperiment::assay(x, assay.type), ...)
  cells$origin <- paste0("assay '", assay.type, "' of a ", class(x)[1])
  cells$no_empty <- no_empty_cells(
    features, assay.type = assay.type, altexp = altexp
  )
  cells$ranges <- experiment_ranges(x)
  if (is.null(cells$peaks)) {
    cells <- name_cells(cells, names_by_ranges(cells$ranges), cells$cells)
  }
  take_features(cells, features, "the object")
}

# The experiment itself, or the alternative one of the name.
experiment_of_counts <- function(x, altexp) {
  if (is.null(altexp)) {
    return(x)
  }
  if (!methods::is(x, "SingleCellExperiment")) {
    abort("{.arg altexp} is for SingleCellExperiment objects; this is a
           {class(x)[1]}.")
  }
  need_package("SingleCellExperiment", "for SingleCellExperiment objects")
  known <- SingleCellExperiment::altExpNames(x)
  check_choice(altexp, known, "alternative experiment", "altexp", "the object")
  SingleCellExperiment::altExp(x, altexp, withDimnames = TRUE)
}

# The name of the assay with the counts, or 1 for a single one without a name.
choose_assay_type <- function(x, assay.type, arg = "assay.type") {
  # An error of a promise loses its class in the dispatch of S4.
  force(x)
  if (identical(assay.type, 1L)) {
    return(assay.type)
  }
  known <- SummarizedExperiment::assayNames(x)
  if (!is.null(assay.type)) {
    check_choice(assay.type, known, "assay", arg, "the object")
    return(assay.type)
  }
  if ("counts" %in% known) {
    return("counts")
  }
  n <- length(SummarizedExperiment::assays(x, withDimnames = FALSE))
  abort_if(n != 1, c(
    "There is no assay {.val counts} in the object.",
    i = if (n == 0) {
      "It has no assay at all."
    } else {
      "Name one in {.arg {arg}}: {.val {known}}."
    }
  ))
  if (is.null(known) || !nzchar(known)) {
    return(1L)
  }
  note("The only assay, {.val {known}}, is taken for the counts.")
  known
}

# Names of the rows of an experiment, by their ranges where they have none.
experiment_names <- function(x) {
  rownames(x) %||% names_by_ranges(experiment_ranges(x))
}

# Those of `peaks`; NULL unless all are known.
ranges_of_experiment <- function(x, peaks) {
  force(x)
  pick_ranges(experiment_ranges(x), experiment_names(x), peaks)
}

# NULL for no ranges.
names_by_ranges <- function(ranges) {
  if (is.null(ranges)) {
    return(NULL)
  }
  names <- range_names(ranges)
  if (anyDuplicated(names)) {
    twice <- unique(names[duplicated(names)])
    abort(c(
      "The rows have no names, and {length(twice)} of their ranges {?is/are}
       there more than once: {few(twice)}.",
      i = "Set {.code rownames(x)}, or leave the repeated rows out."
    ), class = "data")
  }
  names
}

# Ranges of the rows, when they are ranges: an object without any has a list of
# empty ones.
experiment_ranges <- function(x) {
  if (!methods::is(x, "RangedSummarizedExperiment")) {
    return(NULL)
  }
  ranges <- SummarizedExperiment::rowRanges(x)
  if (methods::is(ranges, "GRanges")) ranges
}
