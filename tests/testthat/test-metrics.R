# Reference values come from scikit-learn: fixtures/metrics/generate_metrics.py.
cells <- read.csv(test_path("fixtures", "metrics", "cells.csv"))
expected <- read.csv(test_path("fixtures", "metrics", "expected.csv"))
embedding <- as.matrix(cells[paste0("z", 1:5)])

reference <- function(measure) {
  expected$value[expected$measure == measure]
}

expect_argument_error <- function(code, argument) {
  expect_error(code, argument, fixed = TRUE, class = "sailer_argument_error")
}

# The mean over noise seeds, as in the fixture.
over_seeds <- function(...) {
  runs <- lapply(1:40, function(seed) {
    mutual_information(embedding, ..., seed = seed)$dimensions
  })
  unname(colMeans(do.call(rbind, runs)))
}

without_ties <- 1:3

test_that("mutual information with a number agrees with scikit-learn", {
  expect_lt(max(abs(over_seeds(cells$depth) - reference("mi_depth"))), 0.01)
  expect_lt(
    max(abs(over_seeds(cells$depth, k = 10) - reference("mi_depth_k10"))), 0.01
  )
  got <- mutual_information(embedding, cells$depth)
  expect_named(got$dimensions, colnames(embedding))
  expect_equal(got$mean, mean(got$dimensions))
  error <- (got$dimensions - reference("mi_depth"))[without_ties]
  expect_lt(max(abs(error)), 0.005)
})

test_that("mutual information with classes agrees with scikit-learn", {
  batch <- factor(cells$batch)
  expect_lt(max(abs(over_seeds(batch) - reference("mi_batch"))), 0.01)
  got <- mutual_information(embedding, batch)
  error <- (got$dimensions - reference("mi_batch"))[without_ties]
  expect_lt(max(abs(error)), 1e-6)
  # Only the partition matters, not how it is encoded.
  expect_equal(mutual_information(embedding, letters[cells$batch + 1]), got)
  reversed <- factor(cells$batch, levels = 9:0)
  expect_equal(mutual_information(embedding, reversed), got)
  expect_equal(
    mutual_information(embedding, cells$batch == 0),
    mutual_information(embedding, factor(cells$batch == 0))
  )
})

test_that("mutual information has the known value for Gaussian variables", {
  withr::local_seed(1)
  x <- rnorm(5000)
  y <- 0.8 * x + 0.6 * rnorm(5000)
  truth <- -0.5 * log(1 - 0.8^2)
  expect_equal(mutual_information(x, y)$mean, truth, tolerance = 0.08)
  # It does not depend on monotone transformations of either variable.
  expect_equal(mutual_information(x, exp(y))$mean, truth, tolerance = 0.08)
  expect_lt(mutual_information(rnorm(5000), y)$mean, 0.03)
})

test_that("mutual information is seeded and leaves R's random numbers alone", {
  withr::local_seed(1)
  before <- .Random.seed
  first <- mutual_information(embedding, cells$depth, seed = 5)
  expect_identical(.Random.seed, before)
  expect_identical(mutual_information(embedding, cells$depth, seed = 5), first)
  other <- mutual_information(embedding, cells$depth, seed = 6)
  expect_false(identical(other, first))
})

test_that("mutual information handles constants and single-cell classes", {
  expect_lt(mutual_information(rep(2, 300), cells$depth[1:300])$mean, 0.1)
  expect_lt(mutual_information(embedding[, 1], rep(1, 600))$mean, 0.1)
  expect_equal(mutual_information(embedding, rep("a", 600))$mean, 0)
  # A class of one cell is left out.
  x <- c(cells$z1[1:50], 100)
  classes <- rep(c("a", "b"), 25)
  expect_equal(
    mutual_information(x, c(classes, "lone"))$mean,
    mutual_information(x[-51], classes)$mean,
    tolerance = 1e-6
  )
  expect_error(
    mutual_information(x, as.character(1:51)),
    "single cell",
    class = "sailer_data_error"
  )
})

test_that("mutual information refuses bad arguments by name", {
  depth <- cells$depth
  with_na <- embedding
  with_na[7, 2] <- NA
  rownames(with_na) <- paste0("cell", 1:600)
  expect_argument_error(mutual_information(with_na, depth), "cell7")
  expect_argument_error(mutual_information(with_na, depth), "`embedding`")
  expect_argument_error(mutual_information(embedding, depth[-1]), "`c`")
  expect_argument_error(
    mutual_information(embedding, replace(depth, 3, NA)), "position 3"
  )
  expect_argument_error(
    mutual_information(embedding, replace(depth, 3, Inf)), "`c`"
  )
  batch <- replace(as.character(cells$batch), 4, NA)
  expect_argument_error(mutual_information(embedding, batch), "`c`")
  expect_argument_error(mutual_information(embedding, list(1)), "`c`")
  expect_argument_error(mutual_information("a", 1), "`embedding`")
  expect_argument_error(mutual_information(embedding, depth, k = 0), "`k`")
  expect_argument_error(mutual_information(embedding, depth, k = 600), "`k`")
  expect_argument_error(
    mutual_information(embedding, depth, seed = 0.5), "`seed`"
  )
})

test_that("ARI and NMI agree with scikit-learn", {
  ari <- adjusted_rand_index(cells$cluster, cells$type)
  nmi <- normalized_mutual_information(cells$cluster, cells$type)
  expect_equal(ari, reference("ari"), tolerance = 1e-10)
  expect_equal(nmi, reference("nmi"), tolerance = 1e-10)
  expect_equal(
    adjusted_rand_index(factor(cells$batch), cells$cluster),
    reference("ari_batch"),
    tolerance = 1e-10
  )
  expect_equal(
    normalized_mutual_information(letters[1 + cells$batch], cells$cluster),
    reference("nmi_batch"),
    tolerance = 1e-10
  )
  expect_equal(adjusted_rand_index(cells$type, cells$cluster), ari)
})

test_that("ARI and NMI have the known values in special cases", {
  x <- c("a", "a", "b", "b", "c")
  for (measure in list(adjusted_rand_index, normalized_mutual_information)) {
    expect_equal(measure(x, c(3, 3, 1, 1, 2)), 1)
    expect_equal(measure(rep("a", 5), rep("b", 5)), 1)
    expect_equal(measure(1:5, 5:1), 1)
    expect_equal(measure(x, rep("a", 5)), 0)
    expect_equal(measure("a", "b"), 1)
  }
  # By hand: 2 of 6 pairs are together in each partition, none in both.
  expect_equal(adjusted_rand_index(c(1, 1, 2, 2), c(1, 2, 1, 2)), -0.5)
})

test_that("dice scores are equation 2.7", {
  expect_equal(dice_score(c(1, 1, 0, 0, 1), c(1, 0, 0, 1, 1)), 4 / 6)
  expect_equal(
    dice_score(cells$type == 0, cells$cluster == 0), reference("dice"),
    tolerance = 1e-10
  )
  expect_equal(dice_score(c(0, 0), c(0, 0)), 1)
  expect_equal(dice_score(c(1, 0), c(0, 0)), 0)
})

test_that("dice scores accept matrices of every kind, by columns", {
  truth <- cbind(a = c(1, 1, 0, 0), b = c(0, 0, 0, 1))
  guess <- cbind(a = c(1, 0, 0, 0), b = c(1, 1, 1, 1))
  by_hand <- c(a = 2 / 3, b = 2 / 5)
  expect_equal(dice_score(truth, guess), by_hand)
  sparse <- methods::as(guess, "CsparseMatrix")
  expect_equal(dice_score(truth, sparse), by_hand)
  expect_equal(dice_score(truth > 0, sparse > 0), by_hand)
  expect_equal(dice_score(truth, methods::as(sparse, "nMatrix")), by_hand)
  expect_equal(dice_score(truth, methods::as(sparse, "TsparseMatrix")), by_hand)
  expect_equal(dice_score(truth[, "a"], guess), c(a = 2 / 3, b = 4 / 6))
  expect_equal(dice_score(truth, guess[, "b"]), c(a = 4 / 6, b = 2 / 5))
  expect_equal(dice_score(truth, guess * 0.4, threshold = 0.3), by_hand)
  expect_equal(dice_score(truth, 3 * sparse, threshold = c(0.5, 2)), by_hand)
  expect_equal(
    dice_score(truth, 3 * sparse, threshold = c(0.5, 3)), c(a = 0, b = 0)
  )
})

test_that("dice scores refuse bad arguments by name", {
  expect_argument_error(dice_score(c(1, 0), c(0.4, 0.6)), "`threshold`")
  expect_argument_error(dice_score(c(1, 0), c(0.4, 0.6)), "`estimate`")
  expect_argument_error(dice_score(c(NA, 0), c(1, 0)), "`truth`")
  expect_argument_error(dice_score(c(1, 0), c(1, 0, 1)), "same peaks")
  expect_argument_error(dice_score("a", 1), "`truth`")
  expect_argument_error(dice_score(diag(3), diag(3)[, 1:2]), "columns")
  expect_argument_error(dice_score(1, 1, threshold = -1), "`threshold`")
})

# --- batch_mixing: references in plain R, by full sorting and root finding ----

neighbors_by_sorting <- function(x, i, k) {
  distance <- sqrt(colSums((t(x) - x[i, ])^2))
  distance[i] <- Inf
  near <- order(distance)[seq_len(k)]
  list(index = near, distance = distance[near])
}

lisi_by_root <- function(x, labels, perplexity) {
  vapply(seq_len(nrow(x)), function(i) {
    near <- neighbors_by_sorting(x, i, 3 * perplexity - 1)
    weights <- function(log_beta) {
      w <- exp(-exp(log_beta) * near$distance)
      w / sum(w)
    }
    entropy <- function(log_beta) {
      w <- weights(log_beta)
      -sum(w * log(w)) - log(perplexity)
    }
    w <- weights(uniroot(entropy, c(-5, 4), tol = 1e-10)$root)
    1 / sum(tapply(w, labels[near$index], sum)^2)
  }, 0)
}

test_that("LISI agrees with a plain implementation", {
  x <- embedding[1:200, 1:3]
  batch <- cells$batch[1:200]
  type <- cells$type[1:200]
  got <- batch_mixing(x, batch, type, k = 20, perplexity = 10)
  expect_equal(got$cells$ilisi, lisi_by_root(x, batch, 10), tolerance = 1e-4)
  expect_equal(got$cells$clisi, lisi_by_root(x, type, 10), tolerance = 1e-4)
  expect_equal(got$summary[["ilisi"]], mean(got$cells$ilisi))
  expect_equal(got$summary[["clisi"]], mean(got$cells$clisi))
})

test_that("proportions and p-values agree with a plain implementation", {
  x <- embedding[1:200, 1:3]
  batch <- factor(cells$batch[1:200])
  got <- batch_mixing(x, batch, k = 15, perplexity = 10)
  sizes <- tabulate(batch)
  for (i in c(1, 77, 200)) {
    counts <- table(batch[neighbors_by_sorting(x, i, 15)$index])
    share <- as.vector(counts) / sizes
    share <- share / sum(share)
    expect_equal(unname(got$proportions[i, ]), share)
    expect_equal(got$cells$deviation[i], sum(abs(share - 1 / 3)) / 2)
    test <- suppressWarnings(chisq.test(counts, p = sizes / 200))
    expect_equal(got$cells$p_value[i], test$p.value)
  }
  expect_equal(unname(rowSums(got$proportions)), rep(1, 200))
  expect_equal(got$batches$n_cells, sizes)
  expect_equal(got$batches$mean, unname(colMeans(got$proportions)))
  expect_named(got$cells, c("batch", "deviation", "ilisi", "p_value"))
  expect_identical(got$cells$batch, batch)
  expect_identical(got$summary[["clisi"]], NA_real_)
})

test_that("mixed and separate batches are at the ends of the scale", {
  withr::local_seed(2)
  batch <- rep(c("a", "b"), c(300, 100))
  x <- matrix(rnorm(800), 400, dimnames = list(paste0("c", 1:400), NULL))
  mixed <- batch_mixing(x, batch)
  apart <- batch_mixing(x + 100 * (batch == "b"), batch)
  # Normalisation: the small batch counts as much as the large one.
  expect_equal(mixed$batches$mean, c(0.5, 0.5), tolerance = 0.1)
  expect_lt(mixed$summary[["deviation"]], 0.15)
  expect_equal(apart$summary[["deviation"]], 0.5)
  expect_equal(apart$summary[["ilisi"]], 1)
  expect_equal(apart$summary[["rejected"]], 1)
  expect_lt(mixed$summary[["rejected"]], 0.2)
  expect_identical(dimnames(mixed$proportions), list(rownames(x), c("a", "b")))
  expect_identical(rownames(mixed$cells), rownames(x))
})

test_that("coinciding cells are never their own neighbours", {
  x <- matrix(rep(c(0, 5), each = 20), 40, 2)
  batch <- rep(c("a", "b"), 20)
  got <- batch_mixing(x, batch, k = 19, perplexity = 6)
  # Of the 19 other cells at the same place, 9 are of the same batch and 10 are
  # not.
  own <- got$proportions[cbind(1:40, 1 + (batch == "b"))]
  expect_equal(own, rep(9 / 19, 40))
  expect_true(all(is.finite(got$cells$ilisi)))
})

test_that("batch mixing lowers its parameters for a small data set", {
  x <- embedding[1:30, 1:2]
  batch <- rep(1:2, 15)
  expect_warning(
    expect_warning(got <- batch_mixing(x, batch), "`k` is lowered"),
    "`perplexity` is lowered"
  )
  expect_equal(unname(got$proportions[1, 1]), 14 / 29)
})

test_that("batch mixing refuses bad arguments by name", {
  x <- embedding[, 1:2]
  batch <- cells$batch
  expect_argument_error(batch_mixing(x, rep("a", 600)), "`batch`")
  expect_argument_error(batch_mixing(x, batch[-1]), "`batch`")
  expect_argument_error(batch_mixing(x, replace(batch, 9, NA)), "`batch`")
  expect_argument_error(
    batch_mixing(x, batch, replace(batch, 9, NA)), "`labels`"
  )
  expect_argument_error(batch_mixing(x[1:5, ], batch[1:5]), "`x`")
  expect_argument_error(batch_mixing(x, batch, k = 0), "`k`")
  expect_argument_error(batch_mixing(x, batch, perplexity = 1), "`perplexity`")
})
