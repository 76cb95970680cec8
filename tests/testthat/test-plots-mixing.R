batch <- rep(c("a", "b"), c(60, 120))
values <- withr::with_seed(1, matrix(rnorm(360), 180))
apart <- values + 50 * (batch == "b")

test_that("boxes are those of the proportions, beside the even share", {
  picture <- plot_mixing(values, batch, k = 20)
  mixing <- batch_mixing(values, batch, k = 20)
  data <- picture$data
  of <- data$from == "b" & grepl("cells of a ", data$own)
  expect_equal(
    data$proportion[of], unname(mixing$proportions[batch == "a", "b"])
  )
  expect_identical(
    levels(data$own), c("cells of a (60)", "cells of b (120)")
  )
  boxes <- ggplot2::layer_data(picture, 1)
  expect_equal(
    boxes$middle[boxes$PANEL == 1],
    unname(apply(mixing$proportions[batch == "a", ], 2, median))
  )
  expect_equal(unique(ggplot2::layer_data(picture, 2)$yintercept), 0.5)
  expect_match(picture$labels$subtitle, sprintf(
    "deviation from even mixing %.2f, iLISI %.2f of 2",
    mixing$summary[["deviation"]], mixing$summary[["ilisi"]]
  ))
})

test_that("batches apart have all their neighbours from themselves", {
  boxes <- ggplot2::layer_data(plot_mixing(apart, batch, k = 20), 1)
  expect_equal(boxes$middle, c(1, 0, 0, 1))
  expect_match(plot_mixing(apart, batch, k = 20)$labels$subtitle, "0.50")
})

test_that("more than six batches are a table", {
  many <- rep(sprintf("batch %d", 1:9), 20)
  picture <- plot_mixing(values, many, k = 20)
  mixing <- batch_mixing(values, many, k = 20)
  cell <- picture$data$own == "batch 2" & picture$data$from == "batch 5"
  expect_equal(
    picture$data$times[cell],
    9 * mean(mixing$proportions[many == "batch 2", "batch 5"])
  )
  expect_identical(nrow(ggplot2::layer_data(picture, 1)), 81L)
  # White is the even share.
  scale <- picture$scales$get_scales("fill")
  scale$train(picture$data$times)
  expect_identical(toupper(scale$map(1)), "#FFFFFF")
})

test_that("a few cells give no warning of what is not drawn", {
  expect_silent(plot_mixing(values[1:30, ], rep(c("a", "b"), 15), k = 10))
})

test_that("an object's column tells the batch", {
  skip_if_not_installed("SingleCellExperiment")
  sim <- small_simulation()
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  sce <- brief_run(sce, batch = "batch")
  picture <- plot_mixing(sce, "batch", k = 20)
  expect_identical(
    picture$data, plot_mixing(get_fit(sce), sim$cells$batch, k = 20)$data
  )
})

test_that("what does not fit is refused by name", {
  refuse <- function(pattern, ...) {
    expect_error(plot_mixing(...), pattern, class = "sailer_argument_error")
  }
  refuse("batch", values)
  refuse("180", values, batch[-1])
  refuse("two batches", values, rep("a", 180))
})
