embed <- function(x, readout = NULL, fit = small_expresser(), ...) {
  predict(fit, x, readout = readout, verbose = FALSE, ...)
}

test_that("training cells are embedded at their principal components", {
  counts <- small_rna()$counts
  pca <- stats::prcomp(t(log_normal(counts)), rank. = 6)
  # Components are of the training cells only; without validation, of all cells.
  fit <- train_expresser(counts, control = brief_pretraining(validation = 0))
  found <- embed(counts, fit = fit)
  expect_equal(dim(found), c(80, 6))
  expect_equal(dimnames(found), list(
    colnames(counts), paste0("expresser_", 1:6)
  ))
  sign <- sign(colSums(found * pca$x))
  expect_equal(unname(found), unname(sweep(pca$x, 2, sign, "*")),
               tolerance = 1e-3)
  expect_equal(unname(colMeans(found)), numeric(6), tolerance = 1e-5)
  loadings <- component_loadings(fit)
  expect_equal(crossprod(loadings), diag(6), tolerance = 1e-5)
})

test_that("held-out and other cells are projected, genes by name", {
  fit <- small_expresser()
  counts <- small_rna()$counts
  known <- counts[50:1, 5:9]
  values <- matrix(0, 60, 5)
  values[50:1, ] <- log_normal(known)
  expected <- sweep(crossprod(values, component_loadings(fit)), 2, fit$center)
  expect_equal(unname(embed(known)), expected, tolerance = 1e-5)
})

test_that("with too few cells for all components, the rest is zero", {
  counts <- small_rna()$counts[, 1:4]
  fit <- train_expresser(counts, control = brief_pretraining(validation = 0))
  counts <- counts[fit$genes$gene, ]
  found <- embed(counts, fit = fit)
  expect_equal(unname(colSums(found != 0) > 0), rep(c(TRUE, FALSE), each = 3))
  expect_equal(dist(found), dist(t(log_normal(counts))), tolerance = 1e-3,
               ignore_attr = TRUE)
})

test_that("fits without the mean of their cells do not subtract it", {
  old <- small_expresser()
  center <- old$center
  old$center <- NULL
  counts <- small_rna()$counts
  expect_equal(
    embed(counts, fit = old), sweep(embed(counts), 2, center, "+"),
    tolerance = 1e-5
  )
})

test_that("a saved fit embeds cells as before", {
  counts <- small_rna()$counts
  file <- withr::local_tempfile(fileext = ".safetensors")
  save_model(small_expresser(), file)
  expect_identical(embed(counts, fit = load_model(file)), embed(counts))
})

test_that("fits with random tokens embed by context, as in 0.1.0", {
  counts <- small_rna()$counts
  fit <- train_expresser(token_start = "random", expression = "binned")
  expect_null(fit$center)
  expect_identical(embed(counts, fit = fit), embed(counts, "context", fit))
  expect_error(
    embed(counts, "expression", fit), "token_start",
    class = "sailer_argument_error"
  )
})

test_that("read-outs differ in their use of expression", {
  counts <- small_rna()$counts[, 1:2]
  moved <- counts
  gene <- which(counts[, 1] > 0)[1]
  moved[gene, 1] <- moved[gene, 1] + 50
  for (readout in c("expression", "decoder")) {
    before <- embed(counts, readout)
    after <- embed(moved, readout)
    expect_gt(max(abs(after[1, ] - before[1, ])), 1e-3)
    expect_equal(after[2, ], before[2, ], tolerance = 1e-5)
  }
  expect_equal(embed(moved, "context"), embed(counts, "context"),
               tolerance = 1e-5)
})

test_that("a cell's embedding does not depend on other cells", {
  fit <- small_expresser()
  counts <- small_rna()$counts
  file <- local_corpus()
  build_corpus(counts, file, verbose = FALSE)
  for (readout in readouts) {
    all <- embed(counts, readout)
    expect_equal(ncol(all), if (readout == "expression") 6 else 8)
    expect_equal(rownames(all), colnames(counts))
    some <- embed(counts[60:1, c(9, 3)], readout, token_budget = 1)
    expect_equal(some, all[c(9, 3), ], tolerance = 1e-5)
    expect_equal(unname(embed(file, readout)), unname(all))
  }
  expect_error(
    predict(fit, counts, read_out = "context"), "Did you mean `readout`",
    class = "sailer_argument_error"
  )
  expect_error(embed(counts, "mean"), "must be one of")
})

test_that("a token budget chosen for a GPU is not used on a CPU", {
  fit <- small_expresser()
  counts <- small_rna()$counts
  own <- pass_budget(fit, NULL)
  fit$control$token_budget <- 281600
  expect_identical(pass_budget(fit, NULL), 281600)
  fit$device <- "cuda:9999"
  expect_equal(pass_budget(fit, NULL), own)
  expect_equal(pass_budget(fit, 77), 77)
})
