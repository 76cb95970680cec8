#' Expresser on Seurat and SingleCellExperiment objects
#'
#' Takes the RNA counts of the object, pretrains [expresser()] on them (or uses
#' a pretrained `fit`), and adds the cell embedding to the object, with gene
#' weights as feature loadings. The counts are only read: they are never
#' modified, joined or made dense. If anything fails, the object remains
#' unchanged.
#'
#' @inheritParams RunSAILER
#' @param object A `Seurat` object, or a `SingleCellExperiment`. Matrices, files
#'   and corpora are passed to [expresser()], and its fit is returned.
#' @param fit A fit of [expresser()] that embeds the cells without further
#'   training. NULL, the default, pretrains on the cells of the object.
#' @param ... Options of [expresser()], including those that choose the genes,
#'   and of [pretrain_control()]: `size`, `n_embedding`, `annotation`, `from`,
#'   `epochs`, `control` and more. With `fit`, options of
#'   [predict()][predict.expresser_fit].
#' @param assay Seurat: name of the assay. NULL, the default, takes the default
#'   assay or, if its features are named by ranges, the first assay with genes,
#'   with a message.
#' @param altexp SingleCellExperiment: name of the alternative experiment with
#'   the RNA. NULL, the default, takes the main experiment or, if its rows are
#'   ranges, the only alternative experiment with genes.
#' @param features Names of the genes to use; NULL, the default, takes all.
#' @param reduction.name,name Name of the reduction; both arguments mean the
#'   same. Default `"expresser"` (Seurat) and `"EXPRESSER"`
#'   (SingleCellExperiment).
#' @return The object with the cell embedding. A `Seurat` object gets a
#'   reduction with feature loadings (`Loadings(object[["expresser"]])`) and an
#'   entry in the command log. A `SingleCellExperiment` gets reduced dimensions,
#'   whose attribute `"rotation"` holds the loadings, as in `scater::runPCA()`.
#'   The loadings are those of the principal components that cells are projected
#'   onto or, with another `readout` of [predict()][predict.expresser_fit], the
#'   gene embeddings. [get_fit()] returns the fit, and [gene_embeddings()] the
#'   embeddings of its genes.
#' @seealso [ImputeExpresser()], [gene_embeddings()].
#' @references Cao (2023), chapter 4.
#' @examples
#' sim <- simulate_rna(n_cells = 100, n_genes = 80, seed = 1)
#'
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts)
#'   object <- RunExpresser(
#'     object,
#'     n_embedding = 16, n_layers = 1, epochs = 2, verbose = FALSE
#'   )
#'   print(object[["expresser"]])
#' }
#' @export
RunExpresser <- function(object, fit = NULL, ..., assay = NULL, layer = NULL,
                         assay.type = NULL, altexp = NULL, features = NULL,
                         reduction.name = NULL, reduction.key = NULL,
                         name = reduction.name) {
  options <- list(...)
  if (is.null(fit)) {
    check_corpus_options(options)
  } else {
    check_options(options, c("readout", "token_budget", "verbose"))
  }
  check_text(name, "name", null = TRUE)
  check_reduction_key(reduction.key)
  where <- where_of(environment(), features = features, values = TRUE)
  input <- read_input(object, where)
  force(input$writable)
  counts <- input$counts
  report_missing_cells(input)
  made <- express_cells(counts, fit, options)
  made$fit$place <- input$place
  output <- list(
    name = name %||% input$naming("expresser"), key = reduction.key,
    call = match.call()
  )
  write_fit(
    object, input, made$fit, output, options, made$values, made$loadings
  )
}

# Returns what is stored in the object: list(fit, values = cells x k, loadings =
# genes x k). Rows of the loadings have the names that the genes have in the
# object. If training was interrupted, returns only the fit: a user who pressed
# Ctrl-C does not want to wait for embeddings.
express_cells <- function(cells, fit, options) {
  if (is.null(fit)) {
    fit <- rlang::inject(expresser(cells, !!!options))
    if (fit$status == "interrupted") {
      return(list(fit = fit))
    }
    values <- stats::predict(fit, cells, verbose = fit$control$verbose)
  } else {
    fit <- find_fit(fit, NULL, "expresser_fit")$fit
    values <- rlang::inject(stats::predict(fit, cells, !!!options))
  }
  map <- match_genes(cells$peaks, fit$genes, note = FALSE)
  weights <- if (readout_of(fit, options$readout) == "expression") {
    component_loadings(fit)
  } else {
    gene_embeddings(fit)
  }
  loadings <- weights[map[!is.na(map)], , drop = FALSE]
  rownames(loadings) <- cells$peaks[!is.na(map)]
  list(fit = fit, values = values, loadings = loadings)
}
