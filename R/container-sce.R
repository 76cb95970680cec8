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
    files = need_package("HDF5Array", "to keep an assay in a file"),
    reference = "PCA"
  )
}

# reducedDim<- overwrites row names: the rows must be in the right order.
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

# Stores the values as a further assay if they cover all rows of the experiment
# with the counts, otherwise as an alternative experiment.
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

# Other classes can be read for their counts, but have no place for results.
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
      "A {class(object)[1]} cannot hold reduced dimensions.",
      i = "Convert it to a SingleCellExperiment first:
           {.code as(x, \"SingleCellExperiment\")}."
    ))
  )
}

# Returns the columns as a data frame, run-length encoded ones expanded.
plain_columns <- function(table) {
  if (!is.null(table)) as.data.frame(table, optional = TRUE)
}

# Returns the name of the alternative experiment with the peaks (with
# `where$values`, the RNA), NULL for the main experiment: the given one,
# otherwise the main one unless it is of the other kind. SAILERX expects the RNA
# in the main experiment.
choose_altexp <- function(object, where) {
  known <- SingleCellExperiment::altExpNames(object)
  if (!is.null(where$altexp)) {
    return(where$altexp)
  }
  genes <- isTRUE(where$values)
  guided <- isTRUE(where$guided)
  fits <- function(x) {
    are_peaks(rownames(x), experiment_ranges(x)) != genes
  }
  main_fits <- fits(object)
  if (main_fits && !guided) {
    return(NULL)
  }
  others <- Filter(function(name) {
    fits(SingleCellExperiment::altExp(object, name))
  }, known)
  if (guided) {
    return(choose_guided_altexp(known, others, main_fits))
  }
  what <- if (genes) "genes" else "peaks"
  abort_if(length(others) > 1, c(
    "Several alternative experiments have {what}: {.val {others}}.",
    i = "Set {.arg altexp} to one of them."
  ))
  if (length(others) == 0) {
    warn_unlike(
      "The main experiment", rownames(object), what,
      if (length(known) > 0) {
        "Set {.arg altexp} to the alternative experiment with the {what}."
      }
    )
    return(NULL)
  }
  note("Using the {what} of the alternative experiment {.val {others}}.")
  others
}

# The same for SAILERX, among the alternative experiments `known`, of which
# `others` have peaks.
choose_guided_altexp <- function(known, others, main_has_peaks) {
  abort_if(main_has_peaks && length(known) > 0 && length(others) == 0, c(
    "The RNA must be in the main experiment, but that has peaks.",
    i = "Swap the two: {.code object <- swapAltExp(object,
         \"{as_literal(known[1])}\", saved = \"peaks\")}."
  ))
  if (length(known) == 1) {
    return(known)
  }
  if (length(others) == 1) {
    note("Using the peaks of the alternative experiment {.val {others}}.")
    return(others)
  }
  abort(c(
    "{.arg altexp} must name the alternative experiment with the peaks.",
    i = if (length(known) == 0) {
      "The object has none: its main experiment is used as the RNA, so add
       the peaks with {.code altExp(object, \"ATAC\") <- peaks}."
    } else {
      "It has {.val {known}}."
    }
  ))
}

# Describes the RNA of the main experiment in the form that find_guide() takes.
experiment_rna <- function(object, assay.type) {
  assay.type <- choose_assay_type(object, assay.type, "rna.assay.type")
  check_names(colnames(object), "cell", "column")
  counts <- SummarizedExperiment::assay(object, assay.type)
  list(
    depth = column_sums(counts), place = assay.type,
    what = "reduced dimensions",
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
