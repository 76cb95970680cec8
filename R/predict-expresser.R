#' Embed cells by a pretrained model
#'
#' The mean of the contextual tokens of a cell's non-zero genes (4.4). It
#' depends on which genes are non-zero, not on how much, and so on depth. With
#' `expression = TRUE` the tokens have first passed through the expression
#' decoder (without one, the layer in its place), where each reads the
#' expression of all genes of the cell. Principal components of the cells
#' separate types better than either, and on data sets of a few thousand cells
#' `TRUE` is the worse of the two: for clustering compare with your usual
#' method.
#'
#' @param object What [expresser()] returned.
#' @param newdata Counts of genes x cells, as [expresser()] takes them. Genes
#'   are matched by name; unknown ones are left out, with a message.
#' @param expression TRUE: the embedding depends on how much there is of each
#'   gene; FALSE, the default: only on which genes there are.
#' @param token_budget Genes that are computed at once, see
#'   [pretrain_control()].
#' @param verbose Show progress.
#' @param ... Not used: an unknown name is an error.
#' @return A matrix of cells x `n_embedding`, with the names of the cells. A
#'   cell with more than `max_genes` genes is embedded by that many of them,
#'   chosen by its own counts: the same cell gives the same numbers, up to
#'   rounding, whatever cells are given with it.
#' @section Errors: `sailer_data_error` if hardly a gene of `newdata` is known
#'   to the model, and for counts that cannot be used.
#' @seealso [RunExpresser()] for Seurat and SingleCellExperiment objects.
#' @references Cao (2023), section 4.4; methods of section 4.2.2.
#' @examples
#' sim <- simulate_rna(n_cells = 120, n_genes = 100, seed = 1)
#' fit <- expresser(sim$counts,
#'   n_embedding = 16, n_layers = 1,
#'   control = pretrain_control(epochs = 3, verbose = FALSE)
#' )
#' dim(predict(fit, sim$counts))
#' @export
predict.expresser_fit <- function(object, newdata, expression = FALSE,
                                  token_budget = NULL, verbose = TRUE, ...) {
  refuse_others(list(...), predict.expresser_fit)
  check_flag(expression)
  check_flag(verbose)
  budget <- pass_budget(object, token_budget)
  cells <- gene_cells(newdata)
  source <- cells_by_genes(cells, object$genes, "newdata")
  out <- with_threads(object$control$threads, core_expresser_embed(
    expresser_model(object), source, expression, budget,
    pass_reporter("Embedding", ncol(cells), verbose)
  ))
  dimnames(out) <- list(cells$cells, paste0("expresser_", seq_len(ncol(out))))
  out
}

# The core's source with the genes of a fit, in their order.
cells_by_genes <- function(cells, genes, arg, call = caller_env()) {
  map <- match_genes(
    cells$peaks, genes, paste0("{.arg ", arg, "}"), call = call
  )
  core_cells_subset(cells$source, NULL, map, nrow(genes))
}

pass_budget <- function(fit, given, call = caller_env()) {
  if (is.null(given)) {
    return(fit$control$token_budget)
  }
  check_number(given, "token_budget", min = 1, whole = TRUE, call = call)
}
