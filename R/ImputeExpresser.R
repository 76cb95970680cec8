#' Impute expression in Seurat and SingleCellExperiment objects
#'
#' A thin layer over [impute()][impute.expresser_fit]: the zeros of chosen genes
#' are predicted from the other genes of each cell, and put back as a new assay
#' of log-normalised values beside the counts, which stay as they are.
#'
#' @param object A `Seurat` object or a `SingleCellExperiment`.
#' @param features Names of the genes to impute, as the object has them. They
#'   decide how long it takes; hundreds are usual.
#' @param fit A fit of [expresser()]; NULL, the default, takes the one that
#'   [RunExpresser()] left in the object.
#' @param new.assay.name Name of the new assay (Seurat), or of the alternative
#'   experiment or assay (SingleCellExperiment: an assay where `features` are
#'   all its rows). Default `"expressed"`.
#' @param ... Options of [impute()][impute.expresser_fit]: `keep`, `n_passes`,
#'   `token_budget`, `verbose`.
#' @inheritParams RunExpresser
#' @return The object with a new assay of genes x cells, in units of
#'   `log(1 + 10,000 * count / total)`: values that were counted where there are
#'   any (unless `keep = FALSE`) and predictions elsewhere; zeros in cells that
#'   have no other gene.
#' @section Errors: `sailer_argument_error` for features that are not there,
#'   when the object holds no fit, and for a place that has the counts; and the
#'   errors of [impute()][impute.expresser_fit].
#' @references Cao (2023), section 4.2.4.
#' @examples
#' sim <- simulate_rna(n_cells = 100, n_genes = 80, seed = 1)
#' brief <- pretrain_control(epochs = 2, verbose = FALSE)
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts)
#'   object <- RunExpresser(
#'     object,
#'     n_embedding = 16, n_layers = 1, control = brief
#'   )
#'   object <- ImputeExpresser(object, paste0("gene", 1:5))
#'   print(object[["expressed"]])
#' }
#' @order 1
#' @export
ImputeExpresser <- function(object, ...) {
  UseMethod("ImputeExpresser")
}

#' @export
ImputeExpresser.default <- function(object, ...) {
  if (load_class(object)) {
    return(ImputeExpresser(object, ...))
  }
  abort(
    c(
      "{.fn ImputeExpresser} is for Seurat and SingleCellExperiment objects, not
       for {.obj_type_friendly {object}}.",
      i = "For a fit of {.fn expresser} and counts call {.fn impute}."
    )
  )
}

#' @rdname ImputeExpresser
#' @export
ImputeExpresser.Seurat <- function(object, features, fit = NULL,
                                   new.assay.name = "expressed", assay = NULL,
                                   layer = "counts", ...) {
  need_package("SeuratObject", "for Seurat objects")
  check_text(new.assay.name, "new.assay.name")
  check_options(list(...), options_of_imputation)
  assay <- choose_assay(object, assay)
  refuse_place_of_counts(new.assay.name, assay)
  fit <- fit %||% expresser_fit_of(object)
  cells <- as_cells(object, assay = assay, layer = layer, counts = TRUE)
  check_known(features, cells$peaks, "gene", "features", "the object")
  values <- impute_all_cells(fit, cells, features, colnames(object), ...)
  object <- add_data_assay(object, new.assay.name, values, assay)
  command <- SeuratObject::LogSeuratCommand(object, return.command = TRUE)
  command <- complete_command(command, list(...), "ImputeExpresser", assay)
  object[[command@name]] <- command
  object
}

#' @rdname ImputeExpresser
#' @export
ImputeExpresser.SingleCellExperiment <- function(object, features, fit = NULL,
                                                 new.assay.name = "expressed",
                                                 assay.type = NULL,
                                                 altexp = NULL, ...) {
  need_package("SingleCellExperiment", "for SingleCellExperiment objects")
  need_package("SummarizedExperiment", "for SingleCellExperiment objects")
  check_text(new.assay.name, "new.assay.name")
  check_options(list(...), options_of_imputation)
  fit <- fit %||% expresser_fit_of(object)
  host <- experiment_of_counts(object, altexp)
  assay.type <- choose_assay_type(host, assay.type)
  refuse_place_of_counts(new.assay.name, assay.type)
  cells <- as_cells(
    object, assay.type = assay.type, altexp = altexp, counts = TRUE
  )
  check_known(features, cells$peaks, "gene", "features", "the object")
  values <- impute_all_cells(fit, cells, features, colnames(object), ...)
  store_imputed(object, host, altexp, values, new.assay.name)
}

# What goes through `...` to impute(); the rest is the object's.
options_of_imputation <- c(
  "keep", "adapt", "n_passes", "token_budget", "verbose"
)

# Assays have a value for every cell of the object: zero where there is none.
impute_all_cells <- function(fit, cells, features, names, ...) {
  found <- impute(fit, cells, genes = features, ...)
  found[is.na(found)] <- 0
  values <- matrix(
    0, length(features), length(names), dimnames = list(features, names)
  )
  values[, colnames(found)] <- found
  values
}
