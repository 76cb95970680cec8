test_that("a result is refused by its size in bytes", {
  withr::local_options(sailer.max_memory = 8000)
  expect_true(check_result_size(10, 100))
  expect_error(
    check_result_size(10, 101), "8.1 kB", class = "sailer_argument_error"
  )
  # A dense matrix, and a sparse copy of it.
  expect_true(check_result_size(10, 40, each = 20))
  expect_error(check_result_size(10, 41, each = 20), "8.2 kB")
})
