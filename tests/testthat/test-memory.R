test_that("a result is refused by the bytes that it takes", {
  withr::local_options(sailer.max_memory = 8000)
  check <- function(...) {
    check_result_size(list(kind = "matrix"), ...)
  }
  expect_true(check(10, 100))
  expect_error(check(10, 101), "8.1 kB", class = "sailer_argument_error")
  # Dense, and a sparse copy of it.
  expect_true(check(10, 40, each = 20))
  expect_error(check(10, 41, each = 20), "8.2 kB")
  expect_true(check_result_size(list(kind = "csparse"), 1e9, 1e9))
})
