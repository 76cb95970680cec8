#' Imputed accessibility in Seurat and SingleCellExperiment objects
#'
#' As [impute()]: decodes the cells of an object with the model that
#' [RunSAILER()], [RunSAILERX()] or [map_query()] stored in it, with depth and
#' batch held fixed, and adds the result to the object beside the counts. Cells
#' are encoded from their counts, since objects hold the directions of their
#' posterior means alone. If anything fails, the given object is unchanged.
#'
#' @section Seurat:
#' The result is a new assay with the imputed values in its `data`, of the class
#' of the assay with the counts: `Assay`, `Assay5`, or Signac's `ChromatinAssay`
#' or `GRangesAssay` with the ranges of the peaks, the gene annotation and the
#' fragments. Seurat keeps assays in memory: for more than some thousand peaks
#' use `features`, or `n_open` or `threshold` for a sparse assay.
#'
#' @section SingleCellExperiment:
#' If the model knows all rows of the experiment with the counts and `features`
#' leaves none out, the result is a further assay of it. Otherwise, since models
#' leave out peaks that are open in few cells, it is an alternative experiment
#' with one assay of the same name and the ranges of its rows, if known. With
#' `file` the values are in an HDF5 file, which has to stay where it is.
#'
#' @param object A `Seurat` object or a `SingleCellExperiment` with a fit; or
#'   counts, such as a matrix or a file, with a `fit`.
#' @param features Names of the peaks, or a `GRanges` that they overlap. NULL,
#'   the default, takes all peaks of the model.
#' @param ... Options of [impute()], which documents them: `batch`, `depth`,
#'   `covariates`, `calibrated`, `threshold`, `n_open`, `binary` (FALSE here),
#'   and except for Seurat objects `file` and `overwrite`.
#' @param fit,name A fit to use instead of the one in the object, or the name of
#'   the reduction whose fit to use; see [get_fit()].
#' @param new.assay.name Name of the new assay or alternative experiment.
#'   Default `"imputed"`.
#' @param reference For a joint [sailerx()] model: the reference of the cells
#'   that are embedded from their counts, a matrix or the name of a reduction.
#'   By default the reduction of the same name as in training.
#' @param assay,layer,assay.type,altexp Where the counts are, by default where
#'   the model was trained; see [RunSAILER()].
#'
#' @return The object with the imputed values of all its cells: a `Seurat`
#'   object with a further assay and the command logged; a
#'   `SingleCellExperiment` with a further assay or alternative experiment.
#' @seealso [impute()], which explains the values.
#' @references Cao (2023), sections 2.2.4 and 3.2.5.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts, assay = "ATAC")
#'   object <- RunSAILER(object, hidden = 32, epochs = 3, verbose = FALSE)
#'   some <- get_fit(object)$peaks[1:20]
#'   object <- ImputeSAILER(object, features = some)
#'   print(object[["imputed"]])
#' }
#' @export
ImputeSAILER <- function(object, features = NULL, ..., fit = NULL, name = NULL,
                         new.assay.name = "imputed", reference = NULL,
                         assay = NULL, layer = NULL, assay.type = NULL,
                         altexp = NULL) {
  options <- list(...)
  check_options(options, options_of_impute)
  held <- read_fitted(object, fit, name, where_of(environment()))
  if (!is.null(options$file)) force(held$input$files)
  options <- utils::modifyList(list(binary = FALSE), options)
  write_new_assay(
    object, held, new.assay.name, rlang::inject(impute_held(
      held,
      peaks = features, reference = reference, !!!options, arg = "features",
      ways = "Name fewer {.arg features}; return the open peaks alone
        ({.arg threshold}, {.arg n_open}); or have the values in a {.arg file}
        (not of Seurat objects)."
    )), new_command("ImputeSAILER", match.call(), list(...))
  )
}

options_of_impute <- c(
  "batch", "depth", "covariates", "calibrated", "threshold", "n_open", "binary",
  "file", "overwrite"
)

# The object with `values`, features x cells, as a new assay; of what is no
# object the values. They are computed when all else is known to be right.
write_new_assay <- function(object, held, name, values, command) {
  check_text(name, "new.assay.name")
  force(held$input$writable)
  place <- held$input$place
  if (name %in% unlist(place[c("assay", "assay.type", "altexp")])) {
    abort(c(
      "{.arg new.assay.name}: {.val {name}} has the counts, which are kept.",
      i = "Take another name."
    ))
  }
  write_result(object, list(
    input = held$input, assay = list(name = name, values = values),
    command = command
  ))
}
