sim <- tiny_simulation()
counts <- sim$counts
peaks <- rownames(counts)[seq(1, 400, by = 2)]

quiet <- function(code) suppressMessages(code, classes = "sailer_note")

take <- function(counts, peaks, ..., ranges = NULL, model_ranges = NULL,
                 min_matched = 0.5, drop_empty = FALSE) {
  quiet(query_cells(
    as_cells(counts), peaks, ranges, model_ranges, min_matched, drop_empty, ...
  ))
}

open_in <- function(x) as.matrix(x > 0)

test_that("peaks are found by name in any order, and others are ignored", {
  query <- take(counts[rev(seq_len(nrow(counts))), ], peaks)
  expect_identical(
    open_in(read_cells(query$cells)), open_in(counts[peaks, ])
  )
  expect_equal(query$depth, unname(Matrix::colSums(counts[peaks, ] > 0)))
  expect_equal(query$matched$peaks, 1)
  expect_equal(query$matched$by_name, 200)
  expect_equal(
    query$matched$counts, sum(counts[peaks, ] > 0) / sum(counts > 0)
  )
})

test_that("peaks that the query lacks count as closed, with a message", {
  fewer <- counts[rownames(counts) != peaks[3], ]
  expect_message(
    query <- query_cells(as_cells(fewer), peaks, NULL, NULL, 0.5, FALSE),
    "199 of the 200 peaks of the model are matched \\(99.5 %\\), 199 of them"
  )
  expected <- counts[peaks, ]
  expected[3, ] <- 0
  expect_identical(open_in(read_cells(query$cells)), open_in(expected))
  expect_message(
    query_cells(as_cells(fewer), peaks, NULL, NULL, 0.5, FALSE),
    "other 1 peaks of the model count as closed"
  )
})

test_that("too few peaks are an error with the reason", {
  few <- counts[peaks[1:50], ]
  expect_error(take(few, peaks), "50 of the 200 .*25.0 %",
    class = "sailer_data_error"
  )
  query <- take(few, peaks, min_matched = 0.2, drop_empty = TRUE)
  expect_equal(query$matched$peaks, 0.25)
  nameless <- counts
  rownames(nameless) <- paste0("peak", seq_len(nrow(counts)))
  expect_error(take(nameless, peaks, min_matched = 0), "ranges",
    class = "sailer_data_error"
  )
  skip_if_not_installed("GenomicRanges")
  other <- counts
  rownames(other) <- sub("chr", "", rownames(counts))
  expect_error(take(other, peaks), "chromosome", class = "sailer_data_error")
})

test_that("cells without an open peak are named or left out", {
  empty <- counts
  empty[peaks, 7] <- 0
  expect_error(take(empty, peaks), colnames(counts)[7],
    class = "sailer_data_error", fixed = TRUE
  )
  query <- take(empty, peaks, drop_empty = TRUE)
  expect_identical(query$dropped, colnames(counts)[7])
  expect_identical(query$cells$cells, colnames(counts)[-7])
  expect_equal(query$depth, unname(Matrix::colSums(counts[peaks, -7] > 0)))
  empty[peaks, ] <- 0
  expect_error(take(empty, peaks, drop_empty = TRUE), "150 query cells",
    class = "sailer_data_error"
  )
})

test_that("bad counts are named for any peaks", {
  broken <- counts
  broken@x[3] <- -1
  expect_error(take(broken, peaks), "negative", class = "sailer_data_error")
})

# Ranges ----------------------------------------------------------------------

test_that("a peak is matched to the one with the largest overlap", {
  skip_if_not_installed("GenomicRanges")
  model <- c("chr1-100-200", "chr1-201-300", "chr2-1-50")
  own <- c(
    "chr1:150-260", # 51 and 60 bases
    "chr1:90-250", # 101 and 50
    "chr1:301-400", # only touches
    "chr2:20-30", "chr3:1-50", "chr1:150-251" # 51 and 51: the first
  )
  x <- Matrix::Matrix(diag(6), sparse = TRUE)
  x <- methods::as(methods::as(x, "generalMatrix"), "CsparseMatrix")
  dimnames(x) <- list(own, paste0("c", 1:6))
  placed <- place_peaks(as_cells(x), model, NULL, NULL)
  expect_identical(placed$map, c(2L, 1L, NA, 3L, NA, 1L))
  query <- take(x, model, drop_empty = TRUE)
  expect_identical(query$dropped, c("c3", "c5"))
  expect_equal(
    unname(open_in(read_cells(query$cells))),
    unname(cbind(c(0, 1, 0), c(1, 0, 0), c(0, 0, 1), c(1, 0, 0)) > 0)
  )
  expect_equal(query$matched$by_overlap, 3)
  expect_equal(query$matched$n_used, 4)
})

# Splits each peak of the simulation into two halves.
halves <- function(counts) {
  parts <- do.call(rbind, strsplit(rownames(counts), "-"))
  start <- as.integer(parts[, 2])
  end <- as.integer(parts[, 3])
  middle <- (start + end) %/% 2L
  first <- sprintf("%s:%d-%d", parts[, 1], start, middle)
  second <- sprintf("%s:%d-%d", parts[, 1], middle + 1L, end)
  # Fragments in both halves, in one, or in neither.
  left <- counts
  right <- counts
  left@x <- as.numeric(seq_along(left@x) %% 3 > 0)
  right@x <- as.numeric(seq_along(right@x) %% 3 < 2)
  out <- rbind(left, right)
  rownames(out) <- c(first, second)
  Matrix::drop0(out)
}

test_that("several query peaks can match one of the model, in any source", {
  skip_if_not_installed("GenomicRanges")
  split <- halves(counts)
  expected <- open_in(counts[peaks, ])
  expect_true(any(open_in(split[1:400, ]) & open_in(split[401:800, ])))
  check <- function(x) {
    query <- take(x, peaks)
    found <- read_cells(query$cells)
    expect_identical(unname(open_in(found)), unname(expected))
    expect_equal(query$depth, unname(colSums(expected)))
    expect_equal(query$matched$by_overlap, 200)
    expect_equal(query$matched$n_used, 400)
  }
  check(split)
  check(as.matrix(split))
  check(as_cells(split)[, seq_len(ncol(split))])
  skip_without_rhdf5()
  check(write_tenx(split))
  check(write_h5ad(split))
  skip_if_not_installed("HDF5Array")
  dense <- HDF5Array::writeHDF5Array(as.matrix(split), with.dimnames = TRUE)
  check(dense)
})

test_that("given ranges take precedence over names", {
  skip_if_not_installed("GenomicRanges")
  model <- parse_ranges(peaks)
  nameless <- counts
  rownames(nameless) <- paste0("peak", seq_len(nrow(counts)))
  own <- parse_ranges(rownames(counts))
  query <- take(nameless, peaks, ranges = own)
  expect_identical(unname(open_in(read_cells(query$cells))),
                   unname(open_in(counts[peaks, ])))
  # The same names for other ranges.
  wrong <- counts
  rownames(wrong) <- rev(rownames(counts))
  query <- take(wrong, peaks, ranges = own, model_ranges = model)
  expect_identical(unname(open_in(read_cells(query$cells))),
                   unname(open_in(counts[peaks, ])))
  expect_equal(query$matched$by_name, 0)
  expect_error(take(counts[1:9, ], peaks, ranges = own), "ranges",
    class = "sailer_argument_error"
  )
})

test_that("without GenomicRanges names are still matched", {
  local_missing("GenomicRanges")
  expect_equal(take(counts, peaks)$matched$peaks, 1)
  split <- halves(counts)
  expect_error(take(split, peaks), "GenomicRanges",
    class = "sailer_data_error"
  )
})
