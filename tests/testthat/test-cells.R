test_that("a dgCMatrix is used without a copy and read as it is", {
  counts <- tiny_counts()
  cells <- as_cells(sparse(counts))
  expect_s3_class(cells, "sailer_cells")
  expect_identical(dim(cells), dim(counts))
  expect_identical(dimnames(cells), dimnames(counts))
  expect_identical(cells$origin, "a dgCMatrix")
  expect_identical(read_cells(cells), counts)
  expect_identical(as_cells(cells), cells)
})

test_that("a matrix in use survives removal and changes of its variable", {
  counts <- sparse(tiny_counts())
  cells <- as_cells(counts)
  expected <- read_cells(cells)
  counts@x[] <- 99
  expect_identical(read_cells(cells), expected)
  rm(counts)
  for (k in 1:3) {
    gc()
    junk <- lapply(1:50, function(k) numeric(1e4) + k)
  }
  expect_identical(read_cells(cells), expected)
})

test_that("every matrix of Matrix and base R gives the same cells", {
  counts <- tiny_counts()
  open <- (counts > 0) * 1
  dgc <- sparse(counts)
  triplets <- methods::as(dgc, "TsparseMatrix")
  expect_identical(read_cells(as_cells(triplets)), counts)
  by_rows <- methods::as(dgc, "RsparseMatrix")
  expect_identical(read_cells(as_cells(by_rows)), counts)
  expect_identical(as_cells(by_rows)$origin, "a dgRMatrix")
  pattern <- methods::as(dgc, "nMatrix")
  expect_s4_class(pattern, "ngCMatrix")
  expect_identical(read_cells(as_cells(pattern)), open)
  logical <- dgc > 0
  expect_s4_class(logical, "lgCMatrix")
  expect_identical(read_cells(as_cells(logical)), open)
  # Dense matrices are packed: only the open peaks are kept.
  general <- methods::as(counts, "unpackedMatrix")
  expect_s4_class(general, "dgeMatrix")
  expect_identical(read_cells(as_cells(general)), open)
  expect_identical(read_cells(as_cells(general > 0)), open)
  expect_identical(read_cells(as_cells(counts)), open)
  expect_identical(read_cells(as_cells(counts > 0)), open)
  storage.mode(counts) <- "integer"
  expect_identical(read_cells(as_cells(counts)), open)
})

test_that("duplicated triplets are summed", {
  x <- Matrix::sparseMatrix(
    i = c(1, 1, 2), j = c(1, 1, 2), x = c(2, 3, 1), repr = "T",
    dimnames = list(c("p1", "p2"), c("a", "b"))
  )
  expect_identical(unname(read_cells(as_cells(x))), diag(c(5, 1)))
})

test_that("dense matrices of several blocks are packed completely", {
  counts <- tiny_counts(40, 23)
  columns <- function(x, columns) x[, columns, drop = FALSE]
  cells <- pack_blocks(counts, "a test", 5, columns)
  expect_identical(read_cells(cells), (counts > 0) * 1)
  cells <- pack_blocks(sparse(counts), "a test", 7, columns)
  expect_identical(read_cells(cells), (counts > 0) * 1)
})

test_that("cells can be read in any order", {
  counts <- tiny_counts()
  order <- c(60, 1, 7, 7, 30:35)
  expect_identical(read_cells(as_cells(sparse(counts)), order), counts[, order])
  expect_identical(
    read_cells(open_cells(tiny_path("tiny-10x.h5")), order), counts[, order]
  )
})

test_that("cells can be subset like a matrix", {
  counts <- tiny_counts()
  cells <- as_cells(sparse(counts))
  expect_identical(read_cells(cells[5:1, ]), counts[5:1, ])
  expect_identical(read_cells(cells[, c(9, 2)]), counts[, c(9, 2)])
  keep <- rep(c(TRUE, FALSE), 30)
  expect_identical(read_cells(cells[-1, keep]), counts[-1, keep])
  named <- c("CELL005-1", "CELL001-1")
  some <- cells[rownames(counts)[c(3, 9)], named]
  expect_identical(read_cells(some), counts[c(3, 9), named])
  one <- some[2, 2:1]
  expect_identical(read_cells(one), counts[9, rev(named), drop = FALSE])
  expect_error(cells[, "nobody"], "nobody", class = "sailer_argument_error")
  expect_error(cells[, 61], "beyond 60", class = "sailer_argument_error")
  expect_error(cells[, c(TRUE, NA)], class = "sailer_argument_error")
  expect_error(cells[c(1, 1), ], "only once", class = "sailer_argument_error")
})

test_that("handles can be printed", {
  shown <- format(as_cells(sparse(tiny_counts())))
  expect_match(shown[1], "120 peaks x 60 cells", fixed = TRUE)
  expect_match(shown[2], "a dgCMatrix", fixed = TRUE)
  expect_match(shown[4], "CELL000-1, CELL001-1, CELL002-1, ...", fixed = TRUE)
  expect_output(print(as_cells(matrix(1, 2, 2))), "no names")
})

test_that("cells of an earlier session are reported, files are reopened", {
  round_trip <- function(x) unserialize(serialize(x, NULL))
  dead <- round_trip(as_cells(sparse(tiny_counts())))
  expect_identical(dim(dead), c(120L, 60L))
  expect_error(
    check_counts(dead), "a dgCMatrix", class = "sailer_argument_error"
  )
  expect_output(print(dead), "120 peaks")
  cells <- round_trip(open_cells(tiny_path("tiny.h5ad")))
  expect_identical(read_cells(as_cells(cells)), tiny_counts())
  some <- round_trip(open_cells(tiny_path("tiny-10x.h5"))[7:3, c(50, 2)])
  expect_identical(read_cells(as_cells(some)), tiny_counts()[7:3, c(50, 2)])
})

test_that("a file that changed under a saved handle is refused", {
  path <- withr::local_tempfile(fileext = ".h5")
  file.copy(tiny_path("tiny-10x.h5"), path)
  saved <- unserialize(serialize(open_cells(path), NULL))
  saved$cells <- rev(saved$cells)
  expect_error(
    as_cells(saved), "cells or peaks in.*changed", class = "sailer_file_error"
  )
  unlink(path)
  expect_error(as_cells(saved), basename(path), class = "sailer_file_error")
})

test_that("objects without counts are refused", {
  expect_error(
    as_cells(list(1)), "hold counts", class = "sailer_argument_error"
  )
  expect_error(as_cells(NULL), class = "sailer_argument_error")
  expect_error(
    as_cells(matrix("1", 2, 2)), "character matrix",
    class = "sailer_data_error"
  )
})

test_that("classes of packages that are not installed are reported", {
  unknown <- function(package) {
    setClass("GoneAssay", slots = c(counts = "ANY"), where = environment())
    made <- methods::new("GoneAssay", counts = 1)
    removeClass("GoneAssay", where = environment())
    attr(class(made), "package") <- package
    made
  }
  expect_error(as_cells(unknown("stats")), "GoneAssay.*stats.*[0-9.]+, which",
               class = "sailer_argument_error")
  expect_error(refuse_unknown_class(unknown("no.such")), "not installed",
               class = "sailer_argument_error")
})

test_that("a matrix with invalid slots is refused, not read", {
  counts <- sparse(tiny_counts())
  counts@p[3] <- 10000L
  expect_error(as_cells(counts), "broken", class = "sailer_data_error")
  counts <- sparse(tiny_counts())
  counts@i[5] <- 120L
  expect_error(
    check_counts(as_cells(counts)), "entry 5", class = "sailer_data_error"
  )
  counts@x <- counts@x[-1]
  expect_error(as_cells(counts), "lengths", class = "sailer_data_error")
})

test_that("parts are joined by cells, with maps of their features", {
  counts <- tiny_counts(10, 9)
  left <- as_cells(sparse(counts[, 1:4]))
  right <- as_cells(sparse(counts[c(8, 2, 5), 5:9]))
  source <- core_cells_concat(
    list(left$source, right$source), list(NULL, c(8L, 2L, NA)), 10
  )
  joined <- new_cells(source, rownames(counts), colnames(counts), "two parts")
  counts[-c(8, 2), 5:9] <- 0
  expect_identical(read_cells(joined), counts)
  expect_error(
    core_cells_concat(list(left$source), list(1:3), 10),
    class = "sailer_argument_error"
  )
})
