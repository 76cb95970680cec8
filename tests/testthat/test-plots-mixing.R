batch <- rep(c("a", "b"), c(60, 120))
values <- withr::with_seed(1, matrix(rnorm(360), 180))
apart <- values + 50 * (batch == "b")

test_that("boxes show the proportions relative to the even share", {
  mixing <- batch_mixing(values, batch, k = 20)
  picture <- plot(mixing)
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

test_that("separate batches have only neighbours of their own", {
  picture <- plot(batch_mixing(apart, batch, k = 20))
  boxes <- ggplot2::layer_data(picture, 1)
  expect_equal(boxes$middle, c(1, 0, 0, 1))
  expect_match(picture$labels$subtitle, "0.50")
})

test_that("more than six batches are drawn as a table", {
  many <- rep(sprintf("batch %d", 1:9), 20)
  mixing <- batch_mixing(values, many, k = 20)
  picture <- plot(mixing)
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

test_that("print() shows the means over the cells", {
  lines <- capture.output(print(batch_mixing(apart, batch, k = 20)))
  expect_match(lines[1], "180 cells of 2 batches")
  expect_match(lines[2], "deviation +ilisi +rejected")
  expect_match(lines[3], "0.5 +1.0 +1.0")
})

test_that("named batches are matched by cell names", {
  named <- values
  rownames(named) <- paste0("cell", 1:180)
  batches <- stats::setNames(batch, rownames(named))
  expect_identical(
    batch_mixing(named, rev(batches)), batch_mixing(named, unname(batches))
  )
})

test_that("an object's column can be the batch", {
  skip_if_not_installed("SingleCellExperiment")
  sim <- small_simulation()
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  sce <- brief_run(sce, batch = "batch")
  expect_identical(
    batch_mixing(sce, "batch", "cell_type", k = 20),
    batch_mixing(
      SingleCellExperiment::reducedDim(sce), sim$cells$batch,
      sim$cells$cell_type, k = 20
    )
  )
})

test_that("invalid arguments are refused by name", {
  refuse <- function(pattern, ...) {
    expect_error(batch_mixing(...), pattern, class = "sailer_argument_error")
  }
  refuse("180", values, batch[-1])
  refuse("two batches", values, rep("a", 180))
  expect_error(
    plot(batch_mixing(values, batch), size = 3), "size",
    class = "sailer_argument_error"
  )
})
