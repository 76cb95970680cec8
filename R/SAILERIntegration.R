#' @rdname RunSAILER
#' @section IntegrateLayers() of Seurat:
#' `SAILERIntegration()` is called by `Seurat::IntegrateLayers(object, method =
#' SAILERIntegration, ...)`: the layers of a v5 assay are the batches, and the
#' result is a list with the reduction, a `DimReduc`, named by `new.reduction`.
#' Calling `RunSAILER()` on the split object does the same, but also logs the
#' command and accepts names of metadata columns.
#'
#' `IntegrateLayers()` passes the layers of normalised data and 2,000 variable
#' features. SAILER reads counts, so layers named `data...` are replaced by the
#' corresponding `counts...`. It also needs all peaks: if `features` are the
#' variable features of the assay, they are replaced by all features, with a
#' message. `IntegrateLayers()` requires an existing reduction
#' (`orig.reduction`), which SAILER does not use.
#'
#' @param orig,scale.layer,groups Ignored.
#' @param layers Names of the layers to integrate; NULL, the default, takes all
#'   layers of counts.
#' @param new.reduction,key Name of the reduction, and prefix of its column
#'   names. Default `"integrated.sailer"` and `"integratedsailer_"`.
#' @param variable.features TRUE uses `features` even if they are the variable
#'   features of the assay. Default FALSE.
#' @param verbose Show the progress of training. Ignored if `control` is given.
#' @examples
#'
#' # As a method of IntegrateLayers(), on a v5 assay with several layers.
#' if (requireNamespace("Seurat", quietly = TRUE) &&
#'   utils::packageVersion("SeuratObject") >= "5.0.0") {
#'   assay <- SeuratObject::CreateAssay5Object(counts = sim$counts)
#'   assay <- split(assay, f = sim$cells$batch)
#'   SAILERIntegration(
#'     assay,
#'     assay = "ATAC", hidden = 16,
#'     control = train_control(epochs = 2, verbose = FALSE)
#'   )
#' }
#' @export
SAILERIntegration <- function(object, assay = "ATAC", orig = NULL,
                              layers = NULL, scale.layer = NULL,
                              features = NULL, groups = NULL,
                              new.reduction = "integrated.sailer",
                              key = "integratedsailer_",
                              variable.features = FALSE, verbose = TRUE, ...) {
  # `orig` and `groups` must not be evaluated: IntegrateLayers() may pass
  # promises that fail.
  need_package("SeuratObject", "for Seurat assays")
  must_be(methods::is(object, "StdAssay"), object, "a v5 assay")
  check_flag(variable.features)
  check_flag(verbose)
  check_text(new.reduction, "new.reduction")
  counts <- sub("^data", "counts", layers %||% "counts")
  if (!identical(counts, layers %||% counts)) {
    note("SAILER reads counts: using layers {.val {counts}} instead of
          {.val {layers}}.")
  }
  features <- integration_features(object, features, variable.features)
  options <- list(...)
  check_options(options, c(
    "resume", options_of(sailer, "x"), options_of(train_control)
  ))
  options$control <- options$control %||% train_control(verbose = verbose)
  reduction <- rlang::inject(RunSAILER(
    object, assay = assay, layer = counts, features = features,
    reduction.key = key, !!!options
  ))
  stats::setNames(list(reduction), new.reduction)
}
attr(SAILERIntegration, "Seurat.method") <- "integration"

# Returns NULL, for all features, if `features` are variable features that the
# user did not ask for: those marked in the assay, and the 2,000 that
# IntegrateLayers() picks over all layers, which may differ. Otherwise returns
# `features`.
integration_features <- function(assay, features, keep) {
  variable <- tryCatch(
    union(
      SeuratObject::VariableFeatures(assay),
      SeuratObject::VariableFeatures(assay, nfeatures = 2000L)
    ),
    error = function(cnd) NULL
  )
  if (is.null(features) || keep || !all(features %in% variable)) {
    return(features)
  }
  note("Using all {nrow(assay)} features instead of the {length(features)}
        variable ones; to use only those, set
        {.code variable.features = TRUE}.")
  NULL
}
