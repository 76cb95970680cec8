# Query cells in Seurat and SingleCellExperiment objects.

#' @rdname map_query
#' @export
map_query.Seurat <- function(fit, newdata, ..., batch = NULL,
                             covariates = NULL, assay = NULL, layer = "counts",
                             reduction.name = NULL, reduction.key = NULL,
                             prefix = "", fit_name = NULL) {
  need_package("SeuratObject", "for Seurat objects")
  model <- get_fit(fit, fit_name)
  assay <- choose_assay(newdata, assay)
  name <- reduction.name %||% usual_name(model)
  key <- reduction.key %||% paste0(usual_name(model), "_")
  check_text(name, "reduction.name")
  check_reduction_key(key)
  check_text(prefix, "prefix")
  cells <- as_cells(newdata, assay = assay, layer = layer)
  columns <- columns_of_cells(
    newdata[[]][cells$cells, , drop = FALSE], batch, covariates,
    "the metadata of the object"
  )
  query <- map_query.default(
    fit, cells, ..., batch = columns$batch, covariates = columns$covariates,
    fit_name = fit_name
  )
  tell_of_missing_cells(ncol(newdata) - ncol(cells), assay)
  tell_of_replaced(name, SeuratObject::Reductions(newdata), "reduction")
  values <- placed_values(query, model)
  colnames(values) <- paste0(key, seq_len(ncol(values)))
  reduction <- SeuratObject::CreateDimReducObject(
    embeddings = values, key = key, assay = assay,
    misc = list(fit = query$fit %||% model, query = brief_query(query))
  )
  newdata[[name]] <- cover_cells(reduction, colnames(newdata))
  SeuratObject::AddMetaData(
    newdata, metadata_columns(query, colnames(newdata), prefix)
  )
}

#' @rdname map_query
#' @export
map_query.SingleCellExperiment <- function(fit, newdata, ..., batch = NULL,
                                           covariates = NULL,
                                           assay.type = NULL, altexp = NULL,
                                           name = NULL, prefix = "",
                                           fit_name = NULL) {
  need_package("SingleCellExperiment", "for SingleCellExperiment objects")
  need_package("SummarizedExperiment", "for SingleCellExperiment objects")
  model <- get_fit(fit, fit_name)
  name <- name %||% toupper(usual_name(model))
  check_text(name, "name")
  check_text(prefix, "prefix")
  cells <- as_cells(newdata, assay.type = assay.type, altexp = altexp)
  table <- SummarizedExperiment::colData(newdata)
  columns <- columns_of_cells(
    table, batch, covariates, "the colData of the object"
  )
  query <- map_query.default(
    fit, cells, ..., batch = columns$batch, covariates = columns$covariates,
    fit_name = fit_name
  )
  known <- SingleCellExperiment::reducedDimNames(newdata)
  tell_of_replaced(name, known, "reduced dimensions")
  SingleCellExperiment::reducedDim(newdata, name) <-
    all_rows(placed_values(query, model), colnames(newdata))
  added <- metadata_columns(query, colnames(newdata), prefix)
  for (column in names(added)) {
    SummarizedExperiment::colData(newdata)[[column]] <- added[[column]]
  }
  kept <- S4Vectors::metadata(newdata)
  kept$sailer[[name]] <- query$fit %||% model
  kept$sailer_query[[name]] <- brief_query(query)
  S4Vectors::metadata(newdata) <- kept
  newdata
}

# As RunSAILER() and RunSAILERX() put embeddings into objects.
placed_values <- function(query, fit) {
  embedding(query, unit = inherits(fit, "sailerx_fit"))
}

usual_name <- function(fit) {
  if (inherits(fit, "sailerx_fit")) usual_names[2] else usual_names[1]
}

# Columns of metadata named in `batch` and `covariates`, as their values.
columns_of_cells <- function(table, batch, covariates, where,
                             call = rlang::caller_env()) {
  batch <- named_columns(table, batch, "batch", where, call)
  covariates <- named_columns(table, covariates, "covariates", where, call)
  list(
    batch = plain_columns(batch), covariates = plain_columns(covariates)
  )
}

# What is told of a query in the object: nothing that has a row for each cell.
brief_query <- function(query) {
  query[c("matched", "batches", "likelihoods", "dropped")]
}

tell_of_replaced <- function(name, known, what) {
  if (name %in% known) {
    cli::cli_inform(
      c(i = "The {what} {.val {name}} of the object will be replaced."),
      class = "sailer_note"
    )
  }
}

# One row for each of `cells`, NA for those that were not mapped.
all_rows <- function(values, cells) {
  values <- values[match(cells, rownames(values)), , drop = FALSE]
  rownames(values) <- cells
  values
}

metadata_columns <- function(query, cells, prefix) {
  wanted <- intersect(
    c("predicted_label", "predicted_confidence", "mapping_quality"),
    names(query$cells)
  )
  table <- all_rows(query$cells[wanted], cells)
  names(table) <- paste0(prefix, wanted)
  table
}
