# RNA counts as cells: the input of whatever models genes.

#' Counts of genes as a handle
#'
#' as_cells() with counts kept as they are, and messages that speak of genes.
#'
#' @param x What as_cells() takes, a path of a file, or a corpus. Of files that
#'   tell the types of their features, "Gene Expression" is read.
#' @param min_cells Least number of cells.
#' @param scan Whether names and counts are checked, in one pass.
#' @param empty Whether cells without any count are allowed.
#' @param call Environment of the function that errors are reported for.
#' @return A handle of class "sailer_cells"; with `scan` its element `counted`
#'   is a list of `depth`, the number of genes with a count above zero of each
#'   cell, `gene_cells`, the number of such cells of each gene, and
#'   `n_nonzeros`.
#' @noRd
gene_cells <- function(x, min_cells = 1, scan = TRUE, empty = FALSE,
                       call = rlang::caller_env()) {
  cells <- gene_handle(x)
  if (!scan) {
    return(cells)
  }
  counted <- check_counts(cells, min_cells, "gene", empty, call)
  names(counted)[names(counted) == "peak_cells"] <- "gene_cells"
  cells$counted <- counted
  cells
}

gene_handle <- function(x) {
  if (is.character(x)) {
    return(as_cells(x, feature_type = "Gene Expression"))
  }
  if (is.list(x) && !is.object(x)) {
    x <- lapply(x, gene_handle)
  }
  as_cells(x, counts = TRUE)
}
