# The core's streamed SVD, against irlba and R's own on the same matrix.

tiny_accessibility <- function() {
  withr::with_seed(3, {
    n_cells <- 300
    type <- rep(1:3, each = 100)
    odds <- matrix(stats::runif(200 * 3, 0.01, 0.3), 200)
    counts <- matrix(stats::rbinom(200 * n_cells, 2, odds[, type]), 200)
    sparse(counts)
  })
}

# Cells x peaks: TF-IDF of rows of length 1.
unit_rows <- function(counts, frequency = Matrix::rowSums(counts > 0)) {
  idf <- log1p(ncol(counts) / (1 + frequency))
  rows <- Matrix::t((counts > 0) * idf)
  rows / sqrt(Matrix::rowSums(rows^2))
}

accessibility_svd <- function(cells, n = 6, ..., map = seq_len(nrow(cells)),
                              frequency = core_scan(cells$source)$peak_cells,
                              taken = NULL) {
  core_truncated_svd(
    cells$source, as.integer(map), length(frequency), frequency, taken,
    list(n_components = n, ...)
  )
}

# Of the largest angle between the spans of two orthonormal bases.
cosine <- function(a, b) min(svd(crossprod(a, b))$d)

test_that("components are those of irlba", {
  skip_if_not_installed("irlba")
  counts <- tiny_accessibility()
  found <- accessibility_svd(as_cells(counts), power_iterations = 30)
  expected <- withr::with_seed(1, {
    irlba::irlba(unit_rows(counts), 6, tol = 1e-10)
  })
  expect_equal(found$d, expected$d, tolerance = 1e-6)
  expect_gt(cosine(found$loadings, expected$v), 1 - 1e-8)
  expect_equal(crossprod(found$loadings), diag(6), tolerance = 1e-12)
  # With the default number of passes, what is more than noise.
  quick <- accessibility_svd(as_cells(counts))
  expect_equal(quick$d, expected$d, tolerance = 1e-4)
  expect_gt(cosine(quick$loadings[, 1:3], expected$v[, 1:3]), 1 - 1e-8)
  expect_identical(found$n_rows, 300)
  expect_length(found$means, 0)
})

test_that("centred components are those of prcomp", {
  counts <- tiny_accessibility()
  found <- accessibility_svd(
    as_cells(counts), 4, center = TRUE, power_iterations = 30
  )
  expected <- stats::prcomp(as.matrix(unit_rows(counts)), rank. = 4)
  expect_equal(found$d / sqrt(299), expected$sdev[1:4], tolerance = 1e-6)
  expect_equal(found$means, unname(expected$center), tolerance = 1e-6)
  expect_gt(cosine(found$loadings, expected$rotation), 1 - 1e-8)
})

test_that("a file gives the same bits as memory, and so does a seed", {
  skip_without_rhdf5()
  counts <- tiny_accessibility()
  dimnames(counts) <- list(
    sprintf("chr1:%d-%d", 1000 * 1:200, 1000 * 1:200 + 500),
    sprintf("CELL%03d-1", 1:300)
  )
  memory <- accessibility_svd(as_cells(counts))
  expect_identical(accessibility_svd(as_cells(write_tenx(counts))), memory)
  expect_identical(accessibility_svd(as_cells(counts)), memory)
  other <- accessibility_svd(as_cells(counts), seed = 8)
  expect_false(identical(other, memory))
  # The three types are apart from noise, and any start finds them.
  expect_equal(other$d[1:3], memory$d[1:3], tolerance = 1e-6)
})

test_that("only the cells that are taken count, and the peaks of the map", {
  counts <- tiny_accessibility()
  taken <- rep(c(TRUE, FALSE, TRUE), 100)
  places <- rep(NA, 200)
  places[120:51] <- 1:70
  part <- counts[120:51, taken]
  frequency <- Matrix::rowSums(part > 0)
  found <- accessibility_svd(
    as_cells(counts), 5, map = places, frequency = frequency, taken = taken
  )
  expect_equal(found, accessibility_svd(as_cells(part), 5), tolerance = 1e-12)
  expect_identical(found$n_rows, 200)
})

test_that("expression is log-normalised over all genes", {
  counts <- sparse(rna_counts(rna_genes(60), n_cells = 200))
  cells <- gene_cells(counts, empty = TRUE)
  found <- core_truncated_svd(
    cells$source, c(1:40, rep(NA, 20)), 40, NULL, NULL,
    list(n_components = 40, center = TRUE)
  )
  totals <- pmax(Matrix::colSums(counts), 1) # one cell is empty
  rows <- t(as.matrix(log1p(1e4 * counts / rep(totals, each = 60))))[, 1:40]
  expected <- svd(scale(rows, scale = FALSE))
  expect_equal(found$d, expected$d, tolerance = 1e-5)
  expect_equal(
    abs(colSums(found$loadings[, 1:5] * expected$v[, 1:5])), rep(1, 5),
    tolerance = 1e-5
  )
})

test_that("what cannot be decomposed is refused", {
  cells <- as_cells(tiny_accessibility())
  expect_error(
    accessibility_svd(cells, 201), "Between 1 and 200 components",
    class = "sailer_argument_error"
  )
  expect_error(
    accessibility_svd(cells, taken = TRUE), "given for 1 cells",
    class = "sailer_argument_error"
  )
  expect_error(
    accessibility_svd(cells, tol = 1), "no option named `tol`",
    class = "sailer_argument_error"
  )
})
