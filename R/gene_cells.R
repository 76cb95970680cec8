# RNA counts as cells: the input of whatever models genes.

# Counts of genes as a handle, checked in one pass. `x` is what as_cells()
# takes, a path, or a corpus; of files with types of features "Gene Expression"
# is read. Counts are kept as they are, and messages name genes.
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
