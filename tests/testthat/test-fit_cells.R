skip_if_not_installed("withr")

sim <- small_simulation()

short_run <- function(object, ..., control = brief_control()) {
  RunSAILER(object, batch = "batch", hidden = 16, n_latent = 4,
            control = control, ...)
}

test_that("RunSAILER resumes from a checkpoint and restores the embedding", {
  skip_if_not_installed("SeuratObject")
  folder <- withr::local_tempfile(pattern = "checkpoint-")
  control <- brief_control()
  control$checkpoint <- folder
  object <- small_seurat(sim)
  done <- short_run(object, control = control)
  resumed <- RunSAILER(object, resume = folder, epochs = 5)
  expect_identical(nrow(get_fit(resumed)$history), 5L)
  expect_equal(
    SeuratObject::Embeddings(resumed, "sailer"),
    predict(get_fit(resumed), sim$counts), tolerance = 1e-5
  )
  expect_false(identical(get_fit(done)$state, get_fit(resumed)$state))
  expect_error(
    RunSAILER(object, resume = folder, control = control), "control",
    class = "sailer_argument_error"
  )
  expect_error(
    RunSAILER(object, resume = TRUE), "RunSAILER",
    class = "sailer_argument_error"
  )
  expect_error(
    RunSAILER(done, resume = TRUE), "cannot be continued",
    class = "sailer_argument_error"
  )
})

test_that("training of a SingleCellExperiment can be resumed as well", {
  skip_if_not_installed("SingleCellExperiment")
  folder <- withr::local_tempfile(pattern = "checkpoint-")
  control <- brief_control()
  control$checkpoint <- folder
  object <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  short_run(object, control = control)
  resumed <- RunSAILER(object, resume = folder, epochs = 4)
  fit <- get_fit(resumed)
  expect_identical(nrow(fit$history), 4L)
  expect_equal(
    SingleCellExperiment::reducedDim(resumed, "SAILER"),
    predict(fit, sim$counts), tolerance = 1e-5
  )
})

test_that("a fit without an embedding gets one, or is kept without it", {
  fit <- brief_sailer(sim$counts)
  bare <- fit
  bare$embedding <- NULL
  cells <- as_cells(sim$counts)
  expect_message(whole <- complete_embedding(bare, cells), "Embedding")
  expect_equal(whole$embedding, fit$embedding, tolerance = 1e-6)
  expect_error(embedding(bare), "resume", class = "sailer_argument_error")

  skip_if_not_installed("SeuratObject")
  object <- small_seurat(sim)
  SeuratObject::Misc(object, "sailer") <- list(sailer = bare)
  expect_null(get_fit(object)$embedding)
})
