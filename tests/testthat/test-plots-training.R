sim <- tiny_simulation()
fit <- quick_fit(sim$counts, control = quick(epochs = 40))
other <- quick_fit(sim$counts, lambda = 0, control = quick(epochs = 30))

drawn <- function(picture, part, name) {
  data <- picture$data
  data[data$part == part & data$fit == name, ]
}

test_that("every part of the loss is drawn against the epoch", {
  picture <- plot(fit)
  expect_identical(
    levels(picture$data$part),
    c(
      "loss", "reconstruction", "KL to the prior",
      "KL to the aggregate posterior", "validation log-likelihood",
      "validation ELBO", "beta"
    )
  )
  elbo <- drawn(picture, "validation ELBO", "fit 1")
  expect_equal(elbo$value, fit$history$validation_elbo)
  expect_equal(elbo$epoch, 1:40)
  kept <- ggplot2::layer_data(picture, 1)
  expect_true(all(kept$xintercept == fit$best_epoch))
})

test_that("early epochs far outside the range of later ones are cut off", {
  history <- data.frame(
    epoch = 1:40, loss = c(1000, 900, seq(50, 10, length.out = 38))
  )
  curves <- training_curves(history)
  # The first twentieth ends at epoch 2; the rest ranges from 50 to 10.
  expect_identical(which(!curves$inside), 1:2)
  low <- training_curves(data.frame(epoch = 1:40, loss = c(51.8, 30, 50:13)))
  expect_true(all(low$inside))
  picture <- plot(fit)
  expect_identical(
    nrow(ggplot2::layer_data(picture, 2)), sum(picture$data$inside)
  )
})

test_that("several fits share the panels, with a legend of their names", {
  picture <- plot(fit, "no penalty" = other)
  expect_identical(levels(picture$data$fit), c("fit 1", "no penalty"))
  expect_equal(
    drawn(picture, "loss", "no penalty")$value, other$history$loss
  )
  lines <- ggplot2::layer_data(picture, 2)
  expect_identical(
    sort(unique(lines$colour)), sort(group_palette(2))
  )
  kept <- ggplot2::layer_data(picture, 1)
  expect_setequal(kept$xintercept, c(40, 30))
})

test_that("the alignment of SAILERX is drawn for both sets of cells", {
  rna <- withr::with_seed(1, matrix(rnorm(450), 150))
  guided <- sailerx(sim$counts, rna, hidden = 8, control = quick())
  picture <- plot(guided)
  curves <- picture$data[picture$data$part == "alignment", ]
  expect_equal(
    curves$value[curves$cells == "held out"],
    guided$history$validation_alignment
  )
  expect_equal(
    curves$value[curves$cells == "all"], guided$history$alignment
  )
  lines <- ggplot2::layer_data(picture, 2)
  expect_setequal(lines$linetype, c("solid", "dashed"))
  # Without held-out cells there are no validation curves.
  alone <- quick_fit(sim$counts, control = quick(validation = 0))
  expect_false(any(grepl("validation", levels(plot(alone)$data$part))))
})

test_that("objects that are not fits, or have no epochs, are refused", {
  expect_error(plot(fit, 3), "fit", class = "sailer_argument_error")
  empty <- fit
  empty$history <- empty$history[0, ]
  expect_error(plot(empty), "first epoch", class = "sailer_argument_error")
})

test_that("the training of an Expresser is drawn, validation dashed", {
  fit <- small_expresser()
  drawn <- ggplot2::ggplot_build(plot(fit))
  expect_s3_class(plot(fit), "ggplot")
  panels <- levels(plot(fit)$data$part)
  expect_equal(
    panels, c("loss", "mean absolute error", "validation correlation")
  )
  lines <- plot(fit)$data
  kept <- subset(lines, part == "loss" & cells == "held out")
  expect_equal(kept$value, fit$history$validation_loss)
  expect_gt(nrow(drawn$data[[2]]), 0)
})
