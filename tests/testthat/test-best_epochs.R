# A fit as far as best_epochs() reads it.
fake_fit <- function(elbo, beta = rep(1, length(elbo))) {
  structure(
    list(history = data.frame(
      epoch = seq_along(elbo), beta = beta, validation_elbo = elbo
    )),
    class = "sailer_fit"
  )
}

test_that("the smallest number within one standard error is found", {
  # A staircase to -100 with jitter of +-1 about it from epoch 21 on.
  smooth <- c(seq(-140, -102, 2), rep(-100, 40))
  jitter <- c(rep(0, 20), rep(c(1, 0, -1, 0), 10))
  found <- best_epochs(fake_fit(smooth + jitter), window = 5)
  # The running median of five of 1 0 -1 0 is 0 or so; its deviation is the
  # jitter's, sqrt(1 / 2).
  expect_equal(found$standard_error, sqrt(0.5), tolerance = 0.05)
  expect_gte(found$epochs, 20)
  expect_lte(found$epochs, 23)
  expect_false(found$rising)
  wide <- best_epochs(fake_fit(smooth + jitter), tolerance = 4, window = 5)
  # -104 is the value of epoch 19.
  expect_equal(wide$epochs, 19, tolerance = 0.06)
  expect_identical(wide$tolerance, 4)
})

test_that("a curve without noise is taken as it is", {
  found <- best_epochs(fake_fit(-(10:1)), window = 1)
  expect_identical(found$epochs, 10L)
  expect_identical(found$standard_error, 0)
  expect_true(found$rising)
  # Overfitting: up, and then down.
  found <- best_epochs(fake_fit(c(-5, -4, -3, -2, -3, -4)), window = 1)
  expect_identical(found$epochs, 4L)
  expect_identical(found$best, 4L)
  expect_false(found$rising)
})

test_that("epochs before the KL has its full weight do not count", {
  elbo <- c(-1, -9, -8, -7, -6, -5)
  expect_identical(best_epochs(fake_fit(elbo), window = 1)$epochs, 1L)
  annealed <- fake_fit(elbo, beta = c(0, 0, 0.5, 1, 1, 1))
  expect_identical(best_epochs(annealed, window = 1)$epochs, 6L)
  expect_identical(best_epochs(annealed, tolerance = 2, window = 1)$epochs, 4L)
})

test_that("it reads a real fit, and says what it found", {
  sim <- tiny_simulation()
  fit <- quick_fit(sim$counts, control = quick(epochs = 20))
  found <- best_epochs(fit)
  expect_identical(found$curve$elbo, fit$history$validation_elbo)
  expect_identical(
    found$curve$smooth, as.numeric(runmed(found$curve$elbo, 3, "median"))
  )
  expect_output(print(found), "of 20 epochs are enough")
  expect_output(
    print(best_epochs(fake_fit(-(10:1)), window = 1)), "still rises"
  )
  picture <- ggplot2::ggplot_build(plot(found))
  expect_equal(picture$data[[1]]$xintercept, found$epochs)
  expect_equal(picture$data[[2]]$y, found$curve$elbo[-1])
})

test_that("what does not fit is refused", {
  refuse <- function(pattern, ...) {
    expect_error(best_epochs(...), pattern, class = "sailer_argument_error")
  }
  refuse("5 epochs", fake_fit(1:4))
  refuse("kept back", fake_fit(rep(NA_real_, 8)))
  refuse("window", fake_fit(1:9), window = 4)
  refuse("window", fake_fit(1:9), window = 11)
  refuse("tolerance", fake_fit(1:9), tolerance = -1)
  refuse("no fit", 3)
})
