# Batches that share hardly any peaks are reported.

# Half of the peaks were called in one batch and half in the other, and a share
# of them in both.
apart <- function(sim, shared = 0) {
  n <- nrow(sim$counts)
  place <- seq_len(n) %% 2 == 0
  own <- seq_len(n) > shared * n
  first <- sim$cells$batch == "batch1"
  counts <- sim$counts
  counts[own & place, first] <- 0
  counts[own & !place, !first] <- 0
  counts <- Matrix::drop0(counts)
  kept <- Matrix::colSums(counts) > 0
  list(counts = counts[, kept], batch = sim$cells$batch[kept])
}

brief <- function(x, ...) {
  quick_fit(x, ..., hidden = 8, control = quick(epochs = 1))
}

expect_no_warning_of <- function(code) {
  reported <- 0
  withCallingHandlers(code, sailer_batches_apart = function(cnd) {
    reported <<- reported + 1
    rlang::cnd_muffle(cnd)
  })
  testthat::expect_identical(reported, 0)
}

test_that("batches with peaks of their own give a warning, before training", {
  sim <- tiny_simulation()
  data <- apart(sim)
  expect_warning(
    brief(data$counts, batch = data$batch),
    '"batch1" and "batch2" share 0 % of the peaks.*unite_peaks',
    class = "sailer_batches_apart"
  )
  fifth <- apart(sim, 0.2)
  expect_warning(
    brief(fifth$counts, batch = data.frame(lane = fifth$batch)), "of `lane`",
    class = "sailer_batches_apart"
  )
  # A covariate is not a batch.
  expect_no_warning_of(brief(data$counts, covariates = data$batch))
})

test_that("batches with the same peaks, and small ones, give no warning", {
  sim <- tiny_simulation()
  expect_no_warning_of(brief(sim$counts, batch = sim$cells$batch))
  few <- c(
    which(sim$cells$batch == "batch1"),
    utils::head(which(sim$cells$batch == "batch2"), 3)
  )
  expect_no_warning_of(brief(sim$counts[, few], batch = sim$cells$batch[few]))
  # Types are not batches, but they are as different as batches can be.
  expect_no_warning_of(brief(sim$counts, batch = sim$cells$cell_type))
})

test_that("groups of batches are named", {
  sim <- tiny_simulation()
  data <- apart(sim)
  lane <- paste0(
    data$batch, c("a", "b")[1 + seq_along(data$batch) %% 2]
  )
  expect_warning(
    brief(data$counts, batch = lane),
    '2 groups.*"batch1a" and "batch1b" \\| "batch2a" and "batch2b"',
    class = "sailer_batches_apart"
  )
})

test_that("the share is that of a count by hand", {
  # 4 peaks with 1 cell, 2 with 3: with half of all counts in each batch,
  # 1 - 2 * 0.5^3 = 0.75 of the latter are expected in both.
  first <- c(1, 1, 0, 0, 2, 1, rep(0, 4))
  second <- c(0, 0, 1, 1, 1, 2, rep(0, 4))
  expect_identical(shared_peaks(first, second), 1)  # too few to tell
  expect_equal(
    shared_peaks(rep(first, 50), rep(second, 50)), (2 * 50) / (2 * 50 * 0.75)
  )
  # Unequal depth: a quarter of all counts.
  expect_equal(
    shared_peaks(rep(c(1, 1, 0), 100), rep(c(3, 2, 1), 100)),
    200 / (100 * (1 - .75^4 - .25^4 + 1 - .75^3 - .25^3))
  )
})

test_that("real batches give none", {
  folder <- file.path(
    Sys.getenv("SAILER_DATA", "../../../shared/data"), "leukemia_atac"
  )
  skip_if_not(dir.exists(folder), paste("no real data in", folder))
  counts <- methods::as(
    Matrix::readMM(file.path(folder, "atac.mtx.gz")), "CsparseMatrix"
  )
  batch <- factor(utils::read.delim(file.path(folder, "cells.tsv"))$batch)
  open <- as.matrix((counts > 0) %*% Matrix::sparseMatrix(
    seq_along(batch), as.integer(batch), x = 1
  ))
  share <- shared_peaks(open[, 1], open[, 2])
  expect_gt(share, 0.85)
  own <- seq_len(nrow(open)) %% 2 == 0
  expect_identical(shared_peaks(open[, 1] * own, open[, 2] * !own), 0)
})

test_that("the pass counts by group what it counts of all", {
  sim <- tiny_simulation()
  cells <- as_cells(sim$counts)
  confounders <- collect_confounders(
    data.frame(a = sim$cells$batch, b = sim$cells$cell_type), NULL, cells$cells
  )
  groups <- batch_groups(confounders, nrow(cells))
  expect_identical(groups$n_groups, 6L)
  found <- core_scan(cells$source, FALSE, groups)$group_cells
  group <- paste(sim$cells$batch, sim$cells$cell_type)
  group <- match(group, unique(group))
  expect_equal(found, unname(rowsum(t(as.matrix(sim$counts > 0)) * 1, group)))
  by_batch <- rowsum(found, groups$members[[1]])
  expect_equal(
    by_batch, rowsum(
      t(as.matrix(sim$counts > 0)) * 1, as.integer(sim$cells$batch)
    ),
    ignore_attr = TRUE
  )
  # Of very many peaks a sample.
  many <- batch_groups(confounders, 2e7)
  expect_lte(many$n_rows * many$n_groups, 2e7)
  expect_equal(sum(!is.na(many$row)), many$n_rows)
})
