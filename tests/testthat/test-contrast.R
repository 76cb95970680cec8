sim <- tiny_simulation()
fit <- quick_fit(
  sim$counts, batch = sim$cells$batch, n_latent = 3, omega = 2,
  control = quick(epochs = 12)
)
type <- as.character(sim$cells$cell_type)

# The same according to its definition: every training cell is a cluster of its
# own, so nothing is merged.
plain_contrast <- function(sides, held, training, offset) {
  output <- plain_output(fit)
  averages <- lapply(sides, function(side) {
    n <- nrow(side$z) / length(side$weights)
    weights <- rep(side$weights, n) / n
    probability <- 0
    gradient <- 0
    for (k in seq_along(held$shares)) {
      row <- held$values[k, , drop = FALSE]
      p <- plain_decode(fit, side$z, row)
      probability <- probability + held$shares[k] * p
      slope <- sweep((p + offset) * (1 - p), 2, held$shares[k] * weights, "*")
      gradient <- gradient + slope %*% plain_hidden(fit, side$z, row)
    }
    mean <- as.vector(probability %*% weights)
    list(
      mean = mean, gradient = gradient,
      variance = as.vector((probability - mean)^2 %*% weights) *
        sum(side$weights^2)
    )
  })
  h <- plain_hidden(fit, training$z, training$confounders)
  p <- plain_decode(fit, training$z, training$confounders)
  variance <- function(by) {
    gradient <- by[[1]] * averages[[1]]$gradient -
      by[[2]] * averages[[2]]$gradient
    cells <- by[[1]]^2 * averages[[1]]$variance +
      by[[2]]^2 * averages[[2]]$variance
    vapply(seq_along(fit$peaks), function(k) {
      s <- (p[k, ] + offset) * (1 - p[k, ])
      information <- crossprod(h * sqrt(s * training$weights))
      scale <- mean(diag(information))
      information <- information + 1e-6 * scale * diag(nrow(information))
      sum(gradient[k, ] * solve(information, gradient[k, ]))
    }, 0) + cells
  }
  means <- lapply(averages, function(side) side$mean)
  list(
    mean_1 = means[[1]], mean_2 = means[[2]],
    log_variance = variance(lapply(means, function(m) 1 / (m + offset))),
    difference_variance = variance(list(1, 1))
  )
}

test_that("means and variances agree with the plain formulas", {
  held <- held_confounders(fit, NULL, NULL, NULL)
  expect_equal(nrow(held$values), 2)
  expect_equal(held$shares, as.numeric(sort(table(sim$cells$batch),
                                            decreasing = TRUE)) / 150)
  z <- unname(fit$embedding)
  two <- withr::with_seed(1, rbind(z[1:20, ], z[1:20, ] + rnorm(60, sd = 0.3)))
  weights <- (1:20) / sum(1:20)
  sides <- list(
    list(z = two, weights = weights),
    list(z = z[30:60, ], weights = rep(1 / 31, 31))
  )
  training <- list(
    z = z, confounders = own_confounders(read_fitted(fit), fit$cells),
    weights = seq(0.5, 2, length.out = 150), clusters = 1:150,
    n_clusters = 150L
  )
  got <- core_sailer_contrast(
    fit_model(fit), sides[[1]], sides[[2]], held$values, held$shares, training,
    seq_along(fit$peaks), list(shift = -log(2), offset = 0.01, ridge = 0)
  )
  expected <- plain_contrast(sides, held, training, 0.01)
  for (name in names(expected)) {
    expect_equal(got[[name]], expected[[name]], tolerance = 1e-3, info = name)
  }
  # Any peaks, in any order.
  some <- c(7L, 300L, 2L)
  part <- core_sailer_contrast(
    fit_model(fit), sides[[1]], sides[[2]], held$values, held$shares, training,
    some, list(shift = -log(2), offset = 0.01, ridge = 0)
  )
  expect_equal(part$log_variance, got$log_variance[some])
  expect_error(
    core_sailer_contrast(
      fit_model(fit), sides[[1]], sides[[2]], held$values, held$shares,
      training, 10000L, list(shift = 0, offset = 0, ridge = 0)
    ),
    class = "sailer_argument_error"
  )
})

test_that("clusters of similar cells approximate the exact information", {
  held <- held_confounders(fit, NULL, NULL, NULL)
  kinds <- match(type, c("type1", "type2"), nomatch = 0)
  training <- withr::with_seed(
    1, training_cells(read_fitted(fit), fit$cells, kinds)
  )
  expect_setequal(unique(training$clusters), seq_len(training$n_clusters))
  # The decoder has learned nothing from held-out cells.
  expect_equal(nrow(training$z), 150 - length(fit$validation_cells))
  z <- unname(fit$embedding)
  sides <- lapply(1:2, function(k) {
    n <- sum(kinds == k)
    list(z = z[kinds == k, ], weights = rep(1 / n, n))
  })
  variance <- function(training) {
    core_sailer_contrast(
      fit_model(fit), sides[[1]], sides[[2]], held$values, held$shares,
      training, seq_along(fit$peaks),
      list(shift = -log(2), offset = 0.01, ridge = 0)
    )$log_variance
  }
  alone <- training
  alone$clusters <- seq_len(nrow(training$z))
  alone$n_clusters <- nrow(training$z)
  ratio <- variance(training) / variance(alone)
  expect_lt(abs(log(median(ratio))), log(1.2))
  expect_gt(mean(abs(log(ratio)) < log(1.6)), 0.9)
})

test_that("a given batch is fixed; otherwise batches are averaged", {
  one <- held_confounders(fit, "batch2", NULL, NULL)
  expect_equal(one$values, fixed_confounders(fit, "batch2"))
  expect_equal(one$shares, 1)
  all <- held_confounders(fit, NULL, 90, NULL)
  expect_equal(all$values[, 1], rep(fixed_confounders(fit, depth = 90)[1], 2))
  expect_equal(rowSums(all$values[, -1]), c(1, 1))
  expect_error(
    held_confounders(fit, "batch9", NULL, NULL), "batch9",
    class = "sailer_argument_error"
  )
  # With several columns: the combinations that occur.
  lane <- rep(c("x", "y", "z"), 50)
  many <- quick_fit(
    sim$counts, batch = data.frame(donor = sim$cells$batch, lane = lane),
    control = quick(epochs = 1)
  )
  expect_equal(nrow(held_confounders(many, NULL, NULL, NULL)$values), 6)
  lanes <- held_confounders(many, c(donor = "batch1"), NULL, NULL)
  expect_equal(nrow(lanes$values), 3)
  expect_equal(sum(lanes$shares), 1)
})

test_that("confounders of training cells agree with the core's encoding", {
  own <- own_confounders(read_fitted(fit), fit$cells)
  depth <- fit$depth[1:150]
  seen <- !fit$cells %in% fit$validation_cells
  expect_equal(mean(own[seen, 1]), 0, tolerance = 1e-6)
  expect_equal(cor(own[, 1], log(depth)), 1)
  expect_equal(
    own[, 2:3],
    unname(outer(as.character(sim$cells$batch), c("batch1", "batch2"), "==") +
             0)
  )
})

test_that("posteriors have the embedding as mean, and a variance", {
  cells <- as_cells(sim$counts[rev(seq_len(nrow(sim$counts))), 1:70])
  got <- cell_posteriors(fit, cells, match_peaks(cells, fit$peaks))
  expect_equal(
    got$mean, unname(fit$embedding[1:70, ]), tolerance = 1e-5
  )
  expect_equal(dim(got$log_variance), c(70, 3))
  expect_true(all(got$log_variance < 1))
  # By definition: the other head, applied to the input of the encoder's mean.
  x <- t(as.matrix(sim$counts[fit$peaks, 1:70] > 0))
  x <- t(t(x) * fit_tensor(fit, "encoder.peak_weight")[, 1])
  h <- x / sqrt(rowSums(x^2))
  # The layer contains the weights of the peaks; its last columns belong to the
  # mean.
  weight <- fit_tensor(fit, "encoder.0.weight") /
    fit_tensor(fit, "encoder.peak_weight")[, 1]
  h <- h %*% weight[, seq_len(fit$options$hidden[1])]
  for (k in 0:1) {
    part <- function(name) fit_tensor(fit, sprintf("encoder.%d.%s", k, name))
    if (k > 0) h <- h %*% matrix(part("weight"), dim(h)[2])
    h <- t((t(h) + part("bias") - part("norm.mean")) /
             sqrt(part("norm.variance") + 1e-5) * part("norm.weight") +
             part("norm.bias"))
    h <- ifelse(h > 0, h, 0.2 * h)
  }
  head <- fit_tensor(fit, "encoder.log_variance.weight")
  expected <- t(t(h %*% matrix(head, dim(head)[2])) +
                  fit_tensor(fit, "encoder.log_variance.bias"))
  expect_equal(got$log_variance, unname(expected), tolerance = 1e-4)
})

test_that("samples have the posterior's mean and standard deviation", {
  posterior <- list(
    mean = matrix(c(1, -2, 0, 3), 2), log_variance = matrix(log(0.25), 2, 2)
  )
  points <- withr::with_seed(1, latent_points(posterior, c(2, 1), 4000))
  expect_equal(dim(points), c(8000, 2))
  # All cells of the first sample come first, then those of the next.
  first <- points[seq(1, 8000, 2), ]
  expect_equal(colMeans(first), c(-2, 3), tolerance = 0.03)
  expect_equal(apply(first, 2, sd), c(0.5, 0.5), tolerance = 0.03)
  posterior$log_variance <- NULL
  expect_equal(latent_points(posterior, 2, 7), matrix(c(-2, 3), 1))
})
