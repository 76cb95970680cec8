test_that("a fit describes its data and options", {
  fit <- small_expresser()
  expect_s3_class(fit, "expresser_fit")
  expect_equal(nrow(fit$history), 3)
  expect_true(all(is.finite(as.matrix(fit$history))))
  expect_equal(fit$n_cells, 80)
  expect_equal(fit$options$n_embedding, 8)
  expect_equal(fit$control$epochs, 3)
  expect_equal(length(fit$validation_cells), 4)
  expect_output(print(fit), "1 layer, 60 genes x 8 dimensions")
  expect_output(print(summary(fit)), "mask_ratio +0.3")
  expect_output(print(summary(fit)), "Sources:.*80")
})

test_that("the same seed gives the same bits, another seed others", {
  again <- train_expresser()
  expect_identical(again$state, small_expresser()$state)
  other <- train_expresser(control = brief_pretraining(seed = 2))
  expect_false(identical(other$state, small_expresser()$state))
})

test_that("training is better than gene means on held-out cells", {
  sim <- simulate_rna(n_cells = 400, n_genes = 60, seed = 3)
  fit <- train_expresser(
    sim$counts,
    n_embedding = 32,
    control = brief_pretraining(epochs = 80, learning_rate = 0.003)
  )
  # The same masked values on average: all non-zeros of the held-out cells.
  kept <- fit$validation_cells
  values <- log_normal(sim$counts)
  positive <- as.matrix(sim$counts) > 0
  train <- values[, -kept]
  mean <- rowSums(train) / rowSums(positive[, -kept])
  baseline <- mean((values[, kept] - mean)[positive[, kept]]^2)
  expect_lt(tail(fit$history$validation_loss, 1), 0.85 * baseline)
})

test_that("every container and a corpus give the same fit", {
  counts <- small_rna()$counts
  state <- small_expresser()$state
  expect_identical(train_expresser(as.matrix(counts))$state, state)
  path <- tempfile(fileext = ".corpus")
  corpus <- quietly(build_corpus(counts, path, verbose = FALSE))
  expect_identical(train_expresser(corpus)$state, state)
  expect_identical(train_expresser(path)$state, state)
  two <- train_expresser(list(a = counts[, 1:30], b = counts[, 31:80]))
  expect_identical(two$state, state)
  expect_equal(two$sources$name, c("a", "b"))
  expect_true(file.exists(path))
})

test_that("no temporary corpus is left behind", {
  before <- list.files(tempdir(), "corpus")
  train_expresser(control = brief_pretraining(epochs = 1))
  try(train_expresser(n_bins = 0), silent = TRUE)
  broken <- small_rna()$counts
  broken[3, 2] <- -1
  try(train_expresser(broken), silent = TRUE)
  expect_equal(list.files(tempdir(), "corpus"), before)
})

test_that("the size depends on the number of cells", {
  expect_equal(size_for(1e5), "small")
  expect_equal(size_for(2e5), "full")
  expect_equal(small_expresser()$options$size, "small")
  full <- core_expresser_options(list(size = "full"))
  expect_equal(
    full[c("n_embedding", "n_layers", "n_heads", "feed_forward", "max_genes")],
    list(
      n_embedding = 200, n_layers = 12, n_heads = 4, feed_forward = 800,
      max_genes = 1100
    ),
    ignore_attr = TRUE
  )
  post <- core_expresser_options(list(size = "full", layout = "post_norm"))
  expect_equal(post$feed_forward, 2048)
})

test_that("two arguments give the model of the thesis", {
  thesis <- train_expresser(token_start = "random", expression = "binned")
  expect_null(thesis$state[["genes.components"]])
  expect_null(thesis$state[["genes.level"]])
  expect_equal(attr(thesis$state[["genes.weight"]], "shape"), c(60, 8))
  # Fits from before the two options existed are such models.
  old <- thesis
  old$options[c("token_start", "expression")] <- NULL
  old$cache <- new.env()
  counts <- small_rna()$counts
  expect_identical(
    predict(old, counts, verbose = FALSE),
    predict(thesis, counts, verbose = FALSE)
  )
  control <- brief_pretraining(epochs = 1)
  expect_identical(
    quietly(expresser(counts, from = old, control = control))$state,
    quietly(expresser(counts, from = thesis, control = control))$state
  )
})

test_that("a linear start gives a lower loss after a few epochs", {
  sim <- simulate_rna(n_cells = 400, n_genes = 60, seed = 3)
  train <- function(...) {
    fit <- train_expresser(
      sim$counts, ..., n_embedding = 32,
      control = brief_pretraining(epochs = 8, learning_rate = 0.003)
    )
    tail(fit$history$validation_loss, 1)
  }
  both <- train()
  components <- train(expression = "binned")
  counts <- train(token_start = "random")
  neither <- train(token_start = "random", expression = "binned")
  expect_lt(components, 0.9 * neither)
  expect_lt(counts, 0.9 * neither)
  expect_lt(both, 0.9 * counts)
})

test_that("fine-tuning starts from a fit and keeps its genes", {
  fit <- small_expresser()
  counts <- small_rna()$counts
  tuned <- quietly(expresser(
    counts[1:40, ],
    from = fit, control = brief_pretraining(epochs = 1, learning_rate = 1e-9)
  ))
  expect_equal(tuned$genes, fit$genes)
  expect_equal(gene_embeddings(tuned), gene_embeddings(fit), tolerance = 1e-5)
  moved <- quietly(expresser(
    counts,
    from = fit, mask_ratio = 0.5, control = brief_pretraining(epochs = 1)
  ))
  expect_equal(moved$options$mask_ratio, 0.5)
  expect_false(identical(moved$state, fit$state))
  expect_error(
    expresser(counts, from = fit, n_layers = 2),
    "`n_layers` cannot be set", class = "sailer_argument_error"
  )
})

test_that("a corpus with other genes is mapped to those of the fit", {
  fit <- small_expresser()
  counts <- small_rna()$counts
  turned <- quietly(build_corpus(
    counts[60:1, ], tempfile(fileext = ".corpus"), verbose = FALSE
  ))
  control <- brief_pretraining(epochs = 1)
  same <- quietly(expresser(counts, from = fit, control = control))
  again <- quietly(expresser(turned, from = fit, control = control))
  expect_identical(again$state, same$state)
})

test_that("bad options and counts are refused by name", {
  counts <- small_rna()$counts
  refused <- function(..., what) {
    expect_error(
      train_expresser(counts, ...), what, class = "sailer_argument_error"
    )
  }
  refused(mask_ratio = 1, what = "mask_ratio")
  refused(max_genes = 1, what = "max_genes")
  refused(n_embedding = 7, what = "multiple of `n_heads`")
  refused(layout = "none", what = "pre_norm")
  refused(token_start = "zeros", what = "components")
  refused(expression = "none", what = "binned")
  refused(decoder = "yes", what = "decoder")
  refused(n_embeding = 8, what = "Did you mean")
  refused(from = 1, what = "from")
  expect_error(
    pretrain_control(clip = -1), "clip", class = "sailer_argument_error"
  )
  expect_error(
    expresser(counts, control = train_control()), "pretrain_control",
    class = "sailer_argument_error"
  )
  expect_error(
    train_expresser(counts[, 1, drop = FALSE]), class = "sailer_data_error"
  )
  counts[3, 2] <- -1
  expect_error(train_expresser(counts), "gene3", class = "sailer_data_error")
  lonely <- Matrix::sparseMatrix(
    i = 1:3, j = 1:3, x = 1,
    dimnames = list(paste0("g", 1:3), paste0("c", 1:3))
  )
  expect_error(
    train_expresser(lonely, min_cells = 1), "at least 2 genes",
    class = "sailer_data_error"
  )
})

test_that("after Ctrl-C a run resumes with the same bits", {
  skip_if_not_installed("withr")
  counts <- small_rna()$counts
  folder <- withr::local_tempfile()
  control <- function(...) brief_pretraining(epochs = 100, ...)
  part <- after_ctrl_c({
    sim <- simulate_rna(n_cells = 80, n_genes = 60, seed = 1)
    tryCatch(
      expresser(
        sim$counts, n_embedding = 8, n_layers = 1, n_heads = 2, epochs = 100,
        batch_size = 16, patience = 0, threads = 1, checkpoint = folder,
        every = 0.25
      ),
      interrupt = function(cnd) get_fit()
    )
  }, "Epoch 1/", folder = folder)$value
  expect_equal(part$status, "interrupted")
  expect_lt(nrow(part$history), 100)
  whole <- train_expresser(control = control())
  from_fit <- quietly(resume(part, counts, verbose = FALSE, checkpoint = NULL))
  from_folder <- quietly(resume(folder, counts, verbose = FALSE))
  expect_identical(from_folder$state, whole$state)
  expect_identical(from_fit$state, whole$state)
  timeless <- setdiff(names(whole$history), c("seconds", "cells_per_second"))
  expect_identical(from_folder$history[timeless], whole$history[timeless])
  expect_error(
    resume(folder, counts[, 80:1]), "does not have the counts",
    class = "sailer_data_error"
  )
  expect_error(resume(whole, counts), "completed")
  expect_error(
    resume(folder, counts, n_bins = 3), class = "sailer_argument_error"
  )
  expect_error(
    train_expresser(
      mask_ratio = 0.4, control = control(checkpoint = folder, every = 0.25)
    ),
    "mask_ratio", class = "sailer_file_error"
  )
})

test_that("if training diverges, the cells are named", {
  expect_error(
    train_expresser(
      expression = "binned", control = brief_pretraining(learning_rate = 1e30)
    ),
    "source 1: [0-9]+", class = "sailer_numeric_error"
  )
})

test_that("fits are saved and loaded like those of sailer()", {
  fit <- small_expresser()
  path <- tempfile(fileext = ".h5")
  save_model(fit, path)
  again <- load_model(path)
  expect_identical(gene_embeddings(again), gene_embeddings(fit))
  expect_equal(again$history, fit$history)
  counts <- small_rna()$counts
  expect_identical(
    predict(again, counts), predict(fit, counts)
  )
  rds <- tempfile(fileext = ".rds")
  saveRDS(fit, rds)
  expect_identical(
    predict(readRDS(rds), counts), predict(fit, counts)
  )
})

test_that("a token budget halved for lack of memory is reported and kept", {
  expect_message(
    used <- note_budget(8192L, 2048), "8192.*reduced.*2048",
    class = "sailer_note"
  )
  expect_identical(used, 2048)
  expect_silent(used <- note_budget(4096L, 4096))
  expect_identical(used, 4096L)
})
