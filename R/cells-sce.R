# SummarizedExperiment and SingleCellExperiment objects as cells.

#' @rdname as_cells
#' @param assay.type Name of the assay with the counts. NULL, the default, takes
#'   `"counts"` or, if the only assay has another name (such as ArchR's
#'   `PeakMatrix`), that assay, with a message. Peaks without row names are
#'   named by their ranges, as in `chr1-100-200`.
#' @param altexp Name of the alternative experiment that holds the peaks. NULL,
#'   the default, takes the main experiment.
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

# Returns the experiment itself, or its alternative experiment `altexp`.
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

# Returns the name of the assay with the counts, 1 for a single unnamed one.
choose_assay_type <- function(x, assay.type, arg = "assay.type") {
  # An error thrown while a promise is evaluated loses its class in S4 dispatch.
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
      "It has no assays."
    } else {
      "Set {.arg {arg}} to one of {.val {known}}."
    }
  ))
  if (is.null(known) || !nzchar(known)) {
    return(1L)
  }
  note("The only assay, {.val {known}}, is used as the counts.")
  known
}

# Returns the row names of an experiment, made from its ranges if it has none.
experiment_names <- function(x) {
  rownames(x) %||% names_by_ranges(experiment_ranges(x))
}

# Returns the ranges of `peaks`; NULL unless all are known.
ranges_of_experiment <- function(x, peaks) {
  force(x)
  pick_ranges(experiment_ranges(x), experiment_names(x), peaks)
}

# Returns a name for each range; NULL if there are no ranges.
names_by_ranges <- function(ranges) {
  if (is.null(ranges)) {
    return(NULL)
  }
  names <- range_names(ranges)
  if (anyDuplicated(names)) {
    twice <- unique(names[duplicated(names)])
    abort(c(
      "The rows have no names, and {length(twice)} of their ranges
       occur{?s/} more than once: {few(twice)}.",
      i = "Set {.code rownames(x)}, or remove the duplicated rows."
    ), class = "data")
  }
  names
}

# Returns the ranges of the rows, or NULL: an object without ranges has a list
# of empty ones in their place.
experiment_ranges <- function(x) {
  if (!methods::is(x, "RangedSummarizedExperiment")) {
    return(NULL)
  }
  ranges <- SummarizedExperiment::rowRanges(x)
  if (methods::is(ranges, "GRanges")) ranges
}
