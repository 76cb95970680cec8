sim <- tiny_simulation()
counts <- sim$counts
latin <- function(text) {
  text <- iconv(text, "UTF-8", "latin1")
  Encoding(text) <- "latin1"
  text
}
bad <- "caf\xe9"

test_that("names can be set on a handle, and stay with it", {
  cells <- as_cells(unname(as.matrix(counts)))
  expect_error(check_counts(cells), "rownames(x) <- ", fixed = TRUE)
  rownames(cells) <- rownames(counts)
  colnames(cells) <- colnames(counts)
  expect_identical(dimnames(cells), dimnames(counts))
  expect_equal(check_counts(cells), check_counts(counts))
  expect_identical(
    dimnames(cells[rownames(counts)[9:5], 3:4]),
    list(rownames(counts)[9:5], colnames(counts)[3:4])
  )
  dimnames(cells) <- list(NULL, colnames(counts))
  expect_null(rownames(cells))
})

test_that("names of another length or kind are refused", {
  cells <- as_cells(counts)
  expect_error(rownames(cells) <- "a", "1 name for 400 peaks",
               class = "sailer_argument_error")
  expect_error(colnames(cells) <- letters, "26 names for 150 cells",
               class = "sailer_argument_error")
  expect_error(dimnames(cells) <- list("a"), "two sets",
               class = "sailer_argument_error")
  expect_error(dimnames(cells) <- list(list(1), NULL), "length|text")
  expect_identical(dimnames(cells), dimnames(counts))
})

test_that("names set on cells of a file survive saving and opening again", {
  path <- tiny_path("tiny-10x.h5")
  cells <- open_cells(path)[3:80, 11:30]
  colnames(cells) <- paste0("donor1_", colnames(cells))
  rownames(cells) <- paste0("peak", 3:80)
  kept <- cells[c(9, 4), 5:2]
  file <- withr::local_tempfile()
  saveRDS(kept, file)
  again <- as_cells(readRDS(file))
  expect_identical(dimnames(again), list(
    c("peak11", "peak6"), paste0("donor1_", colnames(open_cells(path))[15:12])
  ))
  expect_identical(read_cells(again), read_cells(kept))
  # A changed file is still noticed.
  copy <- withr::local_tempfile(fileext = ".h5")
  file.copy(path, copy)
  cells <- open_cells(copy)
  colnames(cells) <- paste0("x", colnames(cells))
  saveRDS(cells, file)
  file.copy(tiny_path("tiny-10x.h5"), copy, overwrite = TRUE)
  expect_identical(dim(as_cells(readRDS(file))), dim(cells))
  skip_without_rhdf5()
  unlink(copy)
  write_tenx(tiny_counts()[, 60:1], file = copy)
  expect_error(as_cells(readRDS(file)), "cells or peaks in.*changed",
               class = "sailer_file_error")
})

test_that("the sample of each cell stays when a handle is subset", {
  listed <- as_cells(list(a = counts[, 1:60], b = counts[, 61:150]))
  expect_identical(listed[, 59:62]$sample, factor(c("a", "a", "b", "b")))
})

test_that("names with an invalid encoding are refused before training", {
  x <- counts
  colnames(x)[7] <- bad
  refuse <- function(code, pattern) {
    expect_error(code, pattern, class = "sailer_data_error")
  }
  refuse(quick_fit(x),
         "cell names.*UTF-8.*\"caf<e9>\".*colnames\\(x\\) <- iconv")
  x <- counts
  rownames(x)[1:2] <- c(bad, "\xe9")
  refuse(quick_fit(x), "peak names.*\"caf<e9>\".*nor is 1 other.*rownames")
  x <- rna_counts()
  rownames(x)[3] <- bad
  refuse(build_corpus(list(one = x), local_corpus()),
         "gene names in source \"one\".*caf<e9>")
  refuse(gene_cells(x), "gene names.*caf<e9>")
  batch <- rep(c(bad, "b"), 75)
  refuse(quick_fit(counts, batch = batch), "labels in.*batch.*caf<e9>.*iconv")
  refuse(quick_fit(counts, batch = factor(batch)), "levels\\(x\\) <- iconv")
  refuse(quick_fit(counts, covariates = stats::setNames(
    data.frame(sim$cells$batch), bad
  )), "column names.*caf<e9>")
  refuse(transfer_labels(matrix(1:4, 2), c(bad, "b"), matrix(1:4, 2), k = 1),
         "labels.*caf<e9>")
  refuse(as_cells(stats::setNames(list(counts), bad)), "sample names.*caf<e9>")
  refuse(open_cells(paste0(bad, ".h5")), "path.*caf<e9>")
})

test_that("the advice for names with an invalid encoding works", {
  x <- counts
  colnames(x)[7] <- bad
  colnames(x) <- iconv(colnames(x), "latin1", "UTF-8")
  expect_identical(rownames(embedding(quick_fit(x)))[7], "caf\u00e9")
  cells <- as_cells(counts)
  cells$cells[7] <- bad
  colnames(cells) <- iconv(colnames(cells), "latin1", "UTF-8")
  expect_identical(colnames(cells)[7], "caf\u00e9")
})

test_that("names marked as Latin-1 equal their UTF-8 form", {
  names <- c(paste0("caf\u00e9", 1:75), paste0("c", 1:75))
  x <- y <- counts
  colnames(x) <- names
  colnames(y) <- latin(names)
  batch <- stats::setNames(latin(rep(c("\u00e9", "b"), 75)), rev(names))
  fit <- quick_fit(x, batch = rev(rep(c("\u00e9", "b"), 75)))
  other <- quick_fit(y, batch = batch)
  expect_identical(embedding(other), embedding(fit))
  expect_identical(Encoding(rownames(embedding(other))[1]), "UTF-8")
  expect_identical(other$labels$batch, c("b", "\u00e9"))
  expect_identical(predict(other, y[, 3:5]), predict(fit, x[, 3:5]))
})
