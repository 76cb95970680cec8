small <- function(...) {
  arguments <- list(n_cells = 300, n_peaks = 600, depth = 60)
  do.call(simulate_atac, utils::modifyList(arguments, list(...)))
}

expect_argument_error <- function(code, argument) {
  expect_error(code, argument, fixed = TRUE, class = "sailer_argument_error")
}

test_that("counts, cells and truth are consistent", {
  sim <- small()
  expect_s4_class(sim$counts, "dgCMatrix")
  expect_true(methods::validObject(sim$counts))
  expect_identical(dim(sim$counts), c(600L, 300L))
  expect_identical(rownames(sim$cells), colnames(sim$counts))
  expect_identical(colnames(sim$truth), rownames(sim$counts))
  expect_identical(rownames(sim$truth), levels(sim$cells$cell_type))
  expect_true(all(sim$truth >= 0 & sim$truth <= 1))
  expect_equal(
    sim$cells$depth, unname(Matrix::colSums(sim$counts > 0))
  )
  values <- sim$counts@x
  expect_true(all(values >= 1 & values == round(values)))
  expect_gt(mean(values <= 2), 0.9)
  expect_gt(mean(values == 2), 0.01)
  expect_true(all(Matrix::rowSums(sim$counts) > 0))
  expect_true(all(sim$cells$depth > 0))
  expect_false(anyDuplicated(colnames(sim$counts)) > 0)
})

test_that("peaks are named and sorted along several chromosomes", {
  peaks <- rownames(small(n_chromosomes = 3)$counts)
  expect_match(peaks, "^chr[1-3]-[0-9]+-[0-9]+$")
  parts <- do.call(rbind, strsplit(peaks, "-"))
  start <- as.numeric(parts[, 2])
  expect_true(all(as.numeric(parts[, 3]) == start + 500))
  expect_identical(unique(parts[, 1]), c("chr1", "chr2", "chr3"))
  gaps <- tapply(start, parts[, 1], diff)
  expect_true(all(unlist(gaps) >= 500))
  # Large coordinates must not be written as 1e+05.
  expect_false(any(grepl("e", rownames(simulate_atac(
    n_cells = 20, n_peaks = 3000, n_chromosomes = 1, n_types = 2, depth = 50
  )$counts), fixed = TRUE)))
})

test_that("the same seed gives the same cells; R's own is left alone", {
  withr::local_seed(3)
  before <- .Random.seed
  first <- small(seed = 7)
  expect_identical(.Random.seed, before)
  runif(1)
  expect_identical(small(seed = 7), first)
  expect_false(identical(small(seed = 8)$counts, first$counts))

  # Other generators are restored, and an unset seed stays unset.
  withr::local_seed(3, .rng_kind = "Wichmann-Hill")
  kind <- RNGkind()
  before <- .Random.seed
  expect_identical(small(seed = 7)$counts, first$counts)
  expect_identical(RNGkind(), kind)
  expect_identical(.Random.seed, before)
  rm(".Random.seed", envir = globalenv())
  small()
  expect_false(exists(".Random.seed", globalenv(), inherits = FALSE))
})

test_that("depth has the requested median and spread", {
  sim <- simulate_atac(
    n_cells = 1000, n_peaks = 3000, depth = c(100, 300), depth_sd = 0.3
  )
  medians <- tapply(sim$cells$depth, sim$cells$batch, median)
  expect_equal(as.vector(medians), c(100, 300), tolerance = 0.07)
  spread <- tapply(log(sim$cells$depth), sim$cells$batch, sd)
  expect_equal(as.vector(spread), c(0.3, 0.3), tolerance = 0.2)

  single <- simulate_atac(
    n_cells = 1000, n_peaks = 3000, depth = 200, batch_effect = 0.4
  )
  medians <- tapply(single$cells$depth, single$cells$batch, median)
  expect_equal(log(medians[[2]] / medians[[1]]), 0.4, tolerance = 0.25)
})

test_that("types have the requested sizes, rarity and batches", {
  sim <- small(
    n_cells = 1000, n_types = 5, n_batches = 3, rare = c(0.05, 0.01),
    rare_batch = c(NA, 2)
  )
  sizes <- table(sim$cells$cell_type)
  expect_identical(names(sizes), c(paste0("type", 1:3), "rare1", "rare2"))
  expect_identical(sizes[["rare1"]], 50L)
  expect_identical(sizes[["rare2"]], 10L)
  expect_lte(diff(range(sizes[1:3])), 1)
  expect_identical(
    unique(as.character(sim$cells$batch[sim$cells$cell_type == "rare2"])),
    "batch2"
  )
  in_batches <- table(sim$cells$cell_type, sim$cells$batch)
  expect_true(all(in_batches[1:3, ] > 50))
  expect_identical(levels(small(rare = numeric(0))$cells$cell_type)[6], "type6")
  lone <- small(n_types = 1, n_batches = 1, rare = numeric(0))
  expect_identical(nlevels(lone$cells$cell_type), 1L)
})

test_that("peaks open as often as the truth says, signal permitting", {
  agreement <- function(signal) {
    sim <- simulate_atac(
      n_cells = 600, n_peaks = 1000, n_types = 2, n_batches = 1,
      depth = 150, depth_sd = 0, batch_effect = 0, rare = NULL,
      type_specific = 0.3, signal = signal
    )
    open <- sim$counts[, sim$cells$cell_type == "type1"] > 0
    cor(
      Matrix::rowMeans(open), sim$truth["type1", ],
      method = "spearman"
    )
  }
  expect_gt(agreement(1), 0.7)
  expect_lt(agreement(0.05), agreement(1) - 0.2)
})

test_that("types form a hierarchy", {
  truth <- small(n_types = 4, rare = numeric(0), type_specific = 0.2)$truth
  shared <- function(i, j) mean(truth[i, ] == truth[j, ])
  expect_gt(shared(1, 2), shared(1, 3) + 0.1)
  expect_gt(shared(3, 4), shared(2, 4) + 0.1)
})

# The first n components of TF-IDF, cells x n, which depth and batch affect.
lsi <- function(counts, n = 8) {
  x <- as.matrix(counts > 0)
  x <- log1p(1e4 * t(t(x) / colSums(x)) * log1p(ncol(x) / rowSums(x)))
  parts <- eigen(crossprod(x), symmetric = TRUE)
  parts$vectors[, seq_len(n)] %*% diag(sqrt(parts$values[seq_len(n)]))
}

# According to their definition, from all distances.
silhouettes <- function(x, labels) {
  distance <- as.matrix(stats::dist(x))
  own <- outer(as.integer(labels), seq_len(nlevels(labels)), "==")
  sums <- distance %*% own
  within <- rowSums(sums * own) / (colSums(own)[max.col(own)] - 1)
  means <- sweep(sums, 2, colSums(own), "/")
  across <- apply(replace(means, own, Inf), 1, min)
  (across - within) / pmax(across, within)
}

test_that("types can be distinguished, and depth and batch affect LSI", {
  size <- list(n_cells = 400, n_peaks = 1500, depth = 200, n_types = 4)
  disturbed <- do.call(simulate_atac, size)
  plain <- do.call(
    simulate_atac, c(size, list(batch_effect = 0, depth_sd = 0))
  )
  measure <- function(sim) {
    x <- lsi(sim$counts)
    c(
      silhouette = mean(silhouettes(x[, -1], sim$cells$cell_type)),
      batch_mixing(x[, -1], sim$cells$batch, k = 20)$summary,
      depth = mutual_information(x[, 1], log(sim$cells$depth))$mean
    )
  }
  with <- measure(disturbed)
  without <- measure(plain)
  expect_gt(without[["silhouette"]], with[["silhouette"]])
  expect_gt(without[["silhouette"]], 0.2)
  expect_gt(with[["deviation"]], without[["deviation"]] + 0.2)
  expect_gt(with[["depth"]], 0.8)

  # Frequencies of the types, estimated from one half, classify the other half.
  x <- as.matrix(disturbed$counts > 0)
  type <- disturbed$cells$cell_type
  train <- rep(c(TRUE, FALSE), length.out = ncol(x))
  frequency <- vapply(levels(type), function(t) {
    rowMeans(x[, train & type == t]) + 0.01
  }, numeric(nrow(x)))
  frequency <- t(t(frequency) / colSums(frequency))
  score <- t(x[, !train]) %*% log(frequency)
  found <- levels(type)[max.col(score)]
  expect_gt(adjusted_rand_index(found, type[!train]), 0.8)
})

test_that("a simulation prints its contents", {
  printed <- capture.output(print(small()))
  expect_match(printed[1], "300 cells x 600 peaks", fixed = TRUE)
  expect_match(printed[2], "rare1 6", fixed = TRUE)
  expect_match(printed[4], "median [0-9]+ open peaks")
})

test_that("bad arguments are refused by name", {
  expect_argument_error(small(n_cells = 5), "`n_cells`")
  expect_argument_error(small(n_peaks = 10), "`n_peaks`")
  expect_argument_error(small(n_types = 2.5), "`n_types`")
  expect_argument_error(small(n_batches = 0), "`n_batches`")
  expect_argument_error(small(depth = 400), "`depth`")
  expect_argument_error(small(depth = c(10, 20, 30)), "`depth`")
  expect_argument_error(small(depth_sd = -1), "`depth_sd`")
  expect_argument_error(small(batch_effect = NA_real_), "`batch_effect`")
  expect_argument_error(small(rare = 0.5), "`rare`")
  expect_argument_error(small(rare = rep(0.01, 6)), "`rare`")
  expect_argument_error(small(rare_batch = 3), "`rare_batch`")
  expect_argument_error(small(rare_batch = c(1, 2)), "`rare_batch`")
  expect_argument_error(small(type_specific = 0), "`type_specific`")
  expect_argument_error(small(signal = 1.1), "`signal`")
  expect_argument_error(small(n_chromosomes = 0), "`n_chromosomes`")
  expect_argument_error(small(seed = "a"), "`seed`")
})
