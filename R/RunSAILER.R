#' SAILER on Seurat and SingleCellExperiment objects
#'
#' A thin layer over [sailer()]: finds the counts in the object, takes batch and
#' covariates from its metadata, trains, and puts the embedding into the object.
#' Everything else of the object stays as it is; the counts are read, never
#' rewritten, joined or made dense. When anything fails the given object is
#' untouched.
#'
#' @section Seurat:
#' The counts come from `layer` of `assay`. Several layers of a v5 assay, as
#' after `split()`, are streamed one after another and not joined; peaks that
#' a layer lacks count as closed in its cells. With `batch = NULL` such layers
#' are the batches, which a message tells; `batch = character()` takes none.
#' Layers may be BPCells or DelayedArray matrices, which are read by blocks of
#' cells. A `ChromatinAssay` or `GRangesAssay` of Signac brings the ranges of
#' its peaks, which `architecture = "chromosome"` needs.
#'
#' Cells that the assay (or its layers) does not cover are not in the
#' reduction. An assay alone gives the reduction itself, a `DimReduc`; `batch`
#' and `covariates` are then values, as [sailer()] takes them.
#'
#' @section SingleCellExperiment:
#' The counts come from the assay `assay.type` of the object or of its
#' alternative experiment `altexp`. The embedding always goes to the main
#' experiment, whose columns are the same cells, and `batch` and `covariates`
#' name columns of its `colData`. DelayedArray assays are read by
#' blocks, a `TENxMatrix` or `H5ADMatrix` straight from its file.
#'
#' @param object A `Seurat` object, one of its assays (`Assay`, `Assay5`,
#'   Signac's `ChromatinAssay`, `GRangesAssay`), or a `SingleCellExperiment`.
#'   For matrices and files see [sailer()].
#' @param ... Options of [sailer()], which document them: `architecture`,
#'   `n_latent`, `hidden`, `lambda`, `omega`, `min_fraction`, `max_fraction`,
#'   `control` and more. An unknown name is an error. Options of training, such
#'   as `epochs`, go into `control = train_control(epochs = 20)`.
#' @param assay Name of the assay; NULL, the default, takes the object's default
#'   assay. For an assay alone: the name that the reduction gives for it.
#' @param layer Layer (slot, in old assays) of the counts; see the section on
#'   Seurat. Default `"counts"`.
#' @param features Names of the peaks to use; NULL, the default, takes all of
#'   which `min_fraction` and `max_fraction` allow.
#' @param batch,covariates Names of columns of the object's metadata, one or
#'   several: batches, and further things to take out of the embedding (numbers
#'   or labels). See [sailer()].
#' @param reduction.name,reduction.key Name of the reduction and beginning of
#'   its columns' names. Defaults `"sailer"` and `"sailer_"`.
#' @param assay.type Name of the assay with the counts. NULL, the default, takes
#'   `"counts"` or, where it has another name, the only one.
#' @param altexp Name of the alternative experiment with the peaks; NULL, the
#'   default, takes the main experiment.
#' @param name Name of the reduced dimensions. Default `"SAILER"`.
#' @param resume What to go on with instead of training anew: TRUE for the
#'   interrupted fit that the object holds under this name, a fit, or the folder
#'   of a checkpoint. `...` are then the options of [resume()], and `batch` and
#'   `covariates` are those of that fit. NULL, the default, trains anew.
#'
#' @return The object with the embedding of cells x latent dimensions, in its
#'   own order of cells: a `Seurat` object with a reduction and the command
#'   logged (`Command(object)`; long arguments are left out of the log), a
#'   `SingleCellExperiment` with reduced dimensions, a `DimReduc` for an assay.
#'   [get_fit()] finds the fit.
#' @section Errors:
#' `sailer_argument_error` for an assay, layer, alternative experiment, column
#' of the metadata (the nearest ones are listed) or option that is not there,
#' and for a package that is not installed; and the errors of [sailer()].
#' @seealso [sailer()], [get_fit()], [SAILERIntegration()] for
#'   `Seurat::IntegrateLayers()`.
#' @references Cao (2023), chapter 2; for the chromosome architecture section
#'   3.2.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#' brief <- train_control(epochs = 3, verbose = FALSE)
#'
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(
#'     sim$counts,
#'     assay = "ATAC", meta.data = sim$cells
#'   )
#'   object <- RunSAILER(object, batch = "batch", hidden = 32, control = brief)
#'   print(SeuratObject::Reductions(object))
#'   print(get_fit(object))
#' }
#'
#' if (requireNamespace("SingleCellExperiment", quietly = TRUE)) {
#'   sce <- SingleCellExperiment::SingleCellExperiment(
#'     list(counts = sim$counts),
#'     colData = sim$cells
#'   )
#'   sce <- RunSAILER(sce, batch = "batch", hidden = 32, control = brief)
#'   print(dim(SingleCellExperiment::reducedDim(sce, "SAILER")))
#' }
#' @order 1
#' @export
RunSAILER <- function(object, ...) {
  UseMethod("RunSAILER")
}

#' @export
RunSAILER.default <- function(object, ...) {
  if (load_class(object)) {
    return(RunSAILER(object, ...))
  }
  refuse_class(object, "RunSAILER", "sailer")
}

refuse_class <- function(object, door, core, call = rlang::caller_env()) {
  abort(
    c(
      "{.fn {door}} is for Seurat and SingleCellExperiment objects, not for
       {.obj_type_friendly {object}}.",
      i = "For a matrix or cells from {.fn open_cells} call {.fn {core}}; its
           {.fn embedding} is a matrix."
    ),
    call = call
  )
}

#' @rdname RunSAILER
#' @export
RunSAILER.SingleCellExperiment <- function(object, assay.type = NULL,
                                           altexp = NULL, features = NULL,
                                           batch = NULL, covariates = NULL,
                                           name = "SAILER", resume = NULL,
                                           ...) {
  need_package("SingleCellExperiment", "for SingleCellExperiment objects")
  need_package("SummarizedExperiment", "for SingleCellExperiment objects")
  check_text(name, "name")
  check_fit_options(list(...), resume, sailer)
  given <- read_experiment(
    object, assay.type, altexp, features, batch, covariates
  )
  own <- function() get_fit(object, name)
  fit <- fit_cells(given$cells, given$batch, given$covariates, resume, own, ...)
  store_in_experiment(object, fit, name)
}

# What a fit needs of an object: list(cells, batch, covariates).
read_experiment <- function(object, assay.type, altexp, features, batch,
                            covariates, call = rlang::caller_env()) {
  cells <- as_cells(
    object, assay.type = assay.type, altexp = altexp, features = features
  )
  table <- SummarizedExperiment::colData(object)
  columns <- function(names, arg) {
    plain_columns(
      named_columns(table, names, arg, "the colData of the object", call)
    )
  }
  list(
    cells = cells, batch = columns(batch, "batch"),
    covariates = columns(covariates, "covariates")
  )
}

#' @export
RunSAILER.SummarizedExperiment <- function(object, ...) {
  refuse_plain_experiment(object)
}

refuse_plain_experiment <- function(object, call = rlang::caller_env()) {
  abort(
    c(
      "A {class(object)[1]} has no place for reduced dimensions.",
      i = "Make it a SingleCellExperiment first:
           {.code as(x, \"SingleCellExperiment\")}."
    ),
    call = call
  )
}

# The columns as a data frame, run-length encoded ones written out.
plain_columns <- function(table) {
  if (!is.null(table)) {
    as.data.frame(table, optional = TRUE)
  }
}

# reducedDim<- renames the rows of what it is given: their order must be right.
store_in_experiment <- function(object, fit, name, unit = FALSE) {
  if (is.null(fit$embedding)) {
    warn_of_no_embedding(fit)
  } else {
    values <- embedding(fit, unit = unit)[colnames(object), , drop = FALSE]
    SingleCellExperiment::reducedDim(object, name) <- values
  }
  fits <- S4Vectors::metadata(object)$sailer
  fits[[name]] <- fit
  S4Vectors::metadata(object)$sailer <- fits
  object
}
