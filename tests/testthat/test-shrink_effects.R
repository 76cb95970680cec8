test_that("the prior is learned and probabilities are calibrated", {
  withr::local_seed(1)
  n <- 60000
  truth <- ifelse(runif(n) < 0.8, 0, rnorm(n, sd = 2))
  se <- rexp(n, 2) + 0.2
  estimate <- rnorm(n, truth, se)
  prior <- learn_prior(estimate, se)
  expect_equal(sum(prior$share), 1)
  narrow <- prior$sd < 0.3
  expect_gt(sum(prior$share[narrow]), 0.7)
  found <- posterior_effects(prior, estimate, se, 0.5)
  # Among effects with a probability near p, a share of p exceeds the threshold.
  bin <- cut(found$above, c(0.01, 0.2, 0.5, 0.8, 0.99, 1))
  gap <- tapply((truth > 0.5) - found$above, bin, mean)
  expect_lt(max(abs(gap)), 0.06)
  probability <- ifelse(estimate > 0, found$above, found$below)
  called <- expected_fdr(probability) <= 0.05
  false <- mean(sign(estimate[called]) * truth[called] <= 0.5)
  expect_gt(sum(called), 500)
  expect_lt(abs(false - 0.05), 0.015)
  # Shrunken effects are closer to the truth.
  expect_lt(mean((found$mean - truth)^2), 0.5 * mean((estimate - truth)^2))
})

test_that("a single normal prior gives the textbook posterior", {
  prior <- list(sd = c(0, 2), share = c(0, 1))
  found <- posterior_effects(prior, 1.5, 1, 0.5)
  expect_equal(found$mean, 1.5 * 4 / 5)
  expect_equal(found$above, pnorm(0.5, 1.2, sqrt(0.8), lower.tail = FALSE))
  expect_equal(found$below, pnorm(-0.5, 1.2, sqrt(0.8)))
  expect_equal(found$before, pnorm(0.5, 0, 2, lower.tail = FALSE))
})

test_that("without differences no effect exceeds the threshold", {
  withr::local_seed(2)
  se <- rep(0.3, 3000)
  estimate <- rnorm(3000, sd = 0.3)
  found <- posterior_effects(learn_prior(estimate, se), estimate, se, 0.1)
  expect_lt(max(found$above, found$below), 0.5)
})

test_that("expected false discovery rates are cumulative means of errors", {
  expect_equal(
    expected_fdr(c(0.5, 0.9, 1)), c((0 + 0.1 + 0.5) / 3, 0.1 / 2, 0)
  )
})
