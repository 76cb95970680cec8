# Real data are found through SAILER_DATA and are never part of the package.

real_atac <- function(name) {
  folder <- file.path(Sys.getenv("SAILER_DATA", "../../../shared/data"), name)
  testthat::skip_if_not(
    dir.exists(folder), paste("no real data in", folder)
  )
  cells <- utils::read.delim(file.path(folder, "cells.tsv"))
  counts <- methods::as(
    Matrix::readMM(file.path(folder, "atac.mtx.gz")), "CsparseMatrix"
  )
  peaks <- utils::read.delim(
    file.path(folder, "atac_features.tsv.gz"),
    header = FALSE
  )[[1]]
  dimnames(counts) <- list(make.unique(peaks), cells$cell)
  list(counts = counts, cells = cells)
}

test_that("both architectures learn from real leukemia cells", {
  data <- real_atac("leukemia_atac")
  before <- data$counts
  for (architecture in c("dense", "chromosome")) {
    fit <- sailer(
      data$counts,
      batch = data$cells$batch, architecture = architecture,
      hidden = c(32, 16), min_fraction = 0.05, control = quick(epochs = 12)
    )
    curve <- fit$history
    expect_true(all(is.finite(embedding(fit))))
    expect_gt(
      curve$validation_log_likelihood[12], curve$validation_log_likelihood[1]
    )
    expect_identical(rownames(embedding(fit)), data$cells$cell)
  }
  expect_identical(data$counts, before)
})

test_that("shallow bone marrow cells train, and depth is removed", {
  data <- real_atac("bone_marrow_atac")
  kept <- seq(1, ncol(data$counts), by = 7)
  counts <- data$counts[, kept]
  fit <- sailer(
    counts,
    batch = data$cells$batch[kept], control = usual()
  )
  # The first plain components contain depth; the embedding contains less of it.
  depth <- log(Matrix::colSums(counts > 0))
  plain <- irlba::irlba(Matrix::t(counts > 0) * 1, nv = 10)$u
  expect_lt(
    mutual_information(embedding(fit), depth)$mean,
    mutual_information(plain, depth)$mean
  )
})

test_that("real types differ in the same direction as raw fractions", {
  data <- real_atac("bone_marrow_atac")
  kept <- data$cells$cell_type %in% c("17_B", "11_CD14.Mono.1", "25_NK")
  counts <- data$counts[, kept]
  type <- data$cells$cell_type[kept]
  fit <- sailer(
    counts, batch = data$cells$batch[kept], control = usual()
  )
  for (pair in list(c(1, 2), c(2, 3))) {
    names <- c("17_B", "11_CD14.Mono.1", "25_NK")[pair]
    found <- differential_accessibility(fit, type, names[1], names[2],
      x = counts
    )
    called <- found$is_da
    raw <- found$emp_prob_1 - found$emp_prob_2
    expect_gt(sum(called), 50)
    expect_gt(mean(sign(raw[called]) == sign(found$effect_size[called])), 0.95)
    expect_gt(cor(raw[called], found$effect_size[called]), 0.9)
  }
  skip_if_not_installed("GenomicRanges")
  # hg19: some peaks are beyond the ends of hg38's chromosomes.
  genes <- GenomicRanges::GRanges(
    c("chr19:33790840-33793430:-", "chr4:102711764-102995969:+"),
    gene_name = c("CEBPA", "BANK1")
  )
  activity <- gene_activity(fit, genes)
  by_type <- apply(activity, 1, function(x) tapply(x, type, mean))
  expect_equal(
    rownames(by_type)[apply(by_type, 2, which.max)],
    c("11_CD14.Mono.1", "17_B")
  )
})
