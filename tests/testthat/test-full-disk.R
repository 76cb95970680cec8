# A full disk: existing files stay, and results are returned.
#
# In a separate process, files may not grow beyond a limit (setrlimit), which
# the writing code cannot distinguish from a full disk.

with_full_disk <- function(lines, envir = parent.frame()) {
  skip_on_os(c("windows", "mac"))
  for (program in c("prlimit", "sh")) {
    skip_if(Sys.which(program) == "", paste("there is no", program))
  }
  script <- withr::local_tempfile(fileext = ".R", .local_envir = envir)
  folder <- withr::local_tempdir(.local_envir = envir)
  writeLines(c(
    paste0(".libPaths(", paste(deparse(.libPaths()), collapse = ""), ")"),
    "library(sailer)",
    paste0("folder <- ", deparse(folder)),
    "set_limit <- function(bytes) {",
    "  system2('prlimit', c('--pid', Sys.getpid(), paste0(",
    "    '--fsize=', bytes, ':')))",
    "}",
    "fill <- function() set_limit(2000)",
    "free <- function() set_limit('unlimited')",
    # What a call gives, and what it says.
    "caught <- function(code) tryCatch(code, error = identity)",
    "sim <- simulate_atac(n_cells = 200, n_peaks = 400, n_types = 3, seed = 1)",
    "x <- sim$counts",
    lines, "cat('done\\n')"
  ), script)
  # The signal would kill R; the shell's setting to ignore it is inherited.
  said <- suppressWarnings(system2("sh", c("-c", shQuote(paste(
    "trap '' XFSZ; exec", shQuote(file.path(R.home("bin"), "Rscript")),
    "--vanilla", shQuote(script)
  ))), stdout = TRUE, stderr = TRUE))
  expect_true("done" %in% said, info = said)
  expect_null(attr(said, "status"))  # R ended normally
  said
}

# Fills the disk at the end of an epoch, from within the progress report.
train_until_full <- c(
  "own <- function(epochs) train_control(",
  "  epochs = epochs, warmup = 1, period = 2, frozen = 0, patience = 0,",
  "  learning_rate_decay = 0.995, threads = 1, verbose = FALSE,",
  "  checkpoint = file.path(folder, 'run'), every = 0.5",
  ")",
  "trained <- function(...) sailer(x, hidden = 16, n_latent = 4, ...)",
  "plain <- trained(control = modifyList(",
  "  unclass(own(5)), list(checkpoint = NULL), keep.null = TRUE))",
  "until_full <- function(epoch) {",
  "  plan <- sailer:::prepare_run(",
  "    x, quote(sailer(x)), NULL, NULL,",
  "    list(architecture = 'dense', hidden = 16, n_latent = 4), 0.002, 0.9,",
  "    NULL, own(5))",
  "  sailer:::run_plan(plan$plan, plan$cells, plan$map, report = function(p) {",
  "    if (p$epoch == epoch && p$done >= p$cells) fill()",
  "    NULL",
  "  })",
  "}",
  "warned <- NULL",
  "fit <- withCallingHandlers(until_full(2), warning = function(w) {",
  "  warned <<- w",
  "  invokeRestart('muffleWarning')",
  "})",
  "state <- file.path(folder, 'run', 'state.safetensors')"
)

test_that("training resumes from the fit and from the folder", {
  with_full_disk(c(
    train_until_full,
    "stopifnot(inherits(warned, 'sailer_checkpoint_failed'))",
    "stopifnot(inherits(warned, 'sailer_interrupted'))",
    "said <- conditionMessage(warned)",
    "for (word in c('2 whole epochs', state, 'File too large', 'Free space',",
    "               'resume(fit, x)')) {",
    "  if (!grepl(word, gsub('\\\\s+', ' ', said), fixed = TRUE)) {",
    "    stop(word, ' is not in: ', said)",
    "  }",
    "}",
    "stopifnot(fit$status == 'interrupted', nrow(fit$history) == 2)",
    "stopifnot(dim(embedding(fit)) == c(200, 4))",
    "stopifnot(setequal(list.files(file.path(folder, 'run')),",
    "                   c('run.safetensors', 'state.safetensors')))",
    # Still full: refused before any work, and nothing is lost.
    "again <- caught(resume(fit, x))",
    "stopifnot(inherits(again, 'sailer_file_error'))",
    "free()",
    "stopifnot(identical(embedding(resume(fit, x)), embedding(plain)))",
    "unlink(file.path(folder, 'run'), recursive = TRUE)",
    "fit <- suppressWarnings(until_full(2))",
    "free()",
    "resumed <- resume(file.path(folder, 'run'), x)",
    "stopifnot(identical(embedding(resumed), embedding(plain)))",
    "stopifnot(identical(resumed$status, 'completed'))",
    # An object that holds such a fit continues with it.
    "if (requireNamespace('SingleCellExperiment', quietly = TRUE)) {",
    "  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = x))",
    "  S4Vectors::metadata(sce)$sailer <- list(SAILER = fit)",
    "  sce <- RunSAILER(sce, resume = TRUE)",
    "  found <- SingleCellExperiment::reducedDim(sce, 'SAILER')",
    "  stopifnot(identical(unname(found), unname(embedding(plain))))",
    "}"
  ))
})

test_that("finished training is complete without its last checkpoint", {
  with_full_disk(c(
    sub("until_full(2)", "until_full(5)", train_until_full, fixed = TRUE),
    "stopifnot(inherits(warned, 'sailer_checkpoint_failed'))",
    "stopifnot(!inherits(warned, 'sailer_interrupted'))",
    "stopifnot(grepl('Training finished', conditionMessage(warned)))",
    "stopifnot(identical(fit$status, 'completed'))",
    "stopifnot(identical(embedding(fit), embedding(plain)))",
    "free()",
    "longer <- resume(file.path(folder, 'run'), x)",
    "stopifnot(identical(embedding(longer), embedding(plain)))"
  ))
})

test_that("a failed save leaves no partial file and names the cause", {
  with_full_disk(c(
    "fit <- sailer(x, hidden = 16, n_latent = 4, control = train_control(",
    "  epochs = 2, threads = 1, verbose = FALSE))",
    "old <- file.path(folder, 'old.safetensors')",
    "save_model(fit, old)",
    "before <- tools::md5sum(old)",
    "calls <- list(",
    "  new.safetensors = function(file) save_model(fit, file),",
    "  imputed.h5 = function(file) impute(fit, file = file)",
    ")",
    "fill()",
    "for (name in names(calls)) {",
    "  file <- file.path(folder, name)",
    "  found <- caught(calls[[name]](file))",
    "  stopifnot(inherits(found, 'sailer_file_error'))",
    "  said <- gsub('\\\\s+', ' ', conditionMessage(found))",
    "  stopifnot(grepl(file, said, fixed = TRUE))",
    "  stopifnot(grepl('could not be written', said))",
    "  stopifnot(grepl('File too large|disk full', said))",
    "}",
    "found <- caught(save_model(fit, old, overwrite = TRUE))",
    "stopifnot(inherits(found, 'sailer_file_error'))",
    "stopifnot(identical(list.files(folder), 'old.safetensors'))",
    "stopifnot(identical(tools::md5sum(old), before))",
    "free()",
    "for (name in names(calls)) calls[[name]](file.path(folder, name))",
    "stopifnot(length(list.files(folder)) == 3)"
  ))
})

test_that("a corpus resumes where the disk was full", {
  with_full_disk(c(
    "rna <- simulate_rna(n_cells = 300, n_genes = 200, seed = 1)$counts",
    "parts <- list(a = rna[, 1:150], b = rna[, 151:300])",
    "build <- function(file) build_corpus(parts, file, min_cells = 0,",
    "                                     verbose = FALSE)",
    "whole <- file.path(folder, 'whole.corpus')",
    "build(whole)",
    "file <- file.path(folder, 'stopped.corpus')",
    "for (bytes in c(300, 3000, 20000, file.size(whole) - 10)) {",
    "  set_limit(bytes)",
    "  found <- caught(build(file))",
    "  stopifnot(inherits(found, 'sailer_file_error'))",
    "  said <- gsub('\\\\s+', ' ', conditionMessage(found))",
    "  stopifnot(grepl(file, said, fixed = TRUE), grepl('too large', said))",
    "}",
    "free()",
    "build(file)",
    "stopifnot(tools::md5sum(file) == tools::md5sum(whole))",
    # What expresser() makes on the way is gone again.
    "set_limit(300)",
    "found <- caught(expresser(rna))",
    "free()",
    "stopifnot(inherits(found, 'sailer_file_error'))",
    "stopifnot(length(list.files(tempdir(), 'corpus-')) == 0)"
  ))
})
