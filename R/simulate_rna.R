#' Simulate scRNA-seq counts
#'
#' Simulates cells of several types. Genes belong to programs, whose activity
#' varies between types and between cells of one type, so that the genes of a
#' program predict each other. Useful for examples and tests, because the truth
#' is known.
#'
#' @param n_cells,n_genes Numbers of cells and genes.
#' @param n_types Number of cell types.
#' @param n_programs Number of gene programs; every gene is in one.
#' @param depth Mean number of counts per cell; log-normal with `depth_sd`.
#' @param depth_sd Standard deviation of the logarithm of the depth.
#' @param seed Whole number that determines every draw; R's random number
#'   generator is not changed.
#' @return A list: `counts`, a `dgCMatrix` of genes x cells; `cells`, a data
#'   frame with the `cell_type` of each; `genes`, a data frame with the
#'   `program` of each; `truth`, the matrix of expected shares of a cell's
#'   counts.
#' @references Cao (2023), section 4.2.1, for what the counts represent.
#' @examples
#' sim <- simulate_rna(n_cells = 50, n_genes = 40, seed = 1)
#' dim(sim$counts)
#' table(sim$genes$program)
#' @export
simulate_rna <- function(n_cells = 500, n_genes = 500, n_types = 4,
                         n_programs = 8, depth = 3 * n_genes, depth_sd = 0.3,
                         seed = 1) {
  check_number(n_cells, min = 1, whole = TRUE)
  check_number(n_genes, min = 2, whole = TRUE)
  check_number(n_types, min = 1, whole = TRUE)
  check_number(n_programs, min = 1, max = n_genes, whole = TRUE)
  check_number(depth, min = 1)
  check_number(depth_sd, min = 0)
  check_number(seed, whole = TRUE)
  with_own_seed(seed, {
    type <- sample(rep_len(seq_len(n_types), n_cells))
    program <- sample(rep_len(seq_len(n_programs), n_genes))
    by_type <- matrix(stats::rnorm(n_programs * n_types), n_programs)
    activity <- by_type[, type, drop = FALSE] +
      matrix(stats::rnorm(n_programs * n_cells, sd = 0.7), n_programs)
    base <- stats::rnorm(n_genes, sd = 1)
    weight <- stats::runif(n_genes, 0.6, 1.4)
    share <- exp(base + weight * activity[program, , drop = FALSE])
    share <- sweep(share, 2, colSums(share), "/")
    total <- depth * exp(stats::rnorm(n_cells, sd = depth_sd) - depth_sd^2 / 2)
    counts <- matrix(
      stats::rpois(n_genes * n_cells, sweep(share, 2, total, "*")), n_genes
    )
  })
  names <- list(
    paste0("gene", seq_len(n_genes)), paste0("cell", seq_len(n_cells))
  )
  dimnames(counts) <- dimnames(share) <- names
  list(
    counts = methods::as(counts, "CsparseMatrix"),
    cells = data.frame(
      cell_type = factor(paste0("type", type)), row.names = names[[2]]
    ),
    genes = data.frame(program = program, row.names = names[[1]]),
    truth = share
  )
}
