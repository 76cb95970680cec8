# SAILER on Seurat objects and their assays.

#' @rdname RunSAILER
#' @export
RunSAILER.Seurat <- function(object, assay = NULL, layer = "counts",
                             features = NULL, batch = NULL, covariates = NULL,
                             reduction.name = "sailer",
                             reduction.key = "sailer_", resume = NULL, ...) {
  need_package("SeuratObject", "for Seurat objects")
  assay <- choose_assay(object, assay)
  check_text(reduction.name, "reduction.name")
  check_reduction_key(reduction.key)
  check_fit_options(list(...), resume, sailer)
  given <- read_seurat(object, assay, layer, features, batch, covariates)
  own <- function() get_fit(object, reduction.name)
  fit <- fit_cells(given$cells, given$batch, given$covariates, resume, own, ...)
  object <- store_in_seurat(object, fit, assay, reduction.name, reduction.key)
  if (is.null(fit$embedding)) {
    return(object)
  }
  command <- SeuratObject::LogSeuratCommand(object, return.command = TRUE)
  command <- complete_command(
    command, c(list(...), fit$control), "RunSAILER", assay
  )
  object[[command@name]] <- command
  object
}

# What a fit needs of an object: list(cells, batch, covariates).
read_seurat <- function(object, assay, layer, features, batch, covariates,
                        call = rlang::caller_env()) {
  cells <- as_cells(object, assay = assay, layer = layer, features = features)
  columns <- function(names, arg) {
    table <- object[[]][cells$cells, , drop = FALSE]
    named_columns(table, names, arg, "the metadata of the object", call)
  }
  labels <- if (is.null(batch)) {
    layers_as_batches(object[[assay]], layer, cells$cells)
  } else {
    columns(batch, "batch")
  }
  others <- columns(covariates, "covariates")
  tell_of_missing_cells(ncol(object) - ncol(cells), assay)
  list(cells = cells, batch = labels, covariates = others)
}

# A reduction with the fit, or the fit alone where there is no embedding.
store_in_seurat <- function(object, fit, assay, name, key, unit = FALSE) {
  if (is.null(fit$embedding)) {
    return(keep_fit_alone(object, fit, name))
  }
  object[[name]] <- new_reduction(fit, assay, key, unit)
  object
}

keep_fit_alone <- function(object, fit, name) {
  fits <- SeuratObject::Misc(object, "sailer")
  fits[[name]] <- fit
  suppressWarnings(SeuratObject::Misc(object, "sailer") <- fits)
  warn_of_no_embedding(fit)
  object
}

#' @rdname RunSAILER
#' @export
RunSAILER.Assay <- function(object, assay = "ATAC", layer = "counts",
                            features = NULL, batch = NULL, covariates = NULL,
                            reduction.key = "sailer_", resume = NULL, ...) {
  need_package("SeuratObject", "for assays of Seurat")
  check_text(assay, "assay")
  check_reduction_key(reduction.key)
  check_fit_options(list(...), resume, sailer)
  cells <- as_cells(object, layer = layer, features = features)
  labels <- batch %||% layers_as_batches(object, layer, cells$cells)
  own <- function() {
    abort("An assay holds no fit: give the fit itself as {.arg resume}.")
  }
  fit <- fit_cells(cells, labels, covariates, resume, own, ...)
  new_reduction(fit, assay, reduction.key)
}

#' @rdname RunSAILER
#' @export
RunSAILER.StdAssay <- RunSAILER.Assay

new_reduction <- function(fit, assay, key, unit = FALSE) {
  values <- embedding(fit, unit = unit)
  colnames(values) <- paste0(key, seq_len(ncol(values)))
  SeuratObject::CreateDimReducObject(
    embeddings = values, key = key, assay = assay,
    stdev = unname(apply(values, 2, stats::sd)), misc = list(fit = fit)
  )
}

# Layers are batches where nothing else was said.
layers_as_batches <- function(assay, layer, cells) {
  labels <- layer_of_cells(assay, layer, cells)
  if (!is.null(labels)) {
    cli::cli_inform(c(
      i = "The {nlevels(labels)} layers are taken as batches:
           {.val {levels(labels)}}. Name a column in {.arg batch} for others."
    ), class = "sailer_note")
  }
  labels
}

tell_of_missing_cells <- function(n, assay) {
  if (n > 0) {
    cli::cli_inform(c(
      i = "{n} cell{?s} of the object {?is/are} not in the counts of assay
           {.val {assay}} and will not be in the reduction."
    ), class = "sailer_note")
  }
}

check_reduction_key <- function(key, call = rlang::caller_env()) {
  if (!rlang::is_string(key) || !grepl("^[[:alnum:]]+_$", key)) {
    abort(
      "{.arg reduction.key} must be letters and digits with an underscore at
       the end, such as {.val sailer_}.",
      call = call
    )
  }
}

# Options of the model and the training belong to the log; long values do not.
# Seurat prints what is in it by cat(), which takes no lists, and deparses the
# call, objects within it included when it came from do.call().
complete_command <- function(command, options, door, assay) {
  params <- c(command@params, options)
  params <- params[!duplicated(names(params))]
  short <- vapply(
    params, function(value) is.atomic(value) && length(value) <= 100, logical(1)
  )
  command@params <- params[short & lengths(params) > 0]
  command@name <- paste(door, assay, sep = ".")
  if (sum(nchar(command@call.string)) > 2000) {
    command@call.string <- paste0(door, "(...)")
  }
  command
}
