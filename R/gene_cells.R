# RNA counts as cells: the input of all models of genes.

# Returns a handle of gene counts, checked in one pass. `x` is anything that
# as_cells() takes, a path, or a corpus. From files with feature types, "Gene
# Expression" is read. Counts are not binarised, and messages speak of genes.
gene_cells <- function(x) {
  cells <- gene_handle(x)
  check_counts(cells, min_cells = 1, "gene")
  cells
}

gene_handle <- function(x) {
  if (is.character(x)) {
    return(as_cells(x, feature_type = "Gene Expression"))
  }
  if (is.list(x) && !is.object(x)) x <- lapply(x, gene_handle)
  as_cells(x, counts = TRUE)
}
