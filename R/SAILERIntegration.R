#' SAILER as a method of Seurat's IntegrateLayers()
#'
#' For `Seurat::IntegrateLayers(object, method = SAILERIntegration, ...)`: the
#' layers of a v5 assay are the batches, and the reduction is that of
#' [RunSAILER()]. Calling [RunSAILER()] on the split object does the same, logs
#' the command, and takes metadata columns by name.
#'
#' `IntegrateLayers()` passes the layers of normalised data and 2,000 variable
#' features. SAILER reads counts, so layers named `data...` are replaced by
#' their `counts...`; and since it needs all peaks, `features` that are the
#' variable features of the assay are replaced by all features, with a message.
#' `IntegrateLayers()` requires an existing reduction (`orig.reduction`), though
#' SAILER does not use it.
#'
#' @param object A v5 assay.
#' @param assay Name of the assay.
#' @param orig,scale.layer,groups Ignored.
#' @param layers Names of the layers to integrate; NULL, the default, takes all
#'   layers of counts.
#' @param features Names of the peaks to use.
#' @param new.reduction Name of the reduction. Default `"integrated.sailer"`.
#' @param key Prefix of its column names. Default `"integratedsailer_"`.
#' @param variable.features TRUE uses `features` even if they are the variable
#'   features of the assay. Default FALSE.
#' @param verbose FALSE is silent, also in training, unless `control` is given.
#' @param ... Options of [sailer()]; `batch` and `covariates` are values with
#'   the cells' names.
#' @return A list with one `DimReduc`, named by `new.reduction`.
#' @references Cao (2023), chapter 2.
#' @examples
#' # Needs Seurat 5 and an object whose assay has several layers.
#' if (requireNamespace("Seurat", quietly = TRUE) &&
#'   utils::packageVersion("SeuratObject") >= "5.0.0") {
#'   sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#'   assay <- SeuratObject::CreateAssay5Object(counts = sim$counts)
#'   assay <- split(assay, f = sim$cells$batch)
#'   reductions <- SAILERIntegration(
#'     assay,
#'     assay = "ATAC", hidden = 16,
#'     control = train_control(epochs = 2, verbose = FALSE)
#'   )
#'   reductions$integrated.sailer
#' }
#' @export
SAILERIntegration <- function(object, assay = "ATAC", orig = NULL,
                              layers = NULL, scale.layer = NULL,
                              features = NULL, groups = NULL,
                              new.reduction = "integrated.sailer",
                              key = "integratedsailer_",
                              variable.features = FALSE, verbose = TRUE, ...) {
  # `orig` and `groups` must not be touched: IntegrateLayers() may pass promises
  # that cannot be evaluated.
  need_package("SeuratObject", "for assays of Seurat")
  if (!methods::is(object, "StdAssay")) {
    abort("{.arg object} must be a v5 assay, not
           {.obj_type_friendly {object}}.")
  }
  check_flag(variable.features)
  check_flag(verbose)
  check_text(new.reduction, "new.reduction")
  layers <- counts_of_layers(object, layers)
  features <- integration_features(object, features, variable.features)
  options <- list(...)
  check_options(options, c(
    "resume", setdiff(names(formals(sailer)), c("x", "...")),
    names(formals(train_control))
  ))
  options$control <- options$control %||% train_control(verbose = verbose)
  reduction <- rlang::inject(RunSAILER(
    object, assay = assay, layer = layers, features = features,
    reduction.key = key, !!!options
  ))
  stats::setNames(list(reduction), new.reduction)
}
attr(SAILERIntegration, "Seurat.method") <- "integration"

# Layers of normalised data stand for their counts.
counts_of_layers <- function(assay, layers) {
  if (is.null(layers)) {
    return("counts")
  }
  counts <- sub("^data", "counts", layers)
  if (!identical(counts, layers)) {
    note("SAILER reads counts: layers {.val {counts}} in place of
          {.val {layers}}.")
  }
  counts
}

# NULL for all features, in place of the variable ones that nobody asked for.
integration_features <- function(assay, features, keep) {
  if (is.null(features) || keep) {
    return(features)
  }
  if (!all(features %in% variable_features(assay))) {
    return(features)
  }
  note("All {nrow(assay)} features are used in place of the {length(features)}
        variable ones; {.code variable.features = TRUE} keeps to them.")
  NULL
}

# Those that the assay marks, and the 2,000 that IntegrateLayers() picks over
# all layers, which may be others.
variable_features <- function(assay) {
  tryCatch(
    union(
      SeuratObject::VariableFeatures(assay),
      SeuratObject::VariableFeatures(assay, nfeatures = 2000L)
    ),
    error = function(cnd) NULL
  )
}
