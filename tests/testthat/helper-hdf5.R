# Counts with a known formula, and HDF5 files that contain them, written by
# rhdf5.

# The matrix of inst/extdata/make-tiny.py, or the same formula in another size.
tiny_counts <- function(n_peaks = 120, n_cells = 60) {
  counts <- outer(
    seq_len(n_peaks) - 1, seq_len(n_cells) - 1,
    function(p, c) pmax((3 * c + 7 * p) %% 11 - 7, 0) * ((c + p) %% 2 == 0)
  )
  p <- seq_len(n_peaks) - 1
  dimnames(counts) <- list(
    sprintf(
      "chr%d:%d-%d", 1 + p %/% 40, 1000 * (p %% 40) + 1, 1000 * (p %% 40) + 500
    ),
    sprintf("CELL%03d-1", seq_len(n_cells) - 1)
  )
  counts
}

tiny_path <- function(name) {
  system.file("extdata", name, package = "sailer", mustWork = TRUE)
}

# The cells of a handle as a base matrix, read through the core.
read_cells <- function(x, cells = seq_len(ncol(x))) {
  slots <- core_cells_block(x$source, cells)
  block <- methods::new(
    "dgCMatrix",
    i = slots$i, p = slots$p, x = slots$x, Dim = c(nrow(x), length(cells)),
    Dimnames = list(rownames(x), colnames(x)[cells])
  )
  as.matrix(block)
}

sparse <- function(counts) methods::as(counts, "CsparseMatrix")

skip_without_rhdf5 <- function() {
  testthat::skip_if_not_installed("rhdf5")
}

write_slots <- function(file, group, counts) {
  counts <- sparse(counts)
  rhdf5::h5write(counts@i, file, paste0(group, "/indices"))
  rhdf5::h5write(counts@p, file, paste0(group, "/indptr"))
  rhdf5::h5write(counts@x, file, paste0(group, "/data"))
}

# `change(file)` may corrupt the file afterwards. Returns the path.
write_tenx <- function(counts, types = NULL, genome = NULL, change = NULL,
                       file = tempfile(fileext = ".h5")) {
  group <- genome %||% "matrix"
  rhdf5::h5createFile(file)
  rhdf5::h5createGroup(file, group)
  write_slots(file, group, counts)
  rhdf5::h5write(dim(counts), file, paste0(group, "/shape"))
  rhdf5::h5write(colnames(counts), file, paste0(group, "/barcodes"))
  if (is.null(genome)) {
    rhdf5::h5createGroup(file, "matrix/features")
    rhdf5::h5write(rownames(counts), file, "matrix/features/id")
    rhdf5::h5write(
      types %||% rep("Peaks", nrow(counts)), file,
      "matrix/features/feature_type"
    )
  } else {
    rhdf5::h5write(rownames(counts), file, paste0(group, "/genes"))
  }
  if (!is.null(change)) change(file)
  rhdf5::h5closeAll()
  file
}

# `place` is "X" or, for example, "layers/counts" or "raw/X".
write_h5ad <- function(counts, place = "X", encoding = "csr_matrix",
                       change = NULL, file = tempfile(fileext = ".h5ad")) {
  rhdf5::h5createFile(file)
  if (grepl("/", place)) rhdf5::h5createGroup(file, dirname(place))
  rhdf5::h5createGroup(file, place)
  write_slots(file, place, counts)
  tables <- list(
    obs = colnames(counts), var = rownames(counts),
    `raw/var` = if (place == "raw/X") rownames(counts)
  )
  for (table in names(Filter(length, tables))) {
    rhdf5::h5createGroup(file, table)
    rhdf5::h5write(tables[[table]], file, paste0(table, "/_index"))
  }
  handle <- rhdf5::H5Fopen(file)
  matrix <- rhdf5::H5Gopen(handle, place)
  rhdf5::h5writeAttribute(encoding, matrix, "encoding-type",
                          asScalar = TRUE)
  rhdf5::h5writeAttribute(rev(dim(counts)), matrix, "shape")
  rhdf5::H5Gclose(matrix)
  rhdf5::H5Fclose(handle)
  if (!is.null(change)) change(file)
  rhdf5::h5closeAll()
  file
}
