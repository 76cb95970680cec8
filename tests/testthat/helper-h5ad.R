# The files of fixtures/h5ad and inst/extdata/tiny.h5mu, and their contents.

h5ad_path <- function(name) test_path("fixtures", "h5ad", name)

h5ad_counts <- function() tiny_counts(40, 24)

# Logarithms of each cell's counts per 10,000, in single precision.
h5ad_logs <- function() {
  counts <- h5ad_counts()
  log1p(sweep(counts, 2, pmax(colSums(counts), 1), "/") * 1e4)
}

# X_pca as the generators write it; `cells` count from 0.
cosines <- function(cells, width) {
  values <- cos(0.1 * outer(cells + 1, seq_len(width)))
  dimnames(values) <- list(
    sprintf("CELL%03d-1", cells), paste0("X_pca_", seq_len(width))
  )
  values
}

# The RNA of tiny.h5mu: 50 of the cells, in reverse order.
rna_of_tiny <- function() {
  cells <- 59:10
  counts <- outer(0:39, cells, function(g, c) {
    pmax((c * (g + 3)) %% (5 + g %% 7) - 2, 0)
  })
  dimnames(counts) <- list(paste0("gene", 0:39), sprintf("CELL%03d-1", cells))
  counts
}

# A copy of an HDF5 file, altered by `change`.
altered <- function(path, change) {
  copy <- tempfile(fileext = paste0(".", tools::file_ext(path)))
  file.copy(path, copy)
  change(copy)
  rhdf5::h5closeAll()
  copy
}
