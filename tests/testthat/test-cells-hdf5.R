test_that("the example files contain the matrix of their script", {
  counts <- tiny_counts()
  for (name in c("tiny-10x.h5", "tiny.h5ad")) {
    cells <- open_cells(tiny_path(name))
    expect_identical(read_cells(cells), counts)
    expect_match(cells$origin, name, fixed = TRUE)
    expect_equal(check_counts(cells)$depth, colSums(counts > 0))
    expect_identical(read_cells(as_cells(tiny_path(name))), counts)
  }
})

test_that("layouts are recognised by content, not by name", {
  odd <- withr::local_tempfile(fileext = ".h5ad")
  file.copy(tiny_path("tiny-10x.h5"), odd)
  expect_match(open_cells(odd)$origin, "10x HDF5 file")
})

test_that("metadata of an h5ad file come with their types", {
  cells <- open_cells(tiny_path("tiny.h5ad"))
  obs <- cells_metadata(cells)
  c <- 0:59
  expect_identical(rownames(obs), colnames(cells))
  expect_identical(obs$batch, factor(paste0("donor", 1 + c %% 2)))
  expect_identical(obs$n_fragments, c * 10L + 5L)
  expect_equal(obs$tss, seq(2, 8, length.out = 60))
  expect_identical(obs$doublet, c %% 7 == 0)
  some <- cells_metadata(cells[, c(9, 4)], "n_fragments")
  names <- colnames(cells)[c(9, 4)]
  expect_identical(
    some, data.frame(n_fragments = c(85L, 35L), row.names = names)
  )
  expect_error(
    cells_metadata(cells, "celltype"), "celltype",
    class = "sailer_argument_error"
  )
})

test_that("cells without metadata give an empty table", {
  for (cells in list(
    open_cells(tiny_path("tiny-10x.h5")), as_cells(sparse(tiny_counts()))
  )) {
    expect_identical(
      cells_metadata(cells), data.frame(row.names = colnames(tiny_counts()))
    )
    expect_error(
      cells_metadata(cells, "batch"), "batch", class = "sailer_argument_error"
    )
  }
})

test_that("files written by rhdf5 are read correctly in every layout", {
  skip_without_rhdf5()
  counts <- tiny_counts(37, 29)
  expect_identical(read_cells(open_cells(write_tenx(counts))), counts)
  two <- write_tenx(counts, genome = "mm10")
  expect_identical(read_cells(open_cells(two)), counts)
  expect_identical(read_cells(open_cells(two, group = "mm10")), counts)
  expect_identical(read_cells(open_cells(write_h5ad(counts))), counts)
  layered <- write_h5ad(counts, "layers/counts")
  expect_identical(read_cells(open_cells(layered, layer = "counts")), counts)
  raw <- write_h5ad(counts, "raw/X")
  expect_identical(read_cells(open_cells(raw, layer = "raw")), counts)
})

test_that("peaks are selected from a multiome file", {
  skip_without_rhdf5()
  counts <- tiny_counts(30, 20)
  types <- rep(c("Gene Expression", "Peaks", "Peaks"), 10)
  path <- write_tenx(counts, types)
  peaks <- counts[types == "Peaks", ]
  expect_identical(read_cells(open_cells(path)), peaks)
  expect_identical(read_cells(open_cells(path, feature_type = NULL)), counts)
  genes <- open_cells(path, feature_type = "Gene Expression")
  expect_identical(read_cells(genes), counts[types != "Peaks", ])
  expect_error(
    open_cells(path, feature_type = "CRISPR"), "'Gene Expression', 'Peaks'",
    class = "sailer_argument_error"
  )
})

test_that("ranges come from intervals if the names have none", {
  skip_without_rhdf5()
  skip_if_not_installed("GenomicRanges")
  counts <- tiny_counts(30, 20)
  intervals <- rownames(counts)
  rownames(counts) <- paste0("peak", 1:30)
  path <- write_tenx(counts, change = function(file) {
    rhdf5::h5write(intervals, file, "matrix/features/interval")
  })
  cells <- open_cells(path)
  expect_s4_class(cells$ranges, "GRanges")
  expect_identical(
    peak_chromosomes(cells$peaks, cells$ranges), peak_chromosomes(intervals)
  )
  expect_identical(as.character(cells[3:2, ]$ranges), intervals[3:2])
  expect_null(open_cells(tiny_path("tiny-10x.h5"))$ranges)
})

test_that("invalid files are refused by name", {
  path <- withr::local_tempfile(fileext = ".h5")
  expect_error(open_cells(path), "does not exist", class = "sailer_file_error")
  file.create(path)
  expect_error(open_cells(path), "is empty", class = "sailer_file_error")
  writeLines("chr1\t1\t2", path)
  expect_error(
    open_cells(path), "not an HDF5 file", class = "sailer_file_error"
  )
  expect_error(open_cells(tempdir()), "folder", class = "sailer_file_error")
  expect_error(open_cells(c("a", "b")), class = "sailer_argument_error")
  expect_error(open_cells(1), class = "sailer_argument_error")
})

test_that("truncated files are refused without crashing R", {
  for (name in c("tiny-10x.h5", "tiny.h5ad")) {
    whole <- readBin(tiny_path(name), "raw", 1e6)
    for (share in c(0.001, 0.05, 0.3, 0.6, 0.95)) {
      path <- withr::local_tempfile()
      writeBin(whole[seq_len(ceiling(share * length(whole)))], path)
      expect_error(
        check_counts(open_cells(path)), basename(path), fixed = TRUE,
        class = "sailer_file_error"
      )
    }
  }
})

test_that("HDF5 files of unknown layout are refused with their contents", {
  skip_without_rhdf5()
  path <- withr::local_tempfile()
  rhdf5::h5createFile(path)
  rhdf5::h5createGroup(path, "weights")
  expect_error(
    open_cells(path), "Found: 'weights'", class = "sailer_file_error"
  )
})

test_that("inconsistent parts of a file are named", {
  skip_without_rhdf5()
  counts <- tiny_counts(37, 29)
  spoil <- function(dataset, index, value) {
    function(file) rhdf5::h5write(value, file, dataset, index = list(index))
  }
  expect_error(
    open_cells(write_tenx(counts, change = spoil("matrix/indptr", 5, 9999L))),
    "matrix/indptr", class = "sailer_file_error"
  )
  expect_error(
    open_cells(write_tenx(counts, change = spoil("matrix/shape", 2, 30L))),
    "matrix/indptr", class = "sailer_file_error"
  )
  high <- write_tenx(counts, change = spoil("matrix/indices", 5, 37L))
  expect_error(
    check_counts(open_cells(high)), "matrix/indices",
    class = "sailer_file_error"
  )
})

test_that("bad counts in files are named", {
  skip_without_rhdf5()
  counts <- tiny_counts(37, 29)
  for (value in list(-3, 0.25, NaN)) {
    counts[8, 13] <- value
    for (write in list(write_tenx, write_h5ad)) {
      error <- expect_error(
        check_counts(open_cells(write(counts))), class = "sailer_data_error"
      )
      expect_match(conditionMessage(error), rownames(counts)[8], fixed = TRUE)
      expect_match(conditionMessage(error), "CELL012-1", fixed = TRUE)
    }
  }
  counts[, 13] <- 0
  cells <- open_cells(write_tenx(counts))
  expect_error(
    check_counts(cells), "cell_depth(cells) > 0", fixed = TRUE,
    class = "sailer_data_error"
  )
  expect_silent(check_counts(cells[, cell_depth(cells) > 0]))
})

test_that("h5ad files that cannot be streamed are refused with advice", {
  skip_without_rhdf5()
  counts <- tiny_counts(37, 29)
  expect_error(
    open_cells(write_h5ad(counts, encoding = "csc_matrix")),
    "HDF5Array::H5ADMatrix.*scipy.sparse.csr_matrix\\(adata.X\\)",
    class = "sailer_file_error"
  )
  expect_error(
    open_cells(tiny_path("tiny.h5ad"), layer = "spliced"), "spliced",
    class = "sailer_argument_error"
  )
  expect_error(
    open_cells(tiny_path("tiny-10x.h5"), layer = "a"), "h5ad",
    class = "sailer_argument_error"
  )
})

test_that("columns that cannot be read are left out with a warning", {
  skip_without_rhdf5()
  path <- write_h5ad(tiny_counts(37, 29), change = function(file) {
    rhdf5::h5createGroup(file, "obs/odd")
    rhdf5::h5write(29:1, file, "obs/plate")
  })
  cells <- open_cells(path)
  expect_warning(obs <- cells_metadata(cells), "odd")
  expect_identical(obs$plate, 29:1)
  expect_error(cells_metadata(cells, "odd"), class = "sailer_file_error")
})
