# Empirical Bayes shrinkage of many noisy effects (Stephens 2017, "False
# discovery rates: a new deal"). The true effects are assumed to come from a
# mixture of normals around 0, one of them a point mass at 0; the shares of the
# mixture are estimated.

# Returns list(sd, share): the standard deviations of the mixture, 0 first, and
# their shares.
learn_prior <- function(estimate, se, n_most = 20000, n_spreads = 18) {
  if (length(estimate) > n_most) {
    some <- round(seq(1, length(estimate), length.out = n_most))
    estimate <- estimate[some]
    se <- se[some]
  }
  least <- max(min(se), stats::quantile(se, 0.01)) / 10
  most <- 2 * sqrt(max(estimate^2 - se^2, (8 * least)^2))
  spread <- c(0, exp(seq(log(least), log(most), length.out = n_spreads)))
  fitting <- exp_rows(log_likelihoods(estimate, se, spread))
  # As if 9 more effects had been 0: with little evidence, effects count as
  # small.
  penalty <- c(9, rep(0, length(spread) - 1))
  share <- rep(1 / length(spread), length(spread))
  for (step in seq_len(500)) {
    member <- fitting * rep(share, each = nrow(fitting))
    new <- colSums(member / rowSums(member)) + penalty
    new <- new / sum(new)
    done <- max(abs(new - share)) < 1e-4
    share <- new
    if (done) break
  }
  list(sd = spread, share = share)
}

# Effects x spreads: the log-likelihood of each estimate under each spread.
log_likelihoods <- function(estimate, se, spread) {
  total <- sqrt(outer(rep_len(se, length(estimate))^2, spread^2, "+"))
  stats::dnorm(estimate, 0, total, log = TRUE)
}

# Exponentials, up to a factor for each row.
exp_rows <- function(logs) exp(logs - apply(logs, 1, max))

# Returns for each effect, given its estimate: the posterior mean, and the
# probabilities that it is above `delta` and below `-delta`. `before`: the prior
# probability of either one.
posterior_effects <- function(prior, estimate, se, delta) {
  logs <- log_likelihoods(estimate, se, prior$sd)
  member <- exp_rows(sweep(logs, 2, log(prior$share), "+"))
  # The first component is 0, which is never beyond `delta`.
  member <- (member / rowSums(member))[, -1, drop = FALSE]
  variance <- prior$sd[-1]^2
  kept <- 1 / (1 + outer(rep_len(se, length(estimate))^2, 1 / variance))
  mean <- kept * estimate
  sd <- sqrt(kept) * se
  list(
    mean = rowSums(member * mean),
    above = rowSums(member * stats::pnorm(delta, mean, sd, lower.tail = FALSE)),
    below = rowSums(member * stats::pnorm(-delta, mean, sd)),
    before = sum(prior$share[-1] * stats::pnorm(-delta, 0, sqrt(variance)))
  )
}

# Expected share of false discoveries among each effect and all that are more
# probable (means of posterior error probabilities).
expected_fdr <- function(probability) {
  order <- order(probability, decreasing = TRUE)
  out <- numeric(length(probability))
  out[order] <- cumsum(1 - probability[order]) / seq_along(order)
  out
}
