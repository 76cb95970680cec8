# Imputation of expression by a pretrained model.

#' Impute expression
#'
#' Predicts the expression of genes in cells from the other genes of the same
#' cells (4.2.4): the genes in question are masked, as in training. Works on new
#' cells of any data set that shares genes with the model. `ImputeExpresser()`
#' predicts the zeros of chosen genes in all cells of an object, with the model
#' that it holds, and adds a new assay.
#'
#' @section What can be imputed:
#' * `positions`: chosen genes of chosen cells, such as known drop-outs; the
#'   result is a vector.
#' * `genes`: the zeros of these genes in all cells (or `cells`); the result is
#'   the matrix of these genes, with the normalised expression where a count is
#'   there and the prediction where it is zero (`keep = FALSE`: predictions
#'   everywhere, counts masked too).
#'
#' In one pass a share `mask_ratio` of the tokens is masked, as in training: 30
#' % masked and 70 % observed. More genes take more passes over a cell, so the
#' time grows with their number; ask for hundreds rather than for all. A
#' prediction is for a gene that *is* expressed, since the model was trained on
#' non-zeros only: it says how much, not whether.
#'
#' @section Other data sets:
#' The level of a gene in the cells that express it differs between data sets,
#' depending on chemistry and treatment of the cells. With `adapt = TRUE` the
#' counts of the given cells (of some 2,000 at most) are first masked and
#' predicted. The mean error of a gene, beyond that of all genes, is then added
#' to its predictions, shrunk towards zero if few cells show it and if genes
#' hardly differ in it (an empirical Bayes estimate). The imputed entries are
#' not used, and the fit does not change. With `FALSE` a prediction depends only
#' on its own cell.
#'
#' @inheritParams RunExpresser
#' @param fit What [expresser()] returned; for an object NULL, the default, uses
#'   the one that it holds.
#' @param x Counts of genes x cells, as [expresser()] takes them.
#' @param genes Names of genes. NULL with `positions`.
#' @param cells Names of cells; NULL, the default, takes all.
#' @param positions A data frame with the columns `gene` and `cell`, names of
#'   both. Their counts in `x` are masked.
#' @param keep TRUE, the default, keeps counted values and fills in zeros; FALSE
#'   predicts all.
#' @param adapt TRUE, the default, takes the levels of genes in these cells into
#'   account; see above.
#' @param n_passes Number of predictions that are averaged, each with other
#'   genes. More are slightly more exact and take proportionally longer. Default
#'   1.
#' @param token_budget Genes that are computed at once, as in
#'   [predict()][predict.expresser_fit].
#' @param verbose Show progress.
#' @param ... Of `ImputeExpresser()`: `keep`, `adapt`, `n_passes`,
#'   `token_budget` and `verbose`. Of `impute()` not used: an unknown name is an
#'   error.
#' @param features Names of the genes to impute, as in the object.
#' @param name Name of the reduction whose fit to use; see [get_fit()].
#' @param new.assay.name Name of the new assay or alternative experiment.
#'   Default `"expressed"`.
#' @return With `genes` a numeric matrix of genes x cells, with `positions` a
#'   numeric vector in their order, both in units of `log(1 + 10,000 * count /
#'   total)`, the total being that of the model's genes in the cell. NA in cells
#'   that have no other gene. `ImputeExpresser()` returns the object with a new
#'   assay of genes x cells in these units, and zeros where there is NA.
#' @seealso [evaluate_imputation()] for the accuracy.
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

# `starts` and `genes`: queries of each cell, as core_expresser_impute() takes
# them.
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
    abort("{.arg positions} names gene {.val {positions$gene[twice]}} of cell
           {.val {positions$cell[twice]}} twice.")
  }
  # Other cells show the levels of genes.
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
    abort("{.arg genes} names {.val {genes[duplicated(wanted)][1]}} twice.")
  }
  if (!is.null(cells)) {
    x <- x[, chosen_names(cells, x$cells, "cell", "cells", "the counts")]
  }
  check_result_size(
    length(wanted), ncol(x), "Name fewer {.arg genes} or {.arg cells}.", "genes"
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
