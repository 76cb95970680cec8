# Tests as_reference() for references and RNA depths.

small <- c("a", "b", "c", "d")

test_that("weights are log ratios scaled over cells with a reference", {
  reference <- matrix(c(3, 0, NA, 1, 4, 2, 1, 0), 4)
  # Ratios 2, 8, missing (cell c), 32: logarithms are 1, 3 and 5 times log 2.
  out <- as_reference(reference, c(20, 80, NA, 320), rep(10, 4), small)
  expect_identical(out$present, c(TRUE, TRUE, FALSE, TRUE))
  expect_equal(out$weight, c(0, 0.5, 0, 1))
  expect_equal(
    out$values, rbind(c(0.6, 0.8), c(0, 1), c(0, 0), c(1, 0))
  )
  # Depth of the ATAC counts: ratios 4, 1, 2.
  out <- as_reference(reference, c(40, 80, 1e9, 20), c(10, 80, 1, 10), small)
  expect_equal(out$weight, c(1, 0, 0, 0.5))
  same <- as_reference(reference, c(10, 20, NA, 30), c(1, 2, 5, 3), small)
  expect_equal(same$weight, c(1, 1, 0, 1))
  none <- as_reference(reference, NULL, rep(10, 4), small)
  expect_identical(none$weight, c(1, 1, 0, 1))
})

test_that("only training cells determine the range of the weights", {
  reference <- matrix(c(3, 0, NA, 1, 4, 2, 1, 0), 4)
  depth <- c(20, 80, NA, 320) # logarithms 1, 3 and 5 times log 2
  weights <- function(training) {
    as_reference(
      reference, depth, rep(10, 4), small, training = training
    )$weight
  }
  expect_equal(weights(1:2), c(0, 1, 0, 1))
  expect_equal(weights(c(2, 4)), c(0, 0, 0, 1))
  expect_equal(weights(c(1, 3, 4)), c(0, 0.5, 0, 1))
  expect_equal(weights(3), c(1, 1, 0, 1))
})

test_that("rows and depths are matched by name in any order", {
  reference <- matrix(c(3, 0, 2, 1, 4, 2, 1, 0), 4, dimnames = list(small))
  depth <- stats::setNames(c(20, 80, 40, 320), small)
  expected <- as_reference(unname(reference), unname(depth), 1:4, small)
  mixed <- c(3, 1, 4, 2)
  expect_identical(
    as_reference(reference[mixed, ], depth[rev(mixed)], 1:4, small), expected
  )
  expect_identical(
    as_reference(
      rbind(other = 9, reference), c(depth, other = -1), 1:4, small
    ),
    expected
  )
  expect_identical(
    as_reference(as.data.frame(reference), depth, 1:4, small), expected
  )
  sparse <- Matrix::Matrix(reference, sparse = TRUE)
  expect_identical(as_reference(sparse, depth, 1:4, small), expected)
  # Cells whose names are missing count as cells without a reference.
  some <- as_reference(reference[c(4, 1, 2), ], depth[-3], 1:4, small)
  with_na <- reference
  with_na[3, 1] <- NA
  expect_identical(as_reference(with_na, depth, 1:4, small), some)
  expect_identical(some$present, c(TRUE, TRUE, FALSE, TRUE))
})

test_that("only the directions of rows matter, not their lengths", {
  reference <- matrix(c(3, 0, -1, 1, 4, 2, 1, 0), 4)
  out <- as_reference(reference, NULL, 1:4, small)
  scaled <- as_reference(
    reference * c(1e300, 1e-300, 1, 7), NULL, 1:4, small
  )
  expect_equal(scaled, out, tolerance = 1e-12)
  expect_equal(rowSums(out$values^2), rep(1, 4))
  # A row of zeros has no direction, but is present.
  reference[2, ] <- 0
  zero <- as_reference(reference, NULL, 1:4, small)
  expect_identical(zero$values[2, ], c(0, 0))
  expect_true(all(zero$present))
  one <- as_reference(matrix(c(-2, 3, 1, NA)), NULL, 1:4, small)
  expect_identical(one$values, matrix(c(-1, 1, 1, 0)))
})

test_that("invalid arguments are refused by name", {
  reference <- matrix(c(3, 0, 2, 1, 4, 2, 1, 0), 4, dimnames = list(small))
  refuse <- function(pattern, reference, depth = NULL, class = "argument") {
    expect_error(
      as_reference(reference, depth, 1:4, small), pattern,
      class = paste0("sailer_", class, "_error")
    )
  }
  refuse("numeric matrix", 1:4)
  refuse("numeric matrix", matrix("a", 4, 2))
  refuse("numeric matrix", reference[, 0])
  refuse("3 rows.*4 cells", unname(reference)[-1, ])
  refuse("several values.*\"b\"", reference[c(1, 2, 2), ])
  change <- function(rows, value) {
    reference[rows] <- value
    reference
  }
  refuse("infinite.*\"c\"", change(3, Inf), class = "data")
  refuse(
    "infinite.*\"c\"", change(c(3, 7), c(Inf, -Inf)), class = "data"
  )
  refuse(
    "infinite.*\"d\"", reference[, 1, drop = FALSE] / c(1, 1, 1, 0),
    class = "data"
  )
  refuse("1 of the 4 cells", change(1:3, NA), class = "data")
  stranger <- reference
  rownames(stranger) <- paste0("x", 1:4)
  refuse("names of `reference`.*\"x1\".*\"a\"", stranger)
  refuse("3 values.*4 cells", reference, 1:3)
  refuse("must be numeric", reference, letters[1:4])
  refuse("above 0.* 0 for cell \"b\"", reference, c(1, 0, 1, 1), "data")
  refuse("above 0.* NA for cell \"d\"", reference, c(1, 1, 1, NA), "data")
  refuse(
    "NA for cell \"c\"", reference, c(a = 1, b = 2, d = 3), "data"
  )
  refuse("several values.*\"a\"", reference, c(a = 1, b = 2, a = 3, c = 1))
})
