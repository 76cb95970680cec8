#' Embed cells with a pretrained model
#'
#' Returns cell embeddings for clustering, neighbour graphs and UMAP. By default
#' cells are projected onto the principal components that the gene tokens were
#' initialised with.
#'
#' @section Read-outs:
#' * `"expression"`: log-normalised expression, centred on the mean of the
#'   training cells and projected onto their principal components. It uses all
#'   genes of a cell. Training cells get their principal component scores, and
#'   other cells are projected into the same space. Columns are sorted by
#'   variance. Only models with `token_start = "components"` have this read-out,
#'   which is their default.
#' * `"context"`: the mean of the contextual tokens of a cell's non-zero genes
#'   (4.4). It depends on which genes are non-zero, not on their values, and
#'   therefore on depth. It is the default for models with
#'   `token_start = "random"`.
#' * `"decoder"`: the same, for tokens after the expression decoder (or the
#'   layer in its place), in which each token reads the expression of all genes
#'   of the cell.
#'
#' @param object A fit of [expresser()].
#' @param newdata Counts of genes x cells, in any form that [expresser()]
#'   accepts. Genes are matched by name; unknown genes are ignored, with a
#'   message.
#' @param readout `"expression"`, `"context"` or `"decoder"`: see the section
#'   above. NULL, the default, takes `"expression"` if the model has it,
#'   otherwise `"context"`.
#' @param token_budget Number of genes that the encoder processes at once; see
#'   [pretrain_control()]. NULL, the default, takes the value used in training
#'   or, if the fit was trained on a GPU and none is available, the default for
#'   CPUs. It is halved, with a message, if memory runs out.
#' @param verbose Show progress.
#' @param ... Not used: an unknown name is an error.
#' @return A matrix of cells x dimensions, with cell names as row names. The
#'   number of dimensions is the number of components in a token (three quarters
#'   of `n_embedding`, at most 50), or `n_embedding` with `"context"` and
#'   `"decoder"`. With these two, a cell with more than `max_genes` genes is
#'   embedded from `max_genes` of them, chosen by its own counts. The embedding
#'   of a cell does not depend on the other cells given, up to rounding.
#' @seealso [RunExpresser()] for Seurat and SingleCellExperiment objects.
#' @references Cao (2023), section 4.4; methods of section 4.2.2.
#' @examples
#' sim <- simulate_rna(n_cells = 120, n_genes = 100, seed = 1)
#' fit <- expresser(sim$counts,
#'   n_embedding = 16, n_layers = 1,
#'   control = pretrain_control(epochs = 3, verbose = FALSE)
#' )
#' dim(predict(fit, sim$counts))
#' dim(predict(fit, sim$counts, readout = "context"))
#' @export
predict.expresser_fit <- function(object, newdata, readout = NULL,
                                  token_budget = NULL, verbose = TRUE, ...) {
  refuse_others(list(...), predict.expresser_fit)
  readout <- readout_of(object, readout)
  check_flag(verbose)
  budget <- pass_budget(object, token_budget)
  cells <- gene_cells(newdata)
  source <- cells_by_genes(cells, object$genes, "newdata")
  out <- if (readout == "expression") {
    expression_scores(object, source)
  } else {
    found_by_pass(object, budget, core_expresser_embed(
      expresser_model(object), source, readout == "decoder", budget,
      pass_reporter("Embedding", ncol(cells), verbose)
    ))
  }
  dimnames(out) <- list(cells$cells, paste0("expresser_", seq_len(ncol(out))))
  out
}

readouts <- c("expression", "context", "decoder")

# Returns the requested read-out, or the default of the fit.
readout_of <- function(fit, readout) {
  has <- !is.null(fit$state[["genes.components"]])
  if (is.null(readout)) {
    return(if (has) "expression" else "context")
  }
  readout <- rlang::arg_match0(
    readout, readouts, error_call = called_function()
  )
  abort_if(readout == "expression" && !has, c(
    "{.code readout = \"expression\"} needs a fit whose tokens start from
     components.",
    x = "This one was trained with {.code token_start = \"random\"}.",
    i = "Choose {.val context} or {.val decoder}."
  ))
  readout
}

# Returns cells x components, centred on the mean of the training cells. For
# fits that do not hold this mean, they are not centred.
expression_scores <- function(fit, source) {
  loadings <- component_loadings(fit)
  center <- fit$center %||% numeric(ncol(loadings))
  core_expression_scores(source, loadings, -center)
}

# Returns the loadings of the principal components that the tokens started from,
# genes x components, columns of length 1. Tokens are asinh(x / m) times a
# constant, where x are loadings times singular values and m is the median of
# |x| (expresser_start.h), so the median absolute value of tokens is asinh(1)
# times that constant. Components for which there were too few cells are zeros.
component_loadings <- function(fit) {
  tokens <- state_matrix(fit$state[["genes.components"]])
  size <- abs(tokens[, colSums(tokens != 0) > 0])
  place <- length(size) %/% 2 + 1
  constant <- sort(size, partial = place)[place] / asinh(1)
  loadings <- sinh(tokens / constant)
  length <- sqrt(colSums(loadings^2))
  sweep(loadings, 2, ifelse(length > 0, length, 1), "/")
}

# Returns a source of the core with the genes of a fit, in their order.
cells_by_genes <- function(cells, genes, arg) {
  map <- match_genes(cells$peaks, genes, paste0("{.arg ", arg, "}"))
  core_cells_subset(cells$source, NULL, map, nrow(genes))
}

# A budget chosen for another device does not apply to this one.
pass_budget <- function(fit, given) {
  if (!is.null(given)) {
    return(check_number(given, "token_budget", min = 1, whole = TRUE))
  }
  if (device_here(fit$device) == fit$device) {
    return(fit$control$token_budget)
  }
  core_pretrain_options(list(), 1, list(), "cpu")$token_budget
}

# Returns what a pass of the core over cells found. `pass` is evaluated with the
# number of threads of the fit.
found_by_pass <- function(fit, budget, pass) {
  done <- with_threads(fit$control$threads, pass)
  note_budget(budget, done$token_budget)
  done$found
}
