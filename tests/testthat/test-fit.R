sim <- tiny_simulation()
fit <- quick_fit(sim$counts, batch = sim$cells$batch)

test_that("print and summary tell the size, the state and what is taken out", {
  expect_output(print(fit), "150 cells")
  expect_output(print(fit), "depth, batch")
  expect_output(print(fit), "completed after 3 epochs")
  expect_output(print(summary(fit)), "lambda")
  dimensions <- summary(fit)$dimensions
  expect_equal(
    dimensions$correlation_with_log_depth,
    as.vector(cor(embedding(fit), log(fit$depth)))
  )
})

test_that("a fit does not hold the counts", {
  called <- do.call(quick_fit, list(sim$counts, hidden = 4))
  expect_lt(object.size(called$call), 1e4)
})

test_that("plot shows every part by epoch", {
  picture <- plot(fit)
  expect_s3_class(picture, "ggplot")
  curves <- picture$data
  kl <- curves[curves$part == "KL to the prior", ]
  expect_equal(kl$value, history(fit)$kl)
  expect_silent(ggplot2::ggplot_build(picture))
})

test_that("progress is silent, or a line now and then, as asked", {
  expect_silent(quick_fit(sim$counts))
  expect_message(
    quick_fit(sim$counts, control = quick(verbose = TRUE)), "Epoch 3/3"
  )
})

test_that("progress tells the loss and its parts by their names", {
  told <- function(loss, parts) {
    describe_progress(
      list(loss = loss, parts = parts, speed = 1234, seconds_left = 5)
    )
  }
  parts <- c(reconstruction = 11.24, kl = 3, marginal = 0.06, alignment = 2)
  speed <- "  1,234 cells/s  5 s left"
  expect_identical(told(12.34, parts), paste0(
    "loss 12.3 (reconstruction 11.2, kl 3.0, marginal 0.1)", speed
  ))
  expect_identical(told(0.1234, numeric(0)), paste0("loss 0.123", speed))
  expect_identical(
    told(0.5, c(values = 0.25)), paste0("loss 0.500 (values 0.250)", speed)
  )
})

test_that("an interrupted training returns the fit so far", {
  skip_if_not_installed("withr")
  # Ctrl-C as a signal from outside, while a long training runs in another R.
  log <- withr::local_tempfile()
  child <- start_child('
    library(sailer)
    sim <- simulate_atac(n_cells = 300, n_peaks = 600, n_types = 2, depth = 60)
    fit <- sailer(sim$counts, hidden = 64,
      control = train_control(epochs = 1e6, threads = 1))
    cat("status:", fit$status, "\n")
    cat("rows:", nrow(embedding(fit)), "\n")
    cat("epochs:", nrow(history(fit)) > 0, "\n")
  ', log)
  expect_true(child_said(log, "Epoch 1/"))
  Sys.sleep(0.5)
  child$interrupt()
  expect_true(child_said(log, "epochs:"))
  said <- readLines(log, warn = FALSE)
  expect_true("status: interrupted " %in% said, info = said)
  expect_true("rows: 300 " %in% said, info = said)
  expect_true("epochs: TRUE " %in% said, info = said)
})

test_that("an embedding that was interrupted is reported", {
  trained <- list(
    history = data.frame(epoch = 1), unsaved = "", lost = "",
    status = "completed"
  )
  trained["embedding"] <- list(NULL)
  expect_warning(
    tell_of_end(trained, list(control = list())),
    "embedding the cells was interrupted", class = "sailer_interrupted"
  )
  trained$embedding <- matrix(0, 1, 1)
  expect_silent(tell_of_end(trained, list(control = list())))
})
