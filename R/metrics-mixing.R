#' Mixing of batches in the neighbourhoods of cells
#'
#' Three measures of whether the neighbours of a cell come from all batches.
#'
#' *Proportions* (2.5.3): how many of the `k` nearest neighbours of a cell come
#' from each batch, divided by the size of the batch and scaled to sum to 1. In
#' a well-mixed embedding of two batches, both are about 0.5. Cell types that
#' occur in only one batch should not be mixed.
#'
#' *LISI* (Korsunsky et al. 2019): the effective number of batches (iLISI; from
#' 1, worst, to the number of batches) or of cell types (cLISI; 1 is best) among
#' the neighbours, weighted by distance so that their effective number is
#' `perplexity`. It uses `3 * perplexity` cells including the cell itself, like
#' the R package lisi. iLISI is not normalised by batch size.
#'
#' *kBET* (Büttner et al. 2019): for every cell, the p-value of a chi-square
#' test of the batches of its `k` neighbours against the batch sizes.
#'
#' `plot()` shows, for the cells of each batch, the batches of their neighbours
#' and the even share of perfect mixing. Up to six batches are shown as box
#' plots of the proportions (median, quartiles, and whiskers to the most extreme
#' cell within 1.5 times the interquartile range), more as a heat map of their
#' means, in multiples of the even share.
#'
#' The nearest neighbours are exact (k-d tree, [RANN::nn2()]); the search is
#' fast up to about 20 dimensions.
#'
#' @param x A numeric matrix of cells x dimensions, a fit, or a Seurat or
#'   SingleCellExperiment object with one ([get_fit()]); at least 6 cells.
#' @param batch The batch of each cell, at least two batches: a vector with one
#'   value per cell (factor, character, logical or numeric), matched by name if
#'   named, or the name of a column of the object's metadata.
#' @param labels The cell type of each cell, for cLISI, in the same form as
#'   `batch`; `NULL` for none.
#' @param k Number of neighbours for the proportions and kBET, default 50 as in
#'   the thesis. Lowered, with a warning, if there are fewer other cells.
#' @param perplexity Effective number of neighbours for LISI, default 30.
#'   Lowered, with a warning, to a third of the number of cells if that is less.
#' @param name Name of a reduction of the object: one with a fit, as in
#'   [get_fit()], or any other, such as `"lsi"`, for comparison.
#' @param ... Not used.
#'
#' @return A list of class `"batch_mixing"`; `plot()` returns a ggplot object.
#' * `summary`: named numeric vector of means over the cells: `deviation`,
#'   `ilisi`, `clisi` (`NA` without `labels`), and `rejected`, the share of
#'   cells with a p-value below 0.05.
#' * `batches`: data frame of `batch`, `n_cells`, and the `mean` and `sd`, over
#'   all cells, of the normalised proportion from that batch.
#' * `proportions`: matrix, cells x batches; rows sum to 1.
#' * `cells`: data frame with one row per cell: `batch`; `deviation`, half the
#'   summed absolute difference between its proportions and even ones (0 if well
#'   mixed, 0.5 for two separate batches); `ilisi`, `clisi` if `labels` are
#'   given, and `p_value`.
#' @references Korsunsky et al. (2019), *Nature Methods* 16, 1289. Büttner et
#'   al. (2019), *Nature Methods* 16, 43. Cao (2023), section 2.5.3.
#' @examples
#' batch <- rep(c("a", "b"), each = 100)
#' mixed <- matrix(rnorm(400), 200)
#' apart <- mixed + 3 * (batch == "b")
#' batch_mixing(mixed, batch, k = 20)
#' plot(batch_mixing(apart, batch, k = 20))
#' @export
batch_mixing <- function(x, batch, labels = NULL, k = 50, perplexity = 30,
                         name = NULL) {
  shown <- embedded_cells(x, name)
  embedding <- shown$values
  n_cells <- nrow(embedding)
  abort_if(n_cells < 6, "{.arg x} must have at least 6 cells, not {n_cells}.")
  classes <- function(values, arg) {
    values <- cell_values(values, arg, shown)
    measured_classes(values, n_cells, arg)
  }
  batch <- classes(batch, "batch")
  abort_if(length(batch$names) < 2, c(
    "{.arg batch} must have at least two batches.",
    x = "All cells are in batch {.val {batch$names}}."
  ))
  if (!is.null(labels)) labels <- classes(labels, "labels")
  check_number(k, min = 1, whole = TRUE)
  k <- lowered(k, "k", n_cells - 1, "the number of other cells")
  check_number(perplexity, min = 2)
  perplexity <- lowered(
    perplexity, "perplexity", floor(n_cells / 3), "a third of the cells"
  )

  k_lisi <- ceiling(3 * perplexity) - 1
  neighbors <- nearest_neighbors(embedding, min(n_cells - 1, max(k, k_lisi)))
  near <- seq_len(k)
  mixing <- core_batch_mixing(
    neighbors$index[near, , drop = FALSE], batch$code, length(batch$names)
  )
  near <- seq_len(min(k_lisi, nrow(neighbors$index)))
  effective_number <- function(classes) {
    core_lisi(
      neighbors$index[near, , drop = FALSE],
      neighbors$distance[near, , drop = FALSE],
      classes$code, length(classes$names), perplexity
    )
  }
  cells <- data.frame(
    batch = factor(batch$names[batch$code + 1], batch$names),
    deviation = mixing$deviation, ilisi = effective_number(batch)
  )
  if (!is.null(labels)) cells$clisi <- effective_number(labels)
  cells$p_value <- stats::pchisq(
    mixing$chi_square, length(batch$names) - 1, lower.tail = FALSE
  )
  summarise_mixing(cells, mixing$proportions, batch, rownames(embedding))
}

summarise_mixing <- function(cells, proportions, batch, cell_names) {
  dimnames(proportions) <- list(cell_names, batch$names)
  if (!is.null(cell_names) && !anyDuplicated(cell_names)) {
    rownames(cells) <- cell_names
  }
  clisi <- if (is.null(cells$clisi)) NA_real_ else mean(cells$clisi)
  structure(class = "batch_mixing", list(
    summary = c(
      deviation = mean(cells$deviation), ilisi = mean(cells$ilisi),
      clisi = clisi, rejected = mean(cells$p_value < 0.05)
    ),
    batches = data.frame(
      batch = batch$names,
      n_cells = tabulate(batch$code + 1L, length(batch$names)),
      mean = unname(colMeans(proportions)),
      sd = unname(apply(proportions, 2, stats::sd))
    ),
    proportions = proportions,
    cells = cells
  ))
}

lowered <- function(x, arg, largest, what) {
  if (x <= largest) {
    return(x)
  }
  cli::cli_warn("{.arg {arg}} is lowered from {x} to {largest}, {what}.")
  largest
}

# The k nearest other cells of each cell, nearest first, as matrices of
# neighbours x cells: `index` from 0 and `distance`. If cells coincide, the
# search may list others before the cell itself, or omit it.
nearest_neighbors <- function(embedding, k) {
  found <- RANN::nn2(embedding, k = k + 1)
  index <- t(found$nn.idx)
  other <- index != col(index)
  all_others <- colSums(other) == k + 1
  other[k + 1, all_others] <- FALSE
  n_cells <- nrow(embedding)
  list(
    index = matrix(index[other] - 1L, k, n_cells),
    distance = matrix(t(found$nn.dists)[other], k, n_cells)
  )
}
