#' Run SAILER and SAILERX on Seurat and SingleCellExperiment objects
#'
#' Finds the counts in the object, takes batch and covariates from its metadata,
#' trains [sailer()] or [sailerx()], and adds the embedding to the object. The
#' counts are only read, never modified, joined or made dense. If an error
#' occurs, the object remains unchanged.
#'
#' @section Seurat:
#' Counts are taken from the default assay or, if its features are not named by
#' ranges, from the first assay with peaks, with a message. Several layers of a
#' v5 assay, as after `split()`, are streamed one after another; peaks missing
#' from a layer count as closed in its cells. With `batch = NULL` these layers
#' are the batches; use `batch = character()` for no batches. Layers may be
#' BPCells or DelayedArray matrices. A `ChromatinAssay` or `GRangesAssay` of
#' Signac provides the ranges of its peaks, which `architecture = "chromosome"`
#' needs.
#'
#' Cells that are missing from the assay or its layers are not in the reduction.
#' If `object` is an assay, the result is the reduction, a `DimReduc`, and
#' `batch` and `covariates` are given as values, as in [sailer()].
#'
#' @section SingleCellExperiment:
#' Counts are taken from the main experiment or, if its rows are not peaks, from
#' the only alternative experiment with peaks. The embedding is added to the
#' main experiment. DelayedArray assays are read in blocks; a `TENxMatrix` or
#' `H5ADMatrix` is read directly from its file.
#'
#' @param object A `Seurat` object, one of its assays (`Assay`, `Assay5`,
#'   Signac's `ChromatinAssay`, `GRangesAssay`), or a `SingleCellExperiment`.
#'   Matrices, files and lists of samples are passed to [sailer()] or
#'   [sailerx()], and the fit is returned.
#' @param batch,covariates Names of one or more metadata columns of the object:
#'   the batches, and other variables (numbers or labels) whose effects are
#'   removed from the embedding. See [sailer()].
#' @param ... Options of [sailer()] or [sailerx()] and of [train_control()]:
#'   `architecture`, `n_latent`, `hidden`, `lambda`, `alignment`, `epochs`,
#'   `seed`, `device`, `checkpoint`, `control` and more. An unknown name is an
#'   error.
#' @param assay Seurat: name of the assay. If `object` is an assay: the assay
#'   name to record in the reduction, by default `"ATAC"`.
#' @param layer Seurat: layer (in old assays, slot) with the counts. Default
#'   `"counts"`.
#' @param assay.type SingleCellExperiment: name of the assay with the counts.
#'   NULL, the default, takes `"counts"` or, if there is no such assay, the only
#'   one.
#' @param altexp SingleCellExperiment: name of the alternative experiment with
#'   the peaks. NULL, the default, takes the main experiment if its rows are
#'   peaks (ranges without a strand, or named like `chr1-100-200`), otherwise
#'   the only alternative experiment with peaks. SAILERX needs the RNA in the
#'   main experiment: see `SingleCellExperiment::swapAltExp()`.
#' @param features Names of the peaks to use; NULL, the default, uses all that
#'   `min_fraction` and `max_fraction` allow.
#' @param reduction.name,name Name of the reduction; the two arguments are
#'   synonyms. Default `"sailer"` or `"sailerx"` (Seurat) and `"SAILER"` or
#'   `"SAILERX"` (SingleCellExperiment).
#' @param reduction.key Seurat: prefix of the column names of the reduction.
#'   Default: its name followed by an underscore, such as `"sailer_"`.
#' @param resume Continue a training run instead of starting a new one: TRUE for
#'   the interrupted fit stored in the object under this name, a fit (such as
#'   from [get_fit()]), or a checkpoint folder. `...` then takes options of
#'   [resume()]; `batch` and `covariates` are those of that fit. Default NULL.
#'
#' @return The object with the embedding, cells x latent dimensions: a `Seurat`
#'   object with a reduction and an entry in the command log (`Command(object)`,
#'   without long arguments), a `SingleCellExperiment` with reduced dimensions,
#'   or, for an assay, a `DimReduc`. If the reference had to be computed, it is
#'   added as well. The stored model, which [get_fit()] returns, holds no cells.
#'   [ImputeSAILER()] and other functions read them from the object, so cells
#'   may be renamed, merged, reordered or removed.
#' @seealso [sailer()], [get_fit()], [SAILERIntegration()] for
#'   `Seurat::IntegrateLayers()`.
#' @references Cao (2023), chapters 2 and 3; section 3.2.3 for hybrid objects.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#'
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(
#'     sim$counts,
#'     assay = "ATAC", meta.data = sim$cells
#'   )
#'   object <- RunSAILER(
#'     object,
#'     batch = "batch", hidden = 32, epochs = 3, verbose = FALSE
#'   )
#'   print(SeuratObject::Reductions(object))
#'   print(get_fit(object))
#' }
#'
#' if (requireNamespace("SingleCellExperiment", quietly = TRUE)) {
#'   sce <- SingleCellExperiment::SingleCellExperiment(
#'     list(counts = sim$counts),
#'     colData = sim$cells
#'   )
#'   sce <- RunSAILER(
#'     sce,
#'     batch = "batch", hidden = 32, epochs = 3, verbose = FALSE
#'   )
#'   print(dim(SingleCellExperiment::reducedDim(sce, "SAILER")))
#' }
#' @export
RunSAILER <- function(object, batch = NULL, covariates = NULL, ...,
                      assay = NULL, layer = NULL, assay.type = NULL,
                      altexp = NULL, features = NULL, reduction.name = NULL,
                      reduction.key = NULL, name = reduction.name,
                      resume = NULL) {
  run_sailer(
    object, list(...), where_of(environment(), features = features), batch,
    covariates, resume,
    list(name = name, key = reduction.key, call = match.call())
  )
}

# Implements RunSAILER() and, if `guided`, RunSAILERX(). `output`: list(name,
# key, call).
run_sailer <- function(object, options, where, batch, covariates, resume,
                       output, reference = NULL, rna = NULL, guided = FALSE) {
  model <- if (guided) "sailerx" else "sailer"
  # Checks options, of the model or of resume(), before anything is read.
  own <- if (!goes_on(resume)) {
    options_of(match.fun(model), c("x", "reference"))
  }
  check_options(options, c(options_of(train_control), "control", own))
  check_text(output$name, "name", null = TRUE)
  check_reduction_key(output$key)
  input <- read_input(object, where)
  force(input$writable)
  output$name <- output$name %||% input$naming(model)
  if (guided) reference <- reference %||% input$reference
  if (identical(output$name, reference)) {
    abort("The embedding and its {.arg reference} are both named
           {.val {reference}}: the embedding needs another name.")
  }
  counts <- input$counts
  # Metadata are matched to cells by these names.
  check_names(counts$cells, "cell", "column")
  labels <- if (is.null(batch)) {
    taken_as_batches(input$labels, "layers")
  } else {
    input_columns(input, batch, "batch", counts$cells)
  }
  others <- input_columns(input, covariates, "covariates", counts$cells)
  report_missing_cells(input)
  guide <- if (guided && !goes_on(resume)) {
    found <- input$guide(reference, rna)
    # For matrices and files it is already what sailerx() takes as `reference`.
    if (is.null(found$depth)) found else new_guide(found, input$counts)
  }
  if (rlang::is_true(resume)) {
    resume <- find_fit(object, output$name, "sailer_fit")$fit
  }
  fit <- fit_cells(counts, labels, others, resume, options, guided, guide)
  fit$place <- input$place
  if (rlang::is_string(reference)) fit$reference_name <- reference
  given <- list(
    batch = batch, covariates = covariates, reference = guide$name,
    rna.assay = guide$place, reduction.name = output$name
  )
  write_fit(
    object, input, fit, output, c(given, options),
    if (!is.null(fit$embedding)) embedding(fit), made = guide$made
  )
}

# Returns the object with a fit, its embedding (NULL if training was interrupted
# before there was one) and the reference that was `made` for it.
write_fit <- function(object, input, fit, output, options, embedding,
                      loadings = NULL, made = NULL) {
  embedded <- !is.null(embedding)
  if (!embedded) warn_of_no_embedding(fit)
  options <- c(input$place, options, fit$control)
  write_result(object, list(
    input = input, name = output$name, key = output$key, fit = fit,
    embedding = embedding, loadings = loadings,
    reference = if (!is.null(made)) {
      list(name = fit$reference_name, values = made)
    },
    command = if (embedded) new_command(verb_of(fit), output$call, options)
  ))
}

# The name of the function that trains such a fit on an object.
verb_of <- function(fit) {
  switch(class(fit)[1],
    sailerx_fit = "RunSAILERX", expresser_fit = "RunExpresser", "RunSAILER"
  )
}

# Returns list(name, call, options) for the command log of an object.
new_command <- function(name, call, options) {
  call[[1]] <- as.name(name)
  list(
    name = name, call = short_call(call),
    options = options[!duplicated(names(options))]
  )
}

report_missing_cells <- function(input) {
  n <- length(input$names) - length(input$counts$cells)
  if (n > 0) {
    note("{n} cell{?s} of the object {?is/are} not in the counts of assay
          {.val {input$place$assay}} and will not be in the reduction.")
  }
}
