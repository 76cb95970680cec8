# Empirical Bayes: what many noisy effects say about the effects themselves
# (Stephens 2017, "False discovery rates: a new deal"). The effects are taken to
# come from a mixture of normals around 0, one of them 0 itself, whose shares
# the estimates decide.

# list(sd, share), the spreads of the mixture, 0 first, and their shares.
learn_prior <- function(estimate, se, n_most = 20000) {
  if (length(estimate) > n_most) {
    some <- round(seq(1, length(estimate), length.out = n_most))
    estimate <- estimate[some]
    se <- se[some]
  }
  spread <- prior_spreads(estimate, se)
  fitting <- vapply(spread, function(sd) {
    stats::dnorm(estimate, 0, sqrt(se^2 + sd^2), log = TRUE)
  }, numeric(length(estimate)))
  fitting <- matrix(fitting, length(estimate))
  fitting <- exp(fitting - apply(fitting, 1, max))
  # As if 9 effects more had been 0: where little is known, there is little.
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

prior_spreads <- function(estimate, se, n = 18) {
  least <- max(min(se), stats::quantile(se, 0.01)) / 10
  most <- 2 * sqrt(max(estimate^2 - se^2, (8 * least)^2))
  c(0, exp(seq(log(least), log(most), length.out = n)))
}

# Of each effect, given its estimate: the posterior mean, and the probability
# that it is beyond `delta` above and below. `before_*` are those of the prior.
posterior_effects <- function(prior, estimate, se, delta) {
  n <- length(estimate)
  member <- vapply(seq_along(prior$sd), function(k) {
    log(prior$share[k]) +
      stats::dnorm(estimate, 0, sqrt(se^2 + prior$sd[k]^2), log = TRUE)
  }, numeric(n))
  member <- matrix(member, n)
  member <- exp(member - apply(member, 1, max))
  member <- member / rowSums(member)
  out <- list(mean = numeric(n), above = numeric(n), below = numeric(n))
  # The first component is 0: it is never beyond.
  for (k in seq_along(prior$sd)[-1]) {
    kept <- prior$sd[k]^2 / (prior$sd[k]^2 + se^2)
    mean <- kept * estimate
    sd <- sqrt(kept) * se
    out$mean <- out$mean + member[, k] * mean
    out$above <- out$above +
      member[, k] * stats::pnorm(delta, mean, sd, lower.tail = FALSE)
    out$below <- out$below + member[, k] * stats::pnorm(-delta, mean, sd)
  }
  before <- sum(
    prior$share[-1] *
      stats::pnorm(delta, 0, prior$sd[-1], lower.tail = FALSE)
  )
  c(out, list(before = before))
}

# The share of false ones that is to be expected among each effect and those
# that are surer (posterior error sums).
expected_fdr <- function(probability) {
  order <- order(probability, decreasing = TRUE)
  out <- numeric(length(probability))
  out[order] <- cumsum(1 - probability[order]) / seq_along(order)
  out
}
