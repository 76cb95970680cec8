# The table of gene tokens, and their contextual embeddings.

#' Embeddings of genes
#'
#' Returns the vector of each gene in the model (its token). Genes with similar
#' roles in predicting other genes have vectors of similar direction. With
#' `token_start = "components"`, the first three quarters of the dimensions (at
#' most 50) are principal components of the training cells, and the others are
#' learned; with `"random"`, all are learned. With `x` the result is the
#' contextual embedding: the encoder's output for a gene, averaged over the
#' cells of `x` in which the gene is detected.
#'
#' @param fit A fit of [expresser()], or an object that holds one ([get_fit()]).
#' @param genes Names of genes, as in `fit$genes` (`gene`, `symbol` or
#'   `ensembl`). NULL, the default, takes all.
#' @param x Counts of genes x cells, in any form that [expresser()] accepts, for
#'   contextual embeddings. They are streamed. NULL, the default, returns the
#'   tokens themselves.
#' @param center TRUE subtracts the mean of all genes, which otherwise dominates
#'   the angles between genes. Use it for cosine similarities, as in the
#'   example. Default FALSE.
#' @param token_budget,verbose Used with `x`: see
#'   [predict()][predict.expresser_fit].
#' @param ... Not used: an unknown name is an error.
#' @return A matrix of genes x `n_embedding`, with gene names as row names; with
#'   `x`, only genes that are detected in at least one of its cells.
#' @seealso [evaluate_gene_embeddings()]; [RunExpresser()], which stores feature
#'   loadings in an object.
#' @references Cao (2023), sections 4.2.1 (eq. 4.1) and 4.2.3.
#' @examples
#' sim <- simulate_rna(n_cells = 120, n_genes = 100, seed = 1)
#' fit <- expresser(sim$counts,
#'   n_embedding = 16, n_layers = 1,
#'   control = pretrain_control(epochs = 3, verbose = FALSE)
#' )
#' gene_embeddings(fit, c("gene1", "gene2"))[, 1:4]
#' dim(gene_embeddings(fit, x = sim$counts))
#'
#' # The genes most similar to one gene, by the cosine of their angle.
#' values <- gene_embeddings(fit, center = TRUE)
#' values <- values / sqrt(rowSums(values^2))
#' head(sort(drop(values %*% values["gene1", ]), decreasing = TRUE), 4)
#' @export
gene_embeddings <- function(fit, genes = NULL, x = NULL, center = FALSE,
                            token_budget = NULL, verbose = TRUE, ...) {
  refuse_others(list(...), gene_embeddings)
  fit <- find_fit(fit, NULL, "expresser_fit")$fit
  check_flag(center)
  check_flag(verbose)
  values <- if (is.null(x)) {
    # Components come first, if the fit has them.
    parts <- fit$state[c("genes.components", "genes.weight")]
    do.call(cbind, lapply(parts[lengths(parts) > 0], state_matrix))
  } else {
    # Genes that are found in no cell get NaN.
    cells <- gene_cells(x)
    budget <- pass_budget(fit, token_budget)
    found_by_pass(fit, budget, core_expresser_embed_genes(
      expresser_model(fit), cells_by_genes(cells, fit$genes, "x"), budget,
      pass_reporter("Embedding", ncol(cells), verbose)
    ))
  }
  dimnames(values) <- list(
    fit$genes$gene, paste0("expresser_", seq_len(ncol(values)))
  )
  found <- !is.nan(values[, 1])
  if (center) values <- sweep(values, 2, colMeans(values[found, ]))
  if (is.null(genes)) {
    return(values[found, , drop = FALSE])
  }
  chosen <- known_genes(fit, genes)
  if (!all(found[chosen])) {
    lost <- genes[!found[chosen]]
    abort("{.arg x} has no cell with {.val {lost}}.")
  }
  values[chosen, , drop = FALSE]
}

# Returns the row numbers of genes in `fit$genes`, found by any of their names.
known_genes <- function(fit, genes, arg = "genes") {
  genes <- asked_names(genes, "gene", arg)
  places <- match(genes, fit$genes$gene)
  for (column in intersect(c("symbol", "ensembl"), names(fit$genes))) {
    lost <- is.na(places)
    places[lost] <- match(genes[lost], fit$genes[[column]])
  }
  if (anyNA(places)) {
    check_known(genes[is.na(places)], fit$genes$gene, "gene", arg, "the fit")
  }
  places
}

# Converts a tensor as stored in fits, row-major float32, to an R matrix.
state_matrix <- function(tensor) {
  shape <- attr(tensor, "shape")
  values <- readBin(
    tensor, "numeric", n = prod(shape), size = 4, endian = "little"
  )
  matrix(values, shape[1], shape[2], byrow = TRUE)
}
