# SingleCellExperiment objects.

#' @export
read_input.SingleCellExperiment <- function( # nolint: object_length_linter.
  object, where = list()
) {
  need_package("SingleCellExperiment", "for SingleCellExperiment objects")
  need_package("SummarizedExperiment", "for SingleCellExperiment objects")
  check_places(where, c("assay.type", "altexp"), "SingleCellExperiment objects")
  models <- S4Vectors::metadata(object)$sailer %||% list()
  used <- if (!is.null(where$of)) models[[where$of]]$place
  where$altexp <- where$altexp %||% used$altexp
  delayedAssign("altexp", choose_altexp(object, where))
  delayedAssign("host", experiment_of_counts(object, altexp))
  delayedAssign("assay.type", choose_assay_type(
    host, where$assay.type %||% used$assay.type
  ))
  new_input(
    colnames(object),
    as_cells(
      object, assay.type = assay.type, altexp = altexp,
      features = where$features, counts = isTRUE(where$values)
    ),
    plain_columns(SummarizedExperiment::colData(object)),
    "the colData of the object",
    place = list(assay.type = assay.type, altexp = altexp),
    ranges = function(peaks) ranges_of_experiment(host, peaks),
    embedding = function(name) {
      if (name %in% SingleCellExperiment::reducedDimNames(object)) {
        SingleCellExperiment::reducedDim(object, name)
      }
    },
    models = models,
    guide = function(reference, place) {
      find_guide(experiment_rna(object, place), reference)
    },
    naming = toupper,
    files = need_package("HDF5Array", "to have an assay in a file"),
    reference = "PCA"
  )
}

# reducedDim<- renames the rows of what it is given: their order must be right.
#' @export
write_result.SingleCellExperiment <- function( # nolint: object_length_linter.
  object, result
) {
  put <- function(object, name, values) {
    rows <- all_rows(values, colnames(object))
    attr(rows, "rotation") <- attr(values, "rotation")
    SingleCellExperiment::reducedDim(object, name) <- rows
    object
  }
  if (!is.null(result$reference)) {
    object <- put(object, result$reference$name, result$reference$values)
  }
  if (!is.null(result$embedding)) {
    values <- result$embedding
    attr(values, "rotation") <- result$loadings
    object <- put(object, result$name, values)
  }
  if (!is.null(result$fit)) {
    kept <- S4Vectors::metadata(object)
    kept$sailer[[result$name]] <- as_model(result$fit)
    if (!is.null(result$query)) kept$sailer_query[[result$name]] <- result$query
    S4Vectors::metadata(object) <- kept
  }
  if (!is.null(result$assay)) object <- store_imputed(object, result)
  for (name in names(result$columns)) {
    column <- all_rows(result$columns[name], colnames(object))[[1]]
    SummarizedExperiment::colData(object)[[name]] <- column
  }
  object
}

# A further assay where the values are of all rows of the experiment with the
# counts, an alternative experiment otherwise.
store_imputed <- function(object, result) {
  name <- result$assay$name
  values <- result$assay$values
  altexp <- result$input$place$altexp
  host <- experiment_of_counts(object, altexp)
  rows <- experiment_names(host)
  if (setequal(rows, rownames(values))) {
    SummarizedExperiment::assay(host, name, withDimnames = FALSE) <-
      values[rows, ]
    if (is.null(altexp)) {
      return(host)
    }
    SingleCellExperiment::altExp(object, altexp) <- host
    return(object)
  }
  made <- SingleCellExperiment::SingleCellExperiment(
    stats::setNames(list(values), name)
  )
  ranges <- ranges_of_experiment(host, rownames(values))
  if (!is.null(ranges)) {
    SummarizedExperiment::rowRanges(made) <- stats::setNames(
      ranges, rownames(values)
    )
  }
  SingleCellExperiment::altExp(object, name) <- made
  object
}

# Others are read as counts, but have no place for results.
#' @export
read_input.SummarizedExperiment <- function( # nolint: object_length_linter.
  object, where = list()
) {
  need_package("SummarizedExperiment", "for SummarizedExperiment objects")
  check_places(where, "assay.type", "SummarizedExperiment objects")
  new_input(
    colnames(object),
    as_cells(
      object, assay.type = where$assay.type, features = where$features,
      counts = isTRUE(where$values)
    ),
    plain_columns(SummarizedExperiment::colData(object)),
    "the colData of the object",
    ranges = function(peaks) ranges_of_experiment(object, peaks),
    naming = toupper,
    writable = abort(c(
      "A {class(object)[1]} has no place for reduced dimensions.",
      i = "Make it a SingleCellExperiment first:
           {.code as(x, \"SingleCellExperiment\")}."
    ))
  )
}

# The columns as a data frame, run-length encoded ones written out.
plain_columns <- function(table) {
  if (!is.null(table)) as.data.frame(table, optional = TRUE)
}

# The alternative experiment with the peaks (of `where$values`: with the RNA):
# the one named; NULL for the main experiment, unless that is of the other kind
# and a single alternative one is of this kind. SAILERX takes the main
# experiment for the RNA.
choose_altexp <- function(object, where) {
  known <- SingleCellExperiment::altExpNames(object)
  if (!is.null(where$altexp)) {
    return(where$altexp)
  }
  if (isTRUE(where$guided)) {
    abort_if(length(known) != 1, c(
      "{.arg altexp} must name the alternative experiment with the peaks.",
      i = if (length(known) == 0) {
        "The object has none: its main experiment is taken for the RNA, so put
         the peaks in by {.code altExp(object, \"ATAC\") <- peaks}."
      } else {
        "There are {.val {known}}."
      }
    ))
    return(known)
  }
  fits <- function(x) {
    are_peaks(rownames(x), experiment_ranges(x)) != isTRUE(where$values)
  }
  others <- if (!fits(object)) Filter(function(name) {
    fits(SingleCellExperiment::altExp(object, name))
  }, known)
  if (length(others) == 1) {
    note("The {if (isTRUE(where$values)) 'genes' else 'peaks'} are those of the
          alternative experiment {.val {others}}.")
    others
  }
}

# The RNA, in the main experiment, as find_guide() takes it.
experiment_rna <- function(object, assay.type) {
  assay.type <- choose_assay_type(object, assay.type, "rna.assay.type")
  check_names(colnames(object), "cell", "column")
  counts <- SummarizedExperiment::assay(object, assay.type)
  list(
    depth = column_sums(counts), place = assay.type, what = "reduced dimension",
    known = SingleCellExperiment::reducedDimNames(object),
    embedding = function(name) SingleCellExperiment::reducedDim(object, name),
    usual = "PCA", packages = c("scuttle", "scran", "scater"),
    steps = c(
      "scuttle::logNormCounts", "scran::getTopHVGs", "scater::calculatePCA"
    ),
    how = "object <- scater::runPCA(scuttle::logNormCounts(object))",
    made = function(cells) scater_pca(counts[, cells, drop = FALSE]),
    values = identity
  )
}

scater_pca <- function(counts) {
  rna <- SingleCellExperiment::SingleCellExperiment(list(counts = counts))
  from <- function(package, name) getExportedValue(package, name)
  rna <- from("scuttle", "logNormCounts")(rna)
  variances <- from("scran", "modelGeneVar")(rna)
  genes <- from("scran", "getTopHVGs")(variances, n = 2000)
  from("scater", "calculatePCA")(
    rna, ncomponents = n_components(length(genes), ncol(rna)),
    subset_row = genes
  )
}
