counts <- tiny_counts()

test_that("a folder of Cell Ranger is read, compressed or not", {
  for (ending in c("", ".gz")) {
    folder <- write_mtx(counts, ending = ending)
    cells <- open_cells(folder)
    expect_identical(dimnames(cells), dimnames(counts))
    expect_identical(read_cells(cells) > 0, counts > 0)
    expect_match(cells$origin, paste0("matrix.mtx", ending), fixed = TRUE)
    file <- file.path(folder, paste0("matrix.mtx", ending))
    expect_identical(read_cells(open_cells(file)), read_cells(cells))
    expect_equal(check_counts(cells)$depth, colSums(counts > 0))
  }
  # Compare with the only reader that comes with R.
  skip_if_not_installed("Matrix")
  other <- as.matrix(Matrix::readMM(file))
  expect_identical(unname(read_cells(cells) > 0), unname(other > 0))
})

test_that("files written by Matrix::writeMM() are read", {
  folder <- write_mtx(counts, ending = "")
  Matrix::writeMM(sparse(counts), file.path(folder, "matrix.mtx"))
  expect_identical(read_cells(open_cells(folder)) > 0, counts > 0)
})

test_that("entries come in any order, and cells in rows are recognised", {
  back <- function(n) rev(seq_len(n))
  by_peaks <- function(n) order(which(counts != 0, arr.ind = TRUE)[, 1])
  for (entries in list(back, by_peaks)) {
    for (transposed in c(TRUE, FALSE)) {
      folder <- write_mtx(counts, entries = entries, transposed = transposed)
      expect_identical(read_cells(open_cells(folder)) > 0, counts > 0)
    }
  }
  genes <- rna_counts()
  folder <- write_mtx(genes, transposed = TRUE, name = "genes.tsv")
  expect_identical(read_cells(open_cells(folder)), genes)
})

test_that("peaks.bed gives the peaks' names and ranges", {
  fields <- do.call(rbind, strsplit(rownames(counts), "[:-]"))
  folder <- write_mtx(
    counts, name = "peaks.bed",
    features = c("# a remark", paste(fields[, 1], fields[, 2], fields[, 3],
                                     "more", sep = "\t"))
  )
  cells <- open_cells(folder)
  expect_identical(rownames(cells), rownames(counts))
  expect_identical(peak_chromosomes(rownames(cells)), fields[, 1])
  spaced <- write_mtx(counts, name = "peaks.bed",
                      features = gsub("[:-]", "  ", rownames(counts)))
  expect_identical(rownames(open_cells(spaced)), rownames(counts))
  expect_identical(read_cells(cells) > 0, counts > 0)
  fit <- sailer(cells, hidden = 8, control = quick(epochs = 2))
  plain <- sailer(sparse(counts), hidden = 8, control = quick(epochs = 2))
  expect_identical(embedding(fit), embedding(plain))
})

test_that("files of GEO with a common prefix are found together", {
  folder <- write_mtx(counts, prefix = "GSM1_a_", name = "peaks.bed",
                      features = gsub("[:-]", "\t", rownames(counts)))
  write_mtx(counts[, 1:20], prefix = "GSM2_b_", folder = folder)
  expect_error(
    open_cells(folder),
    "a file in it.*GSM1_a_matrix.mtx.gz.*GSM2_b_matrix.mtx.gz",
    class = "sailer_file_error"
  )
  first <- open_cells(file.path(folder, "GSM1_a_matrix.mtx.gz"))
  second <- open_cells(file.path(folder, "GSM2_b_matrix.mtx.gz"))
  expect_identical(dim(first), dim(counts))
  expect_identical(read_cells(second) > 0, counts[, 1:20] > 0)
  # kallisto: cells x genes, with other separators.
  folder <- write_mtx(rna_counts(), prefix = "cells_x_genes.", ending = "",
                      transposed = TRUE, name = "genes.txt")
  file.rename(file.path(folder, c("cells_x_genes.matrix.mtx",
                                  "cells_x_genes.barcodes.tsv")),
              file.path(folder, c("cells_x_genes.mtx",
                                  "cells_x_genes.barcodes.txt")))
  expect_identical(read_cells(open_cells(folder)), rna_counts())
})

test_that("each modality of an ARC folder is read", {
  genes <- rna_counts(n_cells = ncol(counts))
  colnames(genes) <- colnames(counts)
  both <- rbind(genes[1:20, ], counts, genes[21:40, ])
  type <- rep(c("Gene Expression", "Peaks", "Gene Expression"),
              c(20, nrow(counts), 20))
  ids <- c(rna_ids(20), rownames(counts), rna_ids()[21:40])
  place <- gsub("[:-]", "\t", rownames(counts))
  folder <- write_mtx(both, features = paste(
    ids, rownames(both), type,
    c(rep("chr9\t5\t60", 20), place, rep("\t\t", 20)), sep = "\t"
  ))
  peaks <- open_cells(folder)
  expect_identical(dimnames(peaks), dimnames(counts))
  expect_identical(read_cells(peaks) > 0, counts > 0)
  rna <- gene_handle(folder)
  expect_identical(rownames(rna), rna_ids())
  expect_identical(unname(read_cells(rna)), unname(genes))
  all <- open_cells(folder, feature_type = NULL)
  expect_identical(rownames(all), ids)
  expect_identical(unname(read_cells(all)), unname(both))
  expect_error(
    open_cells(folder, feature_type = "CRISPR"),
    "\"CRISPR\".*\"Gene Expression\" and \"Peaks\"",
    class = "sailer_argument_error"
  )
})

test_that("counts of genes are kept, including fractions and noise", {
  genes <- rna_counts()
  genes[3, 4] <- 0.25
  folder <- write_mtx(genes, name = "genes.tsv", field = "real")
  expect_identical(read_cells(open_cells(folder)), genes)
  corpus <- suppressMessages(build_corpus(
    folder, local_corpus(), genes = rownames(genes)
  ))
  expect_equal(corpus_matrix(corpus),
               expected_matrix(genes, seq_len(40), rownames(genes)))
  # A fraction in a count of peaks is refused as everywhere else.
  spoilt <- counts
  spoilt[2, 1] <- 0.25
  expect_error(
    open_cells(write_mtx(spoilt, field = "real")),
    "\"chr1:1001-1500\" in cell \"CELL000-1\" is not a whole number",
    class = "sailer_data_error"
  )
})

test_that("a handle to text can be saved, and its file is read again", {
  folder <- write_mtx(counts)
  cells <- open_cells(folder)[5:50, c(7, 3)]
  file <- withr::local_tempfile()
  saveRDS(cells, file)
  again <- as_cells(readRDS(file))
  expect_identical(read_cells(again), read_cells(cells))
  write_mtx(counts[, 60:1], folder = folder)
  expect_error(as_cells(readRDS(file)), "cells or peaks in.*changed",
               "sailer_file_error")
})

test_that("names that do not fit the matrix are refused", {
  refuse <- function(..., pattern) {
    expect_error(open_cells(write_mtx(...)), pattern,
                 class = "sailer_file_error")
  }
  refuse(counts, features = rownames(counts)[-(1:2)],
         pattern = "Line 3.*120 rows and 60 columns.*118 features.*60 cells")
  refuse(counts, features = character(), pattern = "holds no names")
  # A header line is one line too many, and is reported.
  folder <- write_mtx(counts, features = c("Feature", rownames(counts)))
  expect_message(cells <- open_cells(folder), "header.*Feature",
                 class = "sailer_note")
  expect_identical(rownames(cells), rownames(counts))
})

test_that("invalid files are refused with file and line", {
  refuse <- function(change, pattern) {
    expect_error(
      open_cells(write_mtx(counts, change = change)), pattern,
      class = "sailer_file_error"
    )
  }
  n <- sum(counts > 0)
  refuse(function(x) x[seq_len(n)],
         paste0("matrix.mtx.gz' ends after line ", n, ".*", n - 3, " of the ",
                n, " entries"))
  refuse(function(x) replace(x, 6, "1 x 1"),
         "Line 6 of the file 'matrix.mtx.gz' is '1 x 1'")
  refuse(function(x) replace(x, 6, "121 1 1"), "Line 6.*row 121")
  refuse(function(x) x[-1], "Line 1.*MatrixMarket")
  folder <- write_mtx(counts)
  file <- file.path(folder, "matrix.mtx.gz")
  bytes <- readBin(file, "raw", 1e6)
  writeBin(bytes[seq_len(length(bytes) %/% 2)], file)
  expect_error(open_cells(folder),
               "matrix.mtx.gz.*(decompressed|truncated|cut short)",
               class = "sailer_file_error")
  unlink(file.path(folder, "barcodes.tsv.gz"))
  expect_error(open_cells(folder), "barcodes.tsv", class = "sailer_file_error")
})

test_that("folders of other formats are refused with what reads them", {
  refuse <- function(files, pattern, lines = "") {
    folder <- withr::local_tempdir()
    for (file in files) {
      dir.create(dirname(file.path(folder, file)), FALSE, TRUE)
      writeLines(lines, file.path(folder, file))
    }
    expect_error(open_cells(folder), pattern, class = "sailer_file_error")
  }
  refuse("version", "BPCells::open_matrix_dir\\(path\\)",
         "packed-uint-matrix-v2")
  refuse("version", "BPCells::open_fragments_dir", "packed-fragments-v2")
  refuse(c("a.h5", "b.txt"), "give the path of a file in it.*a.h5")
  refuse(c("matrix.mtx", "a.h5"), "a file in it.*matrix.mtx.*a.h5")
  refuse("b.txt", "neither matrix.mtx nor an HDF5 file")
  refuse("filtered/matrix.mtx.gz", "folder filtered|folder .filtered")
  refuse(c("assays.h5", "se.rds"), "loadHDF5SummarizedExperiment")
  refuse(".zgroup", "zarr")
  expect_error(open_cells("nowhere/matrix.mtx"), "does not exist",
               class = "sailer_file_error")
  expect_error(open_cells(write_mtx(counts), layer = "counts"), "layer.*HDF5",
               class = "sailer_argument_error")
})
