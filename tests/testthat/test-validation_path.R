sim <- tiny_simulation()
counts <- sim$counts

trace_option <- function(option = "n_latent", values = c(4, 2), ...,
                         control = quick()) {
  validation_path(counts, option, values, ...,
    batch = sim$cells$batch, control = control, verbose = FALSE
  )
}

fit_alone <- function(..., control = quick()) {
  sailer(counts, ..., batch = sim$cells$batch, control = control)
}

test_that("rows are those of single fits, numbers in increasing order", {
  path <- trace_option(hidden = 8)
  expect_s3_class(path, c("validation_path", "data.frame"), exact = TRUE)
  expect_identical(path$value, c(2, 4))
  for (k in 1:2) {
    fit <- fit_alone(n_latent = path$value[k], hidden = 8)
    last <- utils::tail(fit$history, 1)
    expect_identical(path$validation_elbo[k], last$validation_elbo)
    expect_identical(
      path$validation_log_likelihood[k], last$validation_log_likelihood
    )
  }
  expect_identical(path$epochs, c(3, 3))
  expect_identical(
    which(path$suggested), find_elbow(-path$validation_elbo, 0.05)
  )
  expect_identical(attr(path, "suggested"), path$value[path$suggested])
})

test_that("the first value that is good enough is suggested", {
  suggest <- function(elbo, values = seq_along(elbo), tolerance = 0.05) {
    runs <- data.frame(
      value = as.character(values), place = seq_along(elbo), seed = 1,
      validation_elbo = elbo
    )
    path <- new_validation_path(
      runs, as.list(values), "n_latent", tolerance, NULL
    )
    attr(path, "suggested")
  }
  # 5 % of 100 below the best is -105.
  expect_identical(suggest(c(-200, -106, -105, -100, -102)), 3L)
  expect_identical(suggest(c(-200, -106, -105, -100), tolerance = 0), 4L)
  expect_identical(suggest(c(NA, -101, -100)), 3L)
  expect_identical(suggest(c(-2, -1), c("linear", "mirrored")), "mirrored")
  expect_identical(suggest(c(NA_real_, NA_real_)), NA)
})

test_that("options with several parts, and those of the training, are taken", {
  path <- trace_option("hidden", list(8, c(16, 8)), n_latent = 2)
  expect_identical(path$value, c("8", "16-8"))
  expect_identical(
    path$validation_elbo[2],
    utils::tail(
      fit_alone(n_latent = 2, hidden = c(16, 8))$history$validation_elbo, 1
    )
  )
  expect_identical(
    attr(path, "suggested"), list(8, c(16, 8))[[which(path$suggested)]]
  )
  path <- trace_option("learning_rate", c(0.01, 0.001),
    n_latent = 2, hidden = 8
  )
  expect_identical(path$value, c(0.001, 0.01))
  slow <- fit_alone(
    n_latent = 2, hidden = 8, control = quick(learning_rate = 0.001)
  )
  expect_identical(
    path$validation_elbo[1], utils::tail(slow$history$validation_elbo, 1)
  )
})

test_that("repeats tell the noise", {
  path <- trace_option(hidden = 8, repeats = 2)
  runs <- attr(path, "runs")
  expect_identical(path$fits, c(2L, 2L))
  expect_equal(runs$seed, c(1, 1, 2, 2))
  expect_equal(path$validation_elbo[1], mean(runs$validation_elbo[c(1, 3)]))
  expect_equal(attr(path, "noise"), noise_of_repeats(
    runs$validation_elbo, c(1, 2, 1, 2), runs$seed
  ))
})

test_that("print() and plot() mark the suggestion", {
  path <- trace_option(hidden = 8)
  path$suggested <- c(FALSE, TRUE)
  expect_output(print(path), "2 values of n_latent")
  expect_output(print(path), "still rises at the largest")
  built <- ggplot2::ggplot_build(plot(path))
  expect_equal(built$data[[1]]$xintercept, log10(4))
  expect_equal(built$data[[2]]$y, path$validation_elbo)
  words <- trace_option("decoder", c("linear", "mirrored"),
    n_latent = 2, hidden = 8
  )
  expect_identical(words$value, c("linear", "mirrored"))
  expect_silent(ggplot2::ggplot_build(plot(words)))
})

test_that("what does not fit is refused by name", {
  refuse <- function(pattern, ...) {
    expect_error(trace_option(...), pattern, class = "sailer_argument_error")
  }
  refuse("lambda_path", "lambda", c(0, 1))
  refuse("best_epochs", "epochs", c(10, 20))
  refuse("min_fraction", "min_fraction", c(0, 0.1))
  refuse("two different values", values = 3)
  refuse("two different values", values = c(3, NA))
  refuse("give `values`", n_latent = 3)
  refuse("validation", control = quick(validation = 0))
  refuse("alignment", "alignment", c(0, 1))
})
