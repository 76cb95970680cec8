# SummarizedExperiment and SingleCellExperiment objects as cells.

#' @rdname as_cells
#' @param assay.type Name of the assay with the counts.
#' @param altexp Name of the alternative experiment that holds the peaks; NULL,
#'   the default, takes the main one.
#' @export
as_cells.SummarizedExperiment <- function(x, assay.type = "counts",
                                          altexp = NULL, features = NULL,
                                          ...) {
  need_package("SummarizedExperiment", "for SummarizedExperiment objects")
  if (!is.null(altexp)) {
    abort(c(
      "{.arg altexp} is for SingleCellExperiment objects; this is a
       {class(x)[1]}."
    ))
  }
  check_text(assay.type, "assay.type")
  check_known(
    assay.type, SummarizedExperiment::assayNames(x), "assay", "assay.type",
    "the object"
  )
  cells <- as_cells(SummarizedExperiment::assay(x, assay.type), ...)
  cells$origin <- paste0("assay '", assay.type, "' of a ", class(x)[1])
  cells$ranges <- experiment_ranges(x)
  take_features(cells, features, "the object")
}

#' @rdname as_cells
#' @export
as_cells.SingleCellExperiment <- function(x, assay.type = "counts",
                                          altexp = NULL, features = NULL,
                                          ...) {
  need_package("SingleCellExperiment", "for SingleCellExperiment objects")
  if (!is.null(altexp)) {
    check_text(altexp, "altexp")
    check_known(
      altexp, SingleCellExperiment::altExpNames(x),
      "alternative experiment", "altexp", "the object"
    )
    x <- SingleCellExperiment::altExp(x, altexp, withDimnames = TRUE)
  }
  as_cells.SummarizedExperiment(
    x, assay.type = assay.type, features = features, ...
  )
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
