# Maps new cells to a trained model: peaks, embedding, batch, labels.

#' Map new cells to a trained model
#'
#' Embeds query cells with a trained model of [sailer()] or [sailerx()]: matches
#' their peaks to those of the model, finds which of the model's batches they
#' resemble most, and transfers labels from their nearest neighbours among the
#' training cells. ATAC-only cells can be mapped to a multiome model, which
#' embeds them from their peaks; for multiome cells a `reference` can be given.
#'
#' @section Peaks:
#' Peaks are matched by name. If the query lacks some of the model's peak names,
#' each of its other peaks is assigned to the model's peak with which it shares
#' the most bases (ignoring strand; package GenomicRanges). Several query peaks
#' may be assigned to one peak of the model, which is open if any of them is.
#' Ranges are taken from `ranges`, the object, or names such as `chr1-100-200`
#' and `chr1:100-200`. A message, and `matched` in the result, give the share of
#' the model's peaks that were found and the share of the query's open entries
#' that are used. Peaks of the model that the query lacks count as closed. The
#' encoder scales every cell to length 1 (`input_scale` of [sailer()]), so
#' scattered missing peaks have little more effect than a lower depth; missing
#' regions matter more. It is best to count the query's fragments in the model's
#' peaks.
#'
#' @section Batches:
#' The encoder does not read the batch: the embedding is the same for every
#' `batch`. Only the decoder uses it, for instance in imputation. For each query
#' batch, the result names the known batch under which the query cells (at most
#' 1,000, chosen at random) have the highest log-likelihood, given their
#' posterior means and depths.
#'
#' `adapt = TRUE` also learns a batch input for each new batch, a vector that
#' replaces the one-hot code of a known batch. It is trained by Adam, starting
#' at the nearest known batch, on up to 2,000 query cells, with the model itself
#' frozen. A quarter of the cells (at most 1,000) is held out; the vector under
#' which their likelihood is highest is kept, and that likelihood is reported.
#' The returned fit knows the batch by its name; the fit that was passed in does
#' not change. Batches that the model already knows are not learned. A model
#' that was trained on a single batch has no batch input and cannot be adapted.
#' Peaks that the query lacks count as closed here too, so their absence is
#' learned as part of the batch.
#'
#' @section Labels and quality:
#' Labels are transferred from the nearest neighbours in the embedding, where
#' every cell has length 1. Without this scaling, the few training cells near 0
#' would be the neighbours of most new cells, because the posterior means of
#' training cells lie farther from 0 than those of new cells (by a factor of 1.4
#' to 1.7 on bone marrow).
#'
#' The mapping quality compares the posterior means of query cells with those of
#' held-out cells, of which the model keeps up to 1,000 (or of all training
#' cells, if fewer than 30 were held out). It is the share of these cells whose
#' fifth-nearest neighbour among them is at least as far away as the query
#' cell's. For [sailerx()] models all means are scaled to length 1 first. The
#' quality is a hint, not a test: a new cell type that is close to one of the
#' training types goes unnoticed, and training cells of [sailer()] models get a
#' low quality, because their means lie farther out.
#'
#' @section Seurat and SingleCellExperiment:
#' The result is the object with the embedding and the metadata columns
#' `mapping_quality` and, with `labels`, `predicted_label` and
#' `predicted_confidence` (preceded by `prefix`). Dropped cells have NA.
#' [get_fit()] returns the model (with the adapted batches), so [ImputeSAILER()]
#' and other functions work on the query as on the reference. `batch` and
#' `covariates` name metadata columns. `fit` may be the reference object: then
#' the cells currently in it vote, and `labels` may name a column of its
#' metadata.
#'
#' @inheritParams RunSAILER
#' @param fit A fit of [sailer()] or [sailerx()], or a Seurat or
#'   SingleCellExperiment object that holds one.
#' @param newdata The query: counts of peaks x cells, in any form that
#'   [as_cells()] accepts, including a path for [open_cells()], or a Seurat or
#'   SingleCellExperiment object.
#' @param labels Labels of the *training* cells: a vector named by cell, or in
#'   the order of the training cells; cells with NA do not vote. Each query cell
#'   gets the label with the most votes among its `k` nearest neighbours,
#'   weighted by distance. NULL, the default, transfers no labels.
#' @param batch Batch of the query cells: one name for all, or one for each cell
#'   (as in [sailer()]); for objects, the name of a column. NULL, the default,
#'   means one batch named `"query"`.
#' @param adapt TRUE learns a batch input for each new batch. Default FALSE.
#' @param covariates Values of the model's covariates for the query cells, as in
#'   [sailer()]; for objects, names of columns. They affect only what the
#'   section on batches describes. Covariates that are not given are set to
#'   their mean, labels to the average of all levels.
#' @param ranges `GRanges` of the query's peaks, in their order. NULL, the
#'   default, takes them from `newdata` or from the peak names.
#' @param model_ranges The same for the model's peaks, in the order of
#'   `fit$peaks`. NULL, the default, takes them from the peak names. If both
#'   arguments are given, names are ignored.
#' @param min_matched Minimum share of the model's peaks that must be matched,
#'   from 0 to 1. Default 0.5.
#' @param drop_empty TRUE drops query cells in which no peak of the model is
#'   open, with a message; with FALSE, the default, they are an error.
#' @param k Number of neighbours that vote on labels, default 15.
#' @param batch_column Batch column of the model that `batch` corresponds to.
#'   NULL, the default, takes the first.
#' @param adapt_steps Maximum number of minibatches of 100 cells for learning a
#'   batch input, default 200; learning stops earlier if the held-out likelihood
#'   no longer rises.
#' @param seed Whole number that determines which cells are drawn, and their
#'   order.
#' @param fit_name If `fit` is an object: the name of the reduction, as in
#'   [get_fit()].
#' @param reference For a joint [sailerx()] model: the reference embedding of
#'   the query cells, as in [predict()][predict.sailer_fit]. Cells without one
#'   are embedded from their peaks alone.
#' @param ... Not used: an unknown name is an error.
#' @param prefix Prefix of the names of metadata columns. Default `""`.
#'
#' @return For objects, the object. Otherwise a list of class `"sailer_query"`:
#' * `embedding`: matrix, query cells x latent dimensions, also returned by
#'   [embedding()].
#' * `cells`: data frame with one row per query cell: `depth`, the number of the
#'   model's peaks that are open in it; `batch`; `mapping_quality` and, with
#'   `labels`, `predicted_label` and `predicted_confidence`.
#' * `scores`: with `labels`, matrix of query cells x labels.
#' * `matched`: list: `peaks`, the share of the model's peaks that are matched;
#'   `counts`, the share of the query's open entries that are used; `n_model`,
#'   `n_matched`, the sum of `by_name` and `by_overlap`; `n_query`, `n_used`.
#' * `batches`: data frame with one row per query batch: `batch`, `n_cells`,
#'   `known` (to the model), `nearest`, and, in nats per cell, `log_likelihood`
#'   under the nearest batch and `adapted_log_likelihood`. NULL for a model
#'   without batches.
#' * `likelihoods`: matrix of query batches x known batches.
#' * `fit`: with `adapt = TRUE`, the fit with `extra_batches`; otherwise NULL.
#' * `dropped`: names of the dropped cells.
#' @seealso [predict()][predict.sailer_fit] for the embedding alone.
#' @references Cao (2023), section 2.2.3; for multiome models section 3.2.3.
#' @examples
#' sim <- simulate_atac(
#'   n_cells = 300, n_peaks = 500, n_types = 3, n_batches = 3, rare = NULL,
#'   seed = 1
#' )
#' old <- sim$cells$batch != "batch3"
#' fit <- sailer(
#'   sim$counts[, old],
#'   batch = sim$cells$batch[old], hidden = 32, n_latent = 8,
#'   control = train_control(epochs = 10, verbose = FALSE)
#' )
#' query <- map_query(
#'   fit, sim$counts[, !old],
#'   labels = sim$cells$cell_type[old], batch = "batch3", adapt = TRUE
#' )
#' query
#' mean(query$cells$predicted_label == sim$cells$cell_type[!old])
#' query$fit$extra_batches
#' @export
map_query <- function(fit, newdata, labels = NULL, batch = NULL, adapt = FALSE,
                      covariates = NULL, ranges = NULL, model_ranges = NULL,
                      min_matched = 0.5, drop_empty = FALSE, k = 15,
                      batch_column = NULL,
                      adapt_steps = 200, seed = 1, fit_name = NULL,
                      reference = NULL, ..., assay = NULL, layer = NULL,
                      assay.type = NULL, altexp = NULL, reduction.name = NULL,
                      reduction.key = NULL, name = reduction.name,
                      prefix = "") {
  abort_if(missing(newdata), c(
    "{.arg newdata} is missing: give the cells to map.",
    i = "The embedding of the training cells is {.code embedding(fit)}."
  ))
  refuse_others(list(...), map_query)
  check_number(k, min = 1, whole = TRUE)
  check_number(adapt_steps, min = 1, whole = TRUE)
  check_number(seed, whole = TRUE)
  check_text(name, "name", null = TRUE)
  check_reduction_key(reduction.key)
  check_text(prefix, "prefix")
  held <- read_fitted(fit, name = fit_name)
  fit <- held$fit
  if (!is.null(labels)) {
    # NA for cells that do not vote.
    known <- rownames(reference_cells(held))
    labels <- input_values(held$input, labels, "labels", known, partial = TRUE)
  }
  input <- read_input(newdata, where_of(environment()))
  cells <- input$counts
  named <- if (rlang::is_string(reference)) reference
  reference <- reference_rows(
    fit, input_reference(list(fit = fit, input = input), reference, FALSE),
    cells
  )
  batch <- query_labels(
    input_columns(input, batch, "batch", cells$cells), cells$cells
  )
  covariates <- as_columns(
    input_columns(input, covariates, "covariates", cells$cells), "covariates",
    cells$cells
  )
  query <- query_cells(
    cells, fit$peaks, ranges, model_ranges, min_matched, drop_empty
  )
  kept <- match(query$cells$cells, cells$cells)
  covariates <- lapply(covariates, `[`, kept)
  judged <- query_batches(
    fit, query, batch[kept], covariates, adapt, batch_column, adapt_steps, seed
  )
  means <- embed_cells(
    fit, query$cells, seq_along(fit$peaks),
    seen_reference(fit, reference, query$cells)
  )
  values <- unit_rows(means)
  # Objects written by sailer 0.1.0 hold posterior means, not scaled.
  found <- if (!is.null(labels)) {
    transfer_labels(unit_rows(reference_cells(held)), labels, values, k)
  }
  table <- data.frame(
    depth = query$depth, batch = batch[kept], row.names = query$cells$cells
  )
  if (!is.null(found)) table <- cbind(table, found$cells)
  table$mapping_quality <- mapping_quality(fit, means)
  query <- structure(list(
    embedding = values, cells = table,
    scores = found$scores, matched = query$matched,
    batches = judged$batches, likelihoods = judged$likelihoods,
    fit = judged$fit, dropped = query$dropped, model = class(fit)[1]
  ), class = "sailer_query")
  if (is.null(input$table)) {
    return(query)
  }
  write_query(newdata, input, query, fit, named, name, reduction.key, prefix)
}

# Returns the object with the mapped cells and the model. The place of the
# counts and the name of the SAILERX reference, which the model had in the
# reference object, are replaced by those of the query.
write_query <- function(object, input, query, fit, reference, name, key,
                        prefix) {
  report_missing_cells(input)
  model <- query$fit %||% fit
  model$place <- input$place
  model["reference_name"] <- list(reference)
  name <- name %||%
    input$naming(if (inherits(fit, "sailerx_fit")) "sailerx" else "sailer")
  if (!is.null(input$embedding(name))) {
    note("The reduction {.val {name}} of the object will be replaced.")
  }
  columns <- query$cells[intersect(
    c("predicted_label", "predicted_confidence", "mapping_quality"),
    names(query$cells)
  )]
  names(columns) <- paste0(prefix, names(columns))
  write_result(object, list(
    input = input, name = name, key = key, embedding = query$embedding,
    fit = model, columns = columns,
    # Only elements without a row per cell.
    query = query[c("matched", "batches", "likelihoods", "dropped")]
  ))
}

# Returns the embedded cells that an object or a fit holds: cells x dimensions.
reference_cells <- function(held) {
  if (held$own) {
    return(embedding(held$fit))
  }
  values <- held$input$embedding(held$name)
  if (is.null(values)) {
    abort("The object holds a fit, but no reduction {.val {held$name}}.")
  }
  values[!is.na(rowSums(values)), , drop = FALSE]
}

# Returns the batch of each query cell as text; a single name applies to all.
query_labels <- function(batch, cells) {
  batch <- written_out(batch %||% "query")
  if (is.atomic(batch) && length(batch) == 1 && !is.na(batch)) {
    return(rep(label_text(labels_in_utf8(batch, "batch")), length(cells)))
  }
  columns <- as_columns(batch, "batch", cells)
  if (length(columns) != 1) {
    abort("{.arg batch} must be one column of labels, not
           {length(columns)}.")
  }
  label_text(columns[[1]])
}

#' @export
print.sailer_query <- function(x, ...) {
  cat(format_query(x), sep = "\n")
  invisible(x)
}

format_query <- function(x) {
  cells <- x$cells
  c(
    sprintf(
      "<sailer_query> %s cells in %d dimensions of a %s",
      big(nrow(x$embedding)), ncol(x$embedding), x$model
    ),
    if (length(x$dropped) > 0) {
      sprintf("  %s left out: no open peak", big(length(x$dropped)))
    },
    paste0("  ", matched_lines(x$matched)),
    if (!is.null(x$batches)) paste0("  ", batch_lines(x$batches)),
    if (!is.null(x$scores)) sprintf(
      "  %d labels: median confidence %.2f", ncol(x$scores),
      stats::median(cells$predicted_confidence)
    ),
    if (!anyNA(cells$mapping_quality)) sprintf(
      "  mapping quality below 0.05: %.1f %% of the cells",
      100 * mean(cells$mapping_quality < 0.05)
    )
  )
}
