# Training reads packed cells, which have the same bits for every source.

stored_simulation <- function() {
  sim <- simulate_atac(
    n_cells = 150, n_peaks = 400, n_types = 3, n_batches = 2, depth = 60,
    seed = 11
  )
  sim$counts[1, 3] <- sim$counts[1, 3] + 4 # not all counts are 1
  sim
}

stored_fit <- function(x, ...) {
  suppressMessages(
    sailer(
      x, ..., hidden = c(16, 8), min_fraction = 0.001,
      control = quick(epochs = 2)
    )
  )
}

expect_same_fit <- function(x, y) {
  expect_identical(embedding(x), embedding(y))
  untimed <- function(fit) {
    subset(fit$history, select = -c(seconds, cells_per_second))
  }
  expect_identical(untimed(x), untimed(y))
}

test_that("files and matrices of every kind give the same bits", {
  skip_without_rhdf5()
  skip_if_not_installed("HDF5Array")
  counts <- stored_simulation()$counts
  expected <- stored_fit(counts)
  expect_same_fit(stored_fit(as.matrix(counts)), expected)
  tenx <- write_tenx(counts)
  expect_same_fit(stored_fit(tenx), expected)
  expect_same_fit(stored_fit(write_h5ad(counts)), expected)
  half <- 1:70
  samples <- list(counts[, half], open_cells(tenx)[, -half])
  expect_same_fit(
    stored_fit(samples, batch = rep("a", ncol(counts))),
    stored_fit(counts, batch = rep("a", ncol(counts)))
  )
  expect_same_fit(stored_fit(DelayedArray::DelayedArray(counts) * 2), expected)
  dense <- HDF5Array::writeHDF5Array(
    as.matrix(counts), withr::local_tempfile(fileext = ".h5"), "counts",
    chunkdim = c(50, 7), with.dimnames = TRUE
  )
  expect_same_fit(stored_fit(dense), expected)
})

test_that("cells in another order than the file's give the same bits", {
  skip_without_rhdf5()
  counts <- stored_simulation()$counts
  order <- withr::with_seed(2, sample(ncol(counts), 120))
  tenx <- open_cells(write_tenx(counts))
  fit <- stored_fit(counts[, order])
  expect_same_fit(stored_fit(tenx[, order]), fit)
  expect_same_fit(stored_fit(as_cells(counts)[, order]), fit)
  expect_identical(predict(fit, tenx[, order]), predict(fit, counts[, order]))
  # Cells in another order than in training.
  expect_identical(
    predict(fit, tenx[, rev(order)]), predict(fit, counts[, rev(order)])
  )
})

test_that("a run resumed from a file has the same bits as from memory", {
  skip_without_rhdf5()
  counts <- stored_simulation()$counts
  goes_on <- function(x) {
    folder <- withr::local_tempdir()
    control <- quick(epochs = 2, checkpoint = folder)
    suppressMessages(quick_fit(x, control = control))
    suppressMessages(resume(folder, x, epochs = 4))
  }
  expect_same_fit(goes_on(write_tenx(counts)), goes_on(counts))
})

test_that("no packed cells are left, regardless of how a run ends", {
  counts <- stored_simulation()$counts
  above <- withr::local_tempdir()
  folder <- file.path(above, "run")
  fit <- suppressMessages(
    quick_fit(counts, control = quick(epochs = 1, checkpoint = folder))
  )
  kept <- list.files(folder, all.files = TRUE, no.. = TRUE)
  expect_false(any(grepl("sailer-", kept)))
  before <- list.files(tempdir(), "^sailer-", all.files = TRUE)
  bad <- counts
  bad[5, 100] <- NA
  expect_error(quick_fit(bad), class = "sailer_data_error")
  expect_error(quick_fit(counts[, c(1:9, 9)]), class = "sailer_data_error")
  expect_identical(list.files(tempdir(), "^sailer-", all.files = TRUE), before)
  expect_identical(list.files(above), "run")
})

test_that("a corpus of version 1 is still read", {
  corpus <- open_corpus(test_path("fixtures", "corpus", "version-1.corpus"))
  # Made by sailer 0.1.0: build_corpus(open_cells(tiny.h5mu, modality = "rna"))
  rna <- open_cells(tiny_path("tiny.h5mu"), modality = "rna")
  file <- local_corpus()
  now <- suppressMessages(build_corpus(rna, file, verbose = FALSE))
  expect_identical(corpus$genes, now$genes)
  expect_identical(corpus$n_cells, now$n_cells)
  expect_identical(corpus_matrix(corpus), corpus_matrix(now))
  old <- local_corpus()
  file.copy(corpus$path, old)
  expect_error(
    build_corpus(list(again = rna), old, append = TRUE, verbose = FALSE),
    "an earlier version of sailer", class = "sailer_file_error"
  )
})

test_that("a corpus truncated while it is read is an error", {
  file <- local_corpus()
  corpus <- suppressMessages(build_corpus(
    rna_counts(n_cells = 300), file, genes = rna_genes(), verbose = FALSE
  ))
  connection <- file(file, "r+b")
  seek(connection, 300, rw = "write")
  truncate(connection)
  close(connection)
  expect_error(
    core_cells_block(corpus$source, 250), "became shorter",
    class = "sailer_file_error"
  )
})
