# Child processes of fork(): parallel::mclapply() and BiocParallel's
# MulticoreParam.

# LibTorch 2 refuses to train in a child of a process that has trained, and so
# does every LibTorch with GPU support. In these cases, and only then,
# `may_train()` returns NULL.
may_train <- c(
  "may_train <- function(code) tryCatch(code, sailer_process_error = refused)",
  "refused <- function(e) {",
  "  found <- sailer_sitrep()",
  "  version <- sub('[^0-9.].*', '', found$libtorch$version)",
  "  stopifnot(",
  "    grepl('cannot train', conditionMessage(e)),",
  "    found$gpu_support || numeric_version(version) >= '2'",
  "  )",
  "  NULL",
  "}"
)

# The output of a process that first computes with two threads and then forks.
# `lines` can use `fit`, `x`, `ctl`, and `expected`, the result of one thread.
after_two_threads <- function(lines, log, envir = parent.frame()) {
  start_child(c(
    "library(sailer)", may_train,
    "sim <- simulate_atac(300, 2000, n_types = 3, seed = 1)",
    "x <- sim$counts",
    "ctl <- function(n) {",
    "  train_control(epochs = 2, threads = n, verbose = FALSE)",
    "}",
    "expected <- sailer(x, n_latent = 16, control = ctl(1))",
    "fit <- sailer(x, n_latent = 16, control = ctl(2))",
    "stopifnot(dim(predict(fit, x)) == c(300, 16))",
    lines, "cat('done\\n')"
  ), log, envir = envir)
}

ends_in_time <- function(child, log, seconds = 120) {
  child$wait(seconds * 1000)
  hangs <- child$is_alive()
  if (hangs) child$kill_tree()
  expect_false(hangs)
  said <- readLines(log, warn = FALSE)
  expect_identical(child$get_exit_status(), 0L, info = said)
  expect_true("done" %in% said, info = said)
  said
}

test_that("children of a parent with two threads compute with one", {
  log <- withr::local_tempfile()
  child <- after_two_threads(c(
    "r <- parallel::mclapply(1:2, function(k) {",
    "  made <- may_train(sailer(x, n_latent = 16, control = ctl(2)))",
    "  list(",
    "    predict(fit, x), impute(fit, cells = 'batch1_cell1'),",
    "    batch_mixing(embedding(fit), sim$cells$batch),",
    "    made = if (!is.null(made)) list(embedding(made), predict(made, x))",
    "  )",
    "}, mc.cores = 2)",
    "print(Filter(is.character, r))  # errors of the children",
    "for (one in r) stopifnot(",
    "  is.list(one),",
    "  isTRUE(all.equal(one[[1]], embedding(fit), tolerance = 1e-4)),",
    "  isTRUE(all.equal(one[[2]], impute(fit, cells = 'batch1_cell1')))",
    ")",
    "for (made in lapply(r, `[[`, 'made')) if (!is.null(made)) stopifnot(",
    "  identical(made[[1]], embedding(expected)),",
    "  isTRUE(all.equal(made[[2]], embedding(expected), tolerance = 1e-4))",
    ")",
    "stopifnot(sailer_sitrep()$threads > 0)",
    "again <- predict(fit, x)  # and the parent continues"
  ), log)
  said <- ends_in_time(child, log)
  reported <- sum(grepl("sailer uses only one", said))
  expect_identical(reported, 2L, info = said)
})

test_that("Expresser and its corpus work in children", {
  log <- withr::local_tempfile()
  child <- start_child(c(
    "library(sailer)", may_train,
    "rna <- simulate_rna(n_cells = 150, n_genes = 120, seed = 1)$counts",
    "make <- function(n) expresser(",
    "  rna, n_embedding = 16, n_layers = 2, control = pretrain_control(",
    "    epochs = 2, threads = n, verbose = FALSE)",
    ")",
    "expected <- make(1)",
    "fit <- make(2)",
    "r <- parallel::mclapply(1:2, function(k) {",
    "  list(",
    "    predict(fit, rna, verbose = FALSE),",
    "    may_train(gene_embeddings(make(2))),",
    "    impute(fit, rna, rownames(rna)[1:3], verbose = FALSE)",
    "  )",
    "}, mc.cores = 2)",
    "whole <- predict(fit, rna, verbose = FALSE)",
    "for (one in r) stopifnot(",
    "  is.list(one), isTRUE(all.equal(one[[1]], whole, tolerance = 1e-4)),",
    "  is.null(one[[2]]) || identical(one[[2]], gene_embeddings(expected)),",
    "  nrow(one[[3]]) == 3",
    ")",
    "cat('done\\n')"
  ), log)
  ends_in_time(child, log)
})

test_that("children stream from a file, each with its own position", {
  log <- withr::local_tempfile()
  child <- after_two_threads(c(
    "h <- system.file('extdata', 'tiny-10x.h5', package = 'sailer')",
    "h <- open_cells(h)",
    "own <- sailer(h, min_fraction = 0, control = ctl(1))",
    "two <- sailer(h, min_fraction = 0, control = ctl(2))",
    "r <- parallel::mclapply(1:4, function(k) {",
    "  made <- may_train(sailer(h, min_fraction = 0, control = ctl(2)))",
    "  list(predict(own, h), if (!is.null(made)) embedding(made))",
    "}, mc.cores = 2)",
    "for (one in r) stopifnot(",
    "  isTRUE(all.equal(one[[1]], embedding(own), tolerance = 1e-4)),",
    "  is.null(one[[2]]) || identical(one[[2]], embedding(own))",
    ")"
  ), log)
  ends_in_time(child, log)
})

test_that("MulticoreParam's workers can compute", {
  skip_if_not_installed("BiocParallel")
  log <- withr::local_tempfile()
  child <- after_two_threads(c(
    "r <- BiocParallel::bplapply(1:2, function(k) predict(fit, x),",
    "  BPPARAM = BiocParallel::MulticoreParam(2))",
    "for (one in r) stopifnot(",
    "  isTRUE(all.equal(one, embedding(fit), tolerance = 1e-4)))"
  ), log)
  ends_in_time(child, log)
})

test_that("a process that was not forked keeps its threads", {
  expect_false(core_is_forked())
  old <- core_get_threads()
  withr::defer(core_set_threads(old))
  core_set_threads(3L)
  expect_identical(core_get_threads(), 3L)
  expect_no_message(with_threads(2, 1))
  skip_on_os("windows")
  in_child <- parallel::mclapply(1:2, function(k) {
    core_set_threads(3L)
    notes <- 0
    withCallingHandlers(
      for (n in 1:2) with_threads(2, core_get_threads()),
      sailer_note = function(cnd) {
        notes <<- notes + 1
        rlang::cnd_muffle(cnd)
      }
    )
    c(core_is_forked(), core_get_threads(), notes)
  }, mc.cores = 2)
  expect_identical(in_child, list(c(1, 1, 1), c(1, 1, 1)))
  expect_identical(core_get_threads(), 3L)
})
