#' Expresser on Seurat and SingleCellExperiment objects
#'
#' A thin layer over [expresser()] and [predict()][predict.expresser_fit]: finds
#' the RNA counts in the object, pretrains on them (or takes a pretrained
#' `fit`), and puts the cells' embedding into the object, with the genes'
#' embeddings as its feature loadings. The counts are read, never rewritten,
#' joined or made dense. When anything fails the given object is untouched.
#'
#' @param object A `Seurat` object, or a `SingleCellExperiment`. For matrices,
#'   files and corpora see [expresser()].
#' @param ... Options of [expresser()] and of its vocabulary, which document
#'   them: `size`, `n_embedding`, `annotation`, `from`, `control` and more. With
#'   `fit` those of [predict()][predict.expresser_fit].
#' @param fit A fit of [expresser()] that embeds the cells; nothing is trained.
#'   NULL, the default, pretrains on the cells of the object.
#' @param assay Name of the assay; NULL, the default, takes the object's default
#'   assay.
#' @param layer Layer (slot, in old assays) of the counts. Several layers, as
#'   after `split()`, are streamed one after another. Default `"counts"`.
#' @param features Names of the genes to use; NULL, the default, takes all.
#' @param reduction.name,reduction.key Name of the reduction and beginning of
#'   its columns' names. Defaults `"expresser"` and `"expresser_"`.
#' @param assay.type Name of the assay with the counts. NULL, the default, takes
#'   `"counts"` or, where it has another name, the only one.
#' @param altexp Name of the alternative experiment with the RNA; NULL, the
#'   default, takes the main experiment.
#' @param name Name of the reduced dimensions. Default `"EXPRESSER"`.
#' @return The object with the embedding of cells x `n_embedding`, in its own
#'   order of cells: a `Seurat` object with a reduction, whose feature loadings
#'   (`Loadings(object[["expresser"]])`) are the genes' embeddings, and the
#'   command logged; a `SingleCellExperiment` with reduced dimensions, whose
#'   attribute `"rotation"` holds the genes' embeddings as that of
#'   `scater::runPCA()` does. [get_fit()] finds the fit.
#' @section Errors: `sailer_argument_error` for an assay, layer, alternative
#'   experiment or option that is not there; and the errors of [expresser()].
#' @seealso [ImputeExpresser()], [gene_embeddings()].
#' @references Cao (2023), chapter 4.
#' @examples
#' sim <- simulate_rna(n_cells = 100, n_genes = 80, seed = 1)
#' brief <- pretrain_control(epochs = 2, verbose = FALSE)
#'
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts)
#'   object <- RunExpresser(
#'     object,
#'     n_embedding = 16, n_layers = 1, control = brief
#'   )
#'   print(object[["expresser"]])
#' }
#'
#' if (requireNamespace("SingleCellExperiment", quietly = TRUE)) {
#'   sce <- SingleCellExperiment::SingleCellExperiment(
#'     list(counts = sim$counts)
#'   )
#'   sce <- RunExpresser(sce, n_embedding = 16, n_layers = 1, control = brief)
#'   print(dim(SingleCellExperiment::reducedDim(sce, "EXPRESSER")))
#' }
#' @order 1
#' @export
RunExpresser <- function(object, ...) {
  UseMethod("RunExpresser")
}

#' @export
RunExpresser.default <- function(object, ...) {
  if (load_class(object)) {
    return(RunExpresser(object, ...))
  }
  abort(
    c(
      "{.fn RunExpresser} is for Seurat and SingleCellExperiment objects, not
       for {.obj_type_friendly {object}}.",
      i = "For a matrix, a file or a corpus call {.fn expresser}."
    )
  )
}

#' @rdname RunExpresser
#' @export
RunExpresser.Seurat <- function(object, fit = NULL, assay = NULL,
                                layer = "counts", features = NULL,
                                reduction.name = "expresser",
                                reduction.key = "expresser_", ...) {
  need_package("SeuratObject", "for Seurat objects")
  assay <- choose_assay(object, assay)
  check_text(reduction.name, "reduction.name")
  check_reduction_key(reduction.key)
  check_express_options(list(...), fit)
  cells <- as_cells(
    object, assay = assay, layer = layer, features = features, counts = TRUE
  )
  tell_of_missing_cells(ncol(object) - ncol(cells), assay)
  made <- express_cells(cells, fit, ...)
  if (is.null(made$values)) {
    return(keep_fit_alone(object, made$fit, reduction.name))
  }
  colnames(made$values) <- colnames(made$loadings) <-
    paste0(reduction.key, seq_len(ncol(made$values)))
  reduction <- SeuratObject::CreateDimReducObject(
    embeddings = made$values, loadings = made$loadings, key = reduction.key,
    assay = assay, stdev = unname(apply(made$values, 2, stats::sd)),
    misc = list(fit = made$fit)
  )
  object[[reduction.name]] <- cover_cells(reduction, colnames(object))
  command <- SeuratObject::LogSeuratCommand(object, return.command = TRUE)
  command <- complete_command(
    command, c(list(...), made$fit$control), "RunExpresser", assay
  )
  object[[command@name]] <- command
  object
}

#' @rdname RunExpresser
#' @export
RunExpresser.SingleCellExperiment <- function(object, fit = NULL,
                                              assay.type = NULL,
                                              altexp = NULL, features = NULL,
                                              name = "EXPRESSER", ...) {
  need_package("SingleCellExperiment", "for SingleCellExperiment objects")
  check_text(name, "name")
  check_express_options(list(...), fit)
  cells <- as_cells(
    object, assay.type = assay.type, altexp = altexp, features = features,
    counts = TRUE
  )
  made <- express_cells(cells, fit, ...)
  if (is.null(made$values)) {
    warn_of_no_embedding(made$fit)
  } else {
    values <- made$values[colnames(object), , drop = FALSE]
    attr(values, "rotation") <- made$loadings
    SingleCellExperiment::reducedDim(object, name) <- values
  }
  fits <- S4Vectors::metadata(object)$sailer
  fits[[name]] <- made$fit
  S4Vectors::metadata(object)$sailer <- fits
  object
}

# Before anything is read or computed: what goes through `...` to expresser(),
# or to predict().
check_express_options <- function(options, fit, call = rlang::caller_env()) {
  if (is.null(fit)) {
    check_corpus_options(options, call)
  } else {
    check_options(options, c("expression", "token_budget", "verbose"), call)
  }
}

# What an object is given: list(fit, values = cells x d, loadings = genes x d),
# the loadings named as the features of the object are. Of an interrupted
# training the fit alone: whoever pressed Ctrl-C does not wait for embeddings.
express_cells <- function(cells, fit, ..., call = rlang::caller_env()) {
  if (is.null(fit)) {
    fit <- expresser(cells, ...)
    if (fit$status == "interrupted") {
      return(list(fit = fit))
    }
    values <- predict(fit, cells, verbose = fit$control$verbose)
  } else {
    check_expresser_fit(fit, "fit", call)
    values <- predict(fit, cells, ...)
  }
  map <- match_genes(cells$peaks, fit$genes, note = FALSE, call = call)
  loadings <- gene_embeddings(fit)[map[!is.na(map)], , drop = FALSE]
  rownames(loadings) <- cells$peaks[!is.na(map)]
  list(fit = fit, values = values, loadings = loadings)
}
