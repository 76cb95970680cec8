# Every kind of matrix in which a bad count may occur.
forms <- list(
  sparse = sparse,
  base = identity,
  dense = function(x) methods::as(x, "unpackedMatrix")
)

test_that("good counts are counted by cell and by peak", {
  counts <- tiny_counts()
  for (form in forms) {
    checked <- check_counts(form(counts))
    expect_equal(checked$depth, colSums(counts > 0))
    expect_equal(checked$peak_cells, rowSums(counts > 0))
    expect_equal(checked$n_nonzeros, sum(counts > 0))
  }
})

test_that("explicit zeros do not count as open", {
  counts <- sparse(tiny_counts())
  counts@x[1] <- 0
  expected <- colSums(tiny_counts() > 0)
  expected[1] <- expected[1] - 1
  expect_equal(check_counts(counts)$depth, expected)
})

test_that("a bad count is named with its cell and peak in every matrix", {
  cases <- list(
    list(NaN, "is missing"), list(NA, "is missing"), list(Inf, "is infinite"),
    list(-Inf, "is infinite"), list(-1, "is negative"),
    list(0.5, "looks normalised")
  )
  for (form in forms) {
    for (case in cases) {
      counts <- tiny_counts()
      counts[41, 12] <- case[[1]]
      before <- x <- form(counts)
      error <- expect_error(check_counts(x), class = "sailer_data_error")
      text <- gsub("\\s+", " ", conditionMessage(error))
      expect_match(text, case[[2]], fixed = TRUE)
      expect_match(text, "chr2:1-500", fixed = TRUE)
      expect_match(text, "CELL011-1", fixed = TRUE)
      expect_identical(x, before)
    }
  }
  expect_match(text, "raw counts", fixed = TRUE)
})

test_that("NA in integer and logical matrices is found", {
  counts <- tiny_counts()
  storage.mode(counts) <- "integer"
  counts[3, 2] <- NA
  expect_error(check_counts(counts), "CELL001-1", class = "sailer_data_error")
  expect_error(
    check_counts(counts > 0), "CELL001-1", class = "sailer_data_error"
  )
  expect_error(
    check_counts(sparse(counts > 0)), "CELL001-1", class = "sailer_data_error"
  )
})

test_that("a bad count without names is reported by its position", {
  counts <- unname(tiny_counts())
  counts[41, 12] <- NaN
  expect_error(as_cells(counts), "\"41\".*\"12\"", class = "sailer_data_error")
})

test_that("braces in names are not evaluated", {
  counts <- tiny_counts()
  colnames(counts)[2] <- "{stop('run')}"
  counts[1, 2] <- -1
  expect_error(
    check_counts(counts), "{stop('run')}", fixed = TRUE,
    class = "sailer_data_error"
  )
})

test_that("cells without an open peak are named, with a remedy", {
  counts <- tiny_counts()
  counts[, c(3, 9, 11, 40)] <- 0
  x <- sparse(counts)
  error <- expect_error(check_counts(x), class = "sailer_data_error")
  text <- gsub("\\s+", " ", conditionMessage(error))
  expect_match(text, "4 cells have no open peak")
  for (name in colnames(counts)[c(3, 9, 11)]) expect_match(text, name)
  expect_no_match(text, colnames(counts)[40])
  expect_match(text, "x[, cell_depth(x) > 0]", fixed = TRUE)
  expect_silent(check_counts(x[, cell_depth(x) > 0]))

  counts <- tiny_counts()
  counts[, 5] <- 0
  expect_error(
    check_counts(counts), "1 cell has no open peak: \"CELL004-1\"",
    class = "sailer_data_error"
  )
})

test_that("peaks without any count are allowed", {
  counts <- tiny_counts()
  counts[7, ] <- 0
  expect_identical(unname(check_counts(sparse(counts))$peak_cells[7]), 0)
})

test_that("names are required and must be unique", {
  bad <- function(change) {
    counts <- tiny_counts()
    sparse(change(counts))
  }
  expect_error(
    check_counts(bad(unname)), "peaks have no names",
    class = "sailer_data_error"
  )
  expect_error(
    check_counts(bad(function(x) `colnames<-`(x, NULL))), "cells have no names",
    class = "sailer_data_error"
  )
  twice <- function(x) {
    colnames(x)[7] <- "CELL001-1"
    x
  }
  expect_error(
    check_counts(bad(twice)), "CELL001-1", class = "sailer_data_error"
  )
  twice_peak <- function(x) {
    rownames(x)[7] <- rownames(x)[1]
    x
  }
  expect_error(
    check_counts(bad(twice_peak)), "chr1:1-500", class = "sailer_data_error"
  )
  nameless <- function(x) {
    colnames(x)[4] <- ""
    x
  }
  expect_error(
    check_counts(bad(nameless)), "column 4", class = "sailer_data_error"
  )
})

test_that("a model needs two cells and a peak", {
  counts <- tiny_counts()
  expect_error(
    check_counts(counts[, 1, drop = FALSE]), "at least 2",
    class = "sailer_data_error"
  )
  expect_error(
    check_counts(sparse(counts)[, 0]), "0 cells", class = "sailer_data_error"
  )
  expect_error(
    check_counts(sparse(counts)[0, ]), "no peaks", class = "sailer_data_error"
  )
  one <- check_counts(counts[, 1, drop = FALSE], min_cells = 1)
  expect_equal(one$depth, c(`CELL000-1` = sum(counts[, 1] > 0)))
})

test_that("errors name the function that the user called", {
  named <- function(code) as.character(expect_error(code)$call)[1]
  unnamed <- unname(tiny_counts())
  expect_identical(named(sailer(unnamed)), "sailer")
  # Regardless of the functions below or above it in the call stack.
  expect_identical(named(tune_path(unnamed)), "tune_path")
  train <- function(x) sailer(x)
  expect_identical(named(train(unnamed)), "sailer")
})

test_that("depth can be counted with empty cells and for chosen peaks", {
  counts <- tiny_counts()
  counts[, 3] <- 0
  cells <- as_cells(sparse(counts))
  expect_equal(cell_depth(cells), colSums(counts > 0))
  expect_equal(cell_depth(cells, 5:20), colSums(counts[5:20, ] > 0))
  some <- rownames(counts)[c(9, 2)]
  expect_equal(cell_depth(cells, some), colSums(counts[some, ] > 0))
  kept <- cells[, cell_depth(cells) > 0]
  expect_identical(ncol(kept), 59L)
  expect_equal(check_counts(kept)$depth, colSums(counts > 0)[-3])
})
