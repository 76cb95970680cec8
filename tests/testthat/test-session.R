# The settings of a session must not change results or file names.

oddly <- function(code) {
  withr::local_options(scipen = -5, digits = 3, OutDec = ",", warn = 2)
  withr::local_collate("C")
  withr::local_seed(9, .rng_kind = "Wichmann-Hill")
  suppressWarnings(RNGkind(sample.kind = "Rounding"))
  force(code)
}

test_that("options and generators of a session change no result", {
  sim <- tiny_simulation()
  lane <- c(0.5, 100000)[as.integer(sim$cells$batch)]
  train <- function() {
    folder <- withr::local_tempdir()
    covariates <- data.frame(lane = factor(lane), dose = sqrt(1:150))
    control <- quick(checkpoint = file.path(folder, "run"), seed = 100000)
    fit <- quick_fit(
      sim$counts, batch = lane, control = control,
      covariates = covariates[2]
    )
    found <- differential_accessibility(
      fit, as.integer(sim$cells$cell_type) * 100000, 100000, 200000,
      n_samples = 1
    )
    runs <- tune_runs(list(0.00001, 100000), "lambda", control, 2)
    list(
      embedding(fit), fit$state, fit$labels, fit$codes, found,
      lapply(runs, function(run) basename(run$options$control$checkpoint)),
      sort(list.files(folder, recursive = TRUE), method = "radix"),
      simulate_rna(20, 30)$counts, impute(fit, n_open = 5)
    )
  }
  expect_identical(oddly(train()), train())
})

test_that("a session's generators are restored", {
  oddly({
    before <- list(RNGkind(), .Random.seed)
    simulate_atac(n_cells = 50, n_peaks = 60)
    expect_identical(list(RNGkind(), .Random.seed), before)
    expect_identical(before[[1]][3], "Rounding")
  })
})
