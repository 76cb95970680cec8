# A label means the same regardless of its type: the results have the same bits.

test_that("labels are sorted by their text, identically in every locale", {
  level <- function(values, n = length(values)) {
    cells <- paste0("c", seq_len(3 * n))
    found <- quietly(
      collect_confounders(rep(values, each = 3), NULL, cells)$labels[[1]]
    )
    list(levels = found$levels, codes = found$codes)
  }
  expect_identical(level(c("b", "a"))$levels, c("a", "b"))
  expect_identical(level(c("b", "a"))$codes, rep(2:1, each = 3))
  expect_identical(level(c("b", "B", "a", "_"))$levels, c("B", "_", "a", "b"))
  expect_identical(level(c(10, 9, 1e5))$levels, c("10", "100000", "9"))
  same <- level(c("10", "9", "100000"))
  expect_identical(level(c(10, 9, 1e5)), same)
  expect_identical(level(c(10L, 9L, 100000L)), same)
  expect_identical(level(factor(c(10, 9, 100000L))[1:2])$levels, c("10", "9"))
  expect_identical(
    level(factor(c("10", "9", "100000"), c("9", "zz", "100000", "10"))), same
  )
  expect_identical(level(c(TRUE, FALSE))$levels, c("FALSE", "TRUE"))
  expect_identical(level(c(-0.5, 0, 2))$levels, c("-0.5", "0", "2"))
  # The same character in two encodings.
  latin <- c("\xe9", "z")
  Encoding(latin) <- "latin1"
  expect_identical(level(latin), level(c("\u00e9", "z")))
})

test_that("batches of every type give the same bits", {
  sim <- tiny_simulation()
  number <- 3 - as.integer(sim$cells$batch)  # reverses the order of the levels
  f <- function(batch, ...) {
    fit <- quick_fit(sim$counts, batch = batch, ...)
    list(embedding(fit), fit$state, fit$labels, fit$codes)
  }
  expected <- f(as.character(number))
  expect_identical(f(number), expected)
  expect_identical(f(as.integer(number)), expected)
  expect_identical(f(factor(number)), expected)
  expect_identical(f(factor(number, c(2, 7, 1))), expected)
  expect_identical(f(factor(number, ordered = TRUE)), expected)
  expect_identical(f(data.frame(batch = number)), expected)
  skip_if_not_installed("S4Vectors")
  expect_identical(f(S4Vectors::Rle(number)), expected)
  expect_identical(f(S4Vectors::Rle(factor(number, c(2, 7, 1)))), expected)
})

test_that("covariates of every type give the same bits, in sailerx() too", {
  sim <- small_multiome()
  label <- rep(c("x2", "x1", "x10"), 40)
  f <- function(covariate) {
    fit <- brief_sailerx(sim, covariates = data.frame(lane = covariate))
    list(embedding(fit), fit$labels, fit$codes)
  }
  expected <- f(label)
  expect_identical(expected[[2]]$lane, c("x1", "x10", "x2"))
  expect_identical(f(factor(label, c("x2", "none", "x10", "x1"))), expected)
})

test_that("objects and queries identify labels by their text", {
  sim <- tiny_simulation()
  number <- 3 - as.integer(sim$cells$batch)
  fit <- quick_fit(sim$counts, batch = number)
  ask <- function(batch) {
    quietly(map_query(fit, sim$counts[, 1:40], batch = batch))$batches
  }
  expected <- ask(as.character(number[1:40]))
  expect_true(all(expected$known))
  expect_identical(ask(factor(number[1:40], c(2, 1))), expected)
  expect_identical(ask(number[1:40]), expected)
  expect_identical(
    impute(fit, cells = "batch1_cell1", batch = 1),
    impute(fit, cells = "batch1_cell1", batch = "1")
  )
  skip_if_not_installed("SingleCellExperiment")
  expect_identical(ask(S4Vectors::Rle(number[1:40])), expected)
  run <- function(batch) {
    sce <- SingleCellExperiment::SingleCellExperiment(
      list(counts = sim$counts), colData = S4Vectors::DataFrame(batch = batch)
    )
    SingleCellExperiment::reducedDim(RunSAILER(
      sce, batch = "batch", hidden = c(16, 8), control = quick()
    ), "SAILER")
  }
  expect_identical(run(factor(number, c(2, 7, 1))), embedding(fit))
  expect_identical(run(S4Vectors::Rle(number)), embedding(fit))
})

test_that("run-length encoded labels are accepted everywhere", {
  skip_if_not_installed("S4Vectors")
  sim <- tiny_simulation()
  z <- embedding(quick_fit(sim$counts))
  runs <- S4Vectors::Rle(as.character(sim$cells$batch))
  expect_identical(
    batch_mixing(z, runs, k = 10),
    batch_mixing(z, as.character(sim$cells$batch), k = 10)
  )
  expect_identical(
    transfer_labels(z, runs, z[1:5, ] + 0.01, k = 5)$scores,
    transfer_labels(
      z, as.character(sim$cells$batch), z[1:5, ] + 0.01, k = 5
    )$scores
  )
})

# A run with levels in another order, as written by earlier versions.
train_otherwise <- function(sim, epochs, folder = NULL) {
  batch <- as.character(sim$cells$batch)
  run <- prepare_run(
    sim$counts, quote(sailer(x)), batch, NULL,
    list(architecture = "dense", hidden = c(16, 8)), 0.01, 0.9, NULL,
    lasting(epochs, folder)
  )
  label <- list(name = "batch", levels = rev(sort(unique(batch))))
  run$plan$confounders <- with_levels_of(
    run$plan$confounders, list(labels = list(label))
  )
  run_plan(run$plan, run$cells, run$map)
}

# The schedule does not depend on the number of epochs.
lasting <- function(epochs, folder = NULL) {
  quick(epochs = epochs, warmup = 1, period = 2, checkpoint = folder)
}

test_that("a run started with another order of levels resumes with it", {
  sim <- tiny_simulation()
  folder <- withr::local_tempfile(pattern = "checkpoint-")
  train_otherwise(sim, 2, folder)
  whole <- train_otherwise(sim, 4)
  expect_message(
    again <- quick_fit(
      sim$counts, batch = sim$cells$batch, control = lasting(4, folder)
    ),
    "Continuing from"
  )
  expect_identical(again$labels$batch, c("batch2", "batch1"))
  expect_identical(again$codes, whole$codes)
  expect_identical(embedding(again), embedding(whole))
  expect_identical(again$state, whole$state)
  anew <- quick_fit(
    sim$counts, batch = sim$cells$batch, control = lasting(4)
  )
  expect_identical(anew$labels$batch, c("batch1", "batch2"))
  expect_false(identical(embedding(anew), embedding(whole)))
})

test_that("a fit keeps its order of levels and finds batches by name", {
  sim <- tiny_simulation()
  fit <- train_otherwise(sim, 3)
  file <- withr::local_tempfile(fileext = ".h5")
  save_model(fit, file)
  loaded <- load_model(file)
  expect_identical(loaded$labels$batch, c("batch2", "batch1"))
  first <- sim$cells$batch == "batch1"
  query <- quietly(map_query(
    loaded, sim$counts[, first], batch = factor(sim$cells$batch[first])
  ))
  expect_true(query$batches$known)
  expect_identical(colnames(query$likelihoods), c("batch2", "batch1"))
  expect_identical(
    impute(loaded, batch = "batch2"),
    decode_block(
      loaded, training_means(loaded),
      matrix(c(0, 1, 0), 1), seq_along(loaded$peaks)
    ),
    ignore_attr = TRUE
  )
})
