# Imputation of expression by a pretrained model.

#' Impute expression
#'
#' Predicts the expression of genes from the other genes of the same cell
#' (4.2.4). The genes to predict are masked, as in training. This works on new
#' cells of any data set that shares genes with the model. `ImputeExpresser()`
#' does it for the zeros of chosen genes in all cells of an object, with the
#' model stored in it, and adds the result as a new assay.
#'
#' @section What can be imputed:
#' * `positions`: chosen genes in chosen cells, such as known dropouts; the
#'   result is a vector.
#' * `genes`: the zeros of these genes in all cells (or `cells`); the result is
#'   a matrix of these genes, with normalised expression where the count is
#'   above zero and predictions where it is zero (`keep = FALSE`: predictions
#'   everywhere, with the counts masked too).
#'
#' In one pass, at most the share `mask_ratio` of a cell's genes is masked, as
#' in training: by default 30 % masked and 70 % observed. More genes take more
#' passes over a cell, so the time grows with their number; impute hundreds of
#' genes rather than all. A prediction assumes that the gene *is* expressed,
#' because the model was trained on non-zero counts only: it estimates how
#' strongly a gene is expressed, not whether it is.
#'
#' @section Other data sets:
#' The level of a gene in the cells that express it differs between data sets,
#' depending on the chemistry and the treatment of the cells. With
#' `adapt = TRUE` the counts of the given cells (of 2,000 to 3,000 of them if
#' there are 4,000 or more) are first masked and predicted. For each gene, the
#' mean difference between observed and predicted expression, minus that of all
#' genes, is then added to its predictions. This shift is shrunk towards zero
#' (an empirical Bayes estimate), more strongly for genes detected in few cells,
#' and if genes differ little. The imputed entries are not used for this, and
#' the fit does not change. With `adapt = FALSE` a prediction depends only on
#' its own cell.
#'
#' @inheritParams RunExpresser
#' @param fit A fit of [expresser()]. For `ImputeExpresser()` NULL, the default,
#'   uses the fit stored in the object.
#' @param x Counts of genes x cells, in any form that [expresser()] accepts.
#' @param genes Names of the genes to impute. NULL if `positions` are given.
#' @param cells Names of the cells to impute; NULL, the default, takes all.
#' @param positions A data frame with the columns `gene` and `cell` (names). The
#'   counts of `x` at these positions are masked.
#' @param keep TRUE, the default, keeps values above zero and imputes zeros;
#'   FALSE predicts all values.
#' @param adapt TRUE, the default, adapts predictions to the levels of genes in
#'   these cells; see above.
#' @param n_passes Number of predictions to average. They differ in which genes
#'   are masked together and, for cells with very many genes, in which genes are
#'   used. More passes are slightly more accurate and take proportionally
#'   longer. Default 1.
#' @param token_budget Number of genes processed at once, as in
#'   [predict()][predict.expresser_fit].
#' @param verbose Show progress.
#' @param ... For `ImputeExpresser()`: `keep`, `adapt`, `n_passes`,
#'   `token_budget` and `verbose`. For `impute()` not used: an unknown name is
#'   an error.
#' @param features Names of the genes to impute, as in the object.
#' @param name Name of the reduction whose fit is used; see [get_fit()].
#' @param new.assay.name Name of the new assay or alternative experiment.
#'   Default `"expressed"`.
#' @return With `genes`, a numeric matrix of genes x cells; with `positions`, a
#'   numeric vector in their order. Both are in units of
#'   `log(1 + 10,000 * count / total)`, where `total` is the sum over the
#'   model's genes in the cell. Values are NA in cells that have no other gene.
#'   `ImputeExpresser()` returns the object with a new assay of genes x cells in
#'   these units, with zeros in place of NA.
#' @seealso [evaluate_imputation()] to measure the accuracy.
#' @references Cao (2023), section 4.2.4.
#' @examples
#' sim <- simulate_rna(n_cells = 120, n_genes = 100, seed = 1)
#' fit <- expresser(sim$counts,
#'   n_embedding = 16, n_layers = 1,
#'   control = pretrain_control(epochs = 3, verbose = FALSE)
#' )
#' impute(fit, sim$counts, genes = c("gene1", "gene7"))[, 1:5]
#' impute(fit, sim$counts,
#'   positions = data.frame(gene = "gene3", cell = c("cell1", "cell2"))
#' )
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts)
#'   object <- ImputeExpresser(object, paste0("gene", 1:5), fit = fit)
#'   print(object[["expressed"]])
#' }
#' @order 1
#' @export
impute.expresser_fit <- function(fit, x, genes = NULL, cells = NULL,
                                 positions = NULL, keep = TRUE, adapt = TRUE,
                                 n_passes = 1, token_budget = NULL,
                                 verbose = TRUE, ...) {
  refuse_others(list(...), impute.expresser_fit)
  check_flag(keep)
  check_flag(adapt)
  check_flag(verbose)
  check_number(n_passes, min = 1, whole = TRUE)
  if (is.null(genes) == is.null(positions)) {
    abort("Give either {.arg genes} or {.arg positions}.")
  }
  x <- gene_cells(x)
  task <- list(
    fit = fit, n_passes = n_passes, adapt = adapt,
    budget = pass_budget(fit, token_budget),
    report = pass_reporter("Imputing", ncol(x), verbose)
  )
  if (is.null(positions)) {
    impute_genes(task, x, genes, cells, keep)
  } else {
    impute_positions(task, x, positions)
  }
}

# Predicts the queries of each cell; `starts` and `genes` are as
# core_expresser_impute() takes them.
run_queries <- function(task, source, starts, genes) {
  out <- found_by_pass(task$fit, task$budget, core_expresser_impute(
    expresser_model(task$fit), source, starts, genes, task$budget,
    task$n_passes, task$adapt, task$report
  ))
  out[is.nan(out)] <- NA
  out
}

impute_positions <- function(task, x, positions) {
  if (!is.data.frame(positions) ||
        !all(c("gene", "cell") %in% names(positions))) {
    abort("{.arg positions} must be a data frame with the columns {.field gene}
           and {.field cell}.")
  }
  if (nrow(positions) == 0) {
    return(numeric())
  }
  gene <- known_genes(task$fit, as.character(positions$gene), "positions")
  cells <- asked_names(as.character(positions$cell), "cell", "positions")
  check_known(cells, x$cells, "cell", "positions", "the counts")
  cell <- match(cells, x$cells)
  twice <- anyDuplicated(data.frame(gene, cell))
  if (twice > 0) {
    abort("{.arg positions} contains gene {.val {positions$gene[twice]}} of cell
           {.val {positions$cell[twice]}} twice.")
  }
  # With `adapt`, all cells are needed: they show the levels of genes.
  used <- if (task$adapt) seq_len(ncol(x)) else sort(unique(cell))
  source <- cells_by_genes(x[, used], task$fit$genes, "x")
  sorted <- order(cell)
  starts <- c(0, cumsum(tabulate(match(cell, used), length(used))))
  out <- numeric(length(cell))
  out[sorted] <- run_queries(task, source, starts, gene[sorted])
  out
}

impute_genes <- function(task, x, genes, cells, keep) {
  wanted <- known_genes(task$fit, genes, "genes")
  if (anyDuplicated(wanted)) {
    abort("{.arg genes} contains {.val {genes[duplicated(wanted)][1]}} twice.")
  }
  if (!is.null(cells)) {
    x <- x[, chosen_names(cells, x$cells, "cell", "cells", "the counts")]
  }
  check_result_size(
    length(wanted), ncol(x), "Choose fewer {.arg genes} or {.arg cells}.",
    "genes"
  )
  source <- cells_by_genes(x, task$fit$genes, "x")
  known <- core_log_normalized(source, wanted)
  dimnames(known) <- list(genes, x$cells)
  asked <- if (keep) known == 0 else known > -1
  starts <- c(0, cumsum(colSums(asked)))
  places <- row(known)[asked]
  known[asked] <- run_queries(task, source, starts, wanted[places])
  known
}
