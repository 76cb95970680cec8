# What the paths share; their own tests are in test-alignment_path.R,
# test-lambda_path.R and test-validation_path.R.

test_that("the noise of repeats is what values and seeds do not explain", {
  # Two-way layout by hand: residuals of +-1 in a 2 x 2 table, one degree of
  # freedom, so their standard deviation is 2, and that of a difference of
  # means of two is 2 * sqrt(2 / 2).
  values <- c(10, 20, 30, 40) + c(1, -1, -1, 1)
  expect_equal(noise_of_repeats(values, c(1, 1, 2, 2), c(1, 2, 1, 2)), 2)
  # A shift of one seed is no noise.
  shifted <- values + c(0, 100, 0, 100)
  expect_equal(noise_of_repeats(shifted, c(1, 1, 2, 2), c(1, 2, 1, 2)), 2)
  expect_identical(noise_of_repeats(1:3, 1:3, c(1, 1, 1)), NA_real_)
  expect_identical(
    noise_of_repeats(c(NA, 1, 2, 3), c(1, 1, 2, 2), c(1, 2, 1, 2)), NA_real_
  )
})

test_that("noise widens what counts as good enough", {
  expect_identical(find_elbow(c(10, 4, 3.5, 3), 0), 4L)
  expect_identical(find_elbow(c(10, 4, 3.5, 3), 0, noise = 0.5), 3L)
  expect_identical(find_elbow(c(10, 4, 3.5, 3), 0, noise = 1), 2L)
  expect_identical(find_elbow(c(10, 4, 3.5, 3), 0.2, noise = 0.5), 2L)
})

test_that("runs go over all values with one seed, then with the next", {
  control <- quick(seed = 5, checkpoint = file.path(tempdir(), "here"))
  runs <- path_runs(c(0, 2), "lambda", control, 2)
  of <- function(name) sapply(runs, function(run) run[[name]])
  expect_identical(of("value"), c(0, 2, 0, 2))
  expect_equal(of("seed"), c(5, 5, 6, 6))
  expect_identical(of("place"), c(1L, 2L, 1L, 2L))
  expect_identical(of("label"), rep(c("lambda = 0", "lambda = 2"), 2))
  folders <- sapply(runs, function(run) basename(run$control$checkpoint))
  expect_identical(folders, c(
    "lambda-0", "lambda-2", "lambda-0-seed-6", "lambda-2-seed-6"
  ))
  expect_equal(runs[[3]]$control$seed, 6)
  many <- path_runs(list(c(64, 32), 16), "hidden", quick(), 1)
  expect_identical(many[[1]]$value, c(64, 32))
  expect_identical(many[[1]]$label, "hidden = 64-32")
  expect_null(many[[1]]$control$checkpoint)
})

test_that("an interruption between trainings leaves the rows so far", {
  runs <- lapply(1:3, function(value) list(value = value, label = "a label"))
  # Ctrl-C while R prepares the run `fit_at`, or makes the row of `row_at`.
  walk <- function(fit_at = 0, row_at = 0) {
    walk_path(
      runs,
      fit = function(run) {
        if (run$value == fit_at) rlang::interrupt()
        list(status = "completed")
      },
      row = function(run, fitted) {
        if (run$value == row_at) rlang::interrupt()
        data.frame(value = run$value)
      }
    )
  }
  expect_warning(
    rows <- walk(fit_at = 3), "after 2 of the 3", class = "sailer_interrupted"
  )
  expect_identical(rows$value, 1:2)
  expect_warning(rows <- walk(row_at = 2), class = "sailer_interrupted")
  expect_identical(rows$value, 1L)
  expect_identical(walk()$value, 1:3)
  stopped <- tryCatch(walk(fit_at = 1), interrupt = function(cnd) "interrupt")
  expect_identical(stopped, "interrupt")
})

test_that("means over seeds leave out what diverged", {
  runs <- data.frame(
    place = c(1, 2, 3, 1, 2, 3), a = c(1, NA, NA, 3, 5, NA), b = 1:6
  )
  expect_equal(mean_by_place(runs, c("a", "b")), data.frame(
    place = 1:3, fits = c(2, 1, 0), a = c(2, 5, NA), b = c(2.5, 3.5, 4.5)
  ))
})

test_that("0 stands left of the smallest weight", {
  expect_equal(log_places(c(0, 0.1, 10)), c(-1.5, -1, 1))
  expect_equal(log_places(c(1, 100)), c(0, 2))
})
