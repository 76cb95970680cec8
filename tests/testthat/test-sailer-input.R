sim <- tiny_simulation()
counts <- sim$counts

expect_data_error <- function(code, ...) {
  expect_error(code, ..., class = "sailer_data_error")
}

test_that("bad counts are named by cell and peak without crashing R", {
  for (bad in c(NA, NaN, Inf, -1, 0.5)) {
    broken <- counts
    at <- which(broken@x > 0)[5]
    broken@x[at] <- bad
    before <- broken
    cell <- colnames(counts)[findInterval(at - 1, counts@p)]
    expect_data_error(quick_fit(broken), cell, fixed = TRUE)
    expect_identical(broken, before)
  }
})

test_that("cells and peaks that no model can use are named", {
  empty <- counts
  empty[, 4] <- 0
  expect_data_error(quick_fit(empty), colnames(counts)[4], fixed = TRUE)
  closed <- counts
  closed[9, ] <- 0
  expect_data_error(
    quick_fit(closed, min_fraction = 0), rownames(counts)[9],
    fixed = TRUE
  )
  expect_false(rownames(counts)[9] %in% quick_fit(closed)$peaks)
  expect_data_error(quick_fit(counts, min_fraction = 0.99), "min_fraction")
  lonely <- counts
  rare <- which(Matrix::rowMeans(counts > 0) < 0.5)[1]
  lonely[, 2] <- 0
  lonely[rare, 2] <- 1
  expect_data_error(
    quick_fit(lonely, min_fraction = 0.5), colnames(counts)[2],
    fixed = TRUE
  )
})

test_that("names are required", {
  nameless <- counts
  dimnames(nameless) <- list(NULL, NULL)
  expect_data_error(quick_fit(nameless), "names")
  twice <- counts
  colnames(twice)[2] <- colnames(twice)[1]
  expect_data_error(quick_fit(twice), colnames(counts)[1], fixed = TRUE)
  expect_data_error(quick_fit(counts[, 1, drop = FALSE]), "1 cell")
  expect_error(quick_fit("no-such-file.h5"), class = "sailer_file_error")
  expect_error(quick_fit(list(1)), class = "sailer_argument_error")
})

test_that("labels of the wrong length or with NA are named", {
  expect_error(
    quick_fit(counts, batch = c("a", "b")), "150 cells",
    class = "sailer_argument_error"
  )
  expect_error(
    quick_fit(counts, batch = "donor"),
    "but is \"donor\".*cells_metadata\\(cells\\)\\$donor",
    class = "sailer_argument_error"
  )
  batch <- as.character(sim$cells$batch)
  batch[7] <- NA
  expect_data_error(
    quick_fit(counts, batch = batch), colnames(counts)[7],
    fixed = TRUE
  )
  # Of many cells only the first few are named.
  batch[1:50] <- NA
  three <- paste0("\"", colnames(counts)[1:3], "\"", collapse = ",\\s")
  expect_data_error(
    quick_fit(counts, batch = batch),
    paste0("NA for 50 cells:\\s", three, ",\\s(\u2026|\\.\\.\\.)\\.")
  )
  expect_data_error(
    quick_fit(counts, covariates = data.frame(age = c(Inf, 1:149))), "age"
  )
  expect_error(quick_fit(counts, batch = sum), class = "sailer_argument_error")
})

test_that("unknown options are named with the most similar one", {
  expect_error(
    sailer(counts, lamda = 2), "lambda",
    class = "sailer_argument_error"
  )
  expect_error(
    sailer(counts, control = list(epoch = 2)), "epochs",
    class = "sailer_argument_error"
  )
  expect_error(
    sailer(counts, control = 5), "train_control",
    class = "sailer_argument_error"
  )
  expect_error(
    quick_fit(counts, architecture = "cnn"), "chromosome",
    class = "sailer_argument_error"
  )
  expect_error(
    quick_fit(counts, n_latent = 1.5), "n_latent",
    class = "sailer_argument_error"
  )
  expect_error(
    quick_fit(counts, hidden = "many"), "hidden",
    class = "sailer_argument_error"
  )
  expect_error(
    quick_fit(counts, omega = -1), "omega",
    class = "sailer_argument_error"
  )
})

test_that("peaks without chromosomes are refused by that architecture only", {
  nameless <- counts
  rownames(nameless) <- paste0("peak", seq_len(nrow(counts)))
  expect_data_error(
    quick_fit(nameless, architecture = "chromosome"), "peak1"
  )
  expect_s3_class(quick_fit(nameless), "sailer_fit")
})

test_that("a missing GPU is refused by name", {
  skip_if(length(sailer_sitrep()$devices) > 1, "there is a GPU here")
  expect_error(
    quick_fit(counts, control = quick(device = "cuda")),
    class = "sailer_device_error"
  )
  expect_error(
    quick_fit(counts, control = quick(device = "tpu")),
    class = "sailer_argument_error"
  )
})

test_that("a GPU gives the same results as the CPU", {
  skip_if(length(sailer_sitrep()$devices) < 2, "no GPU here")
  cpu <- quick_fit(counts, control = quick(device = "cpu"))
  gpu <- quick_fit(counts, control = quick(device = "cuda"))
  expect_equal(
    gpu$history$reconstruction[1], cpu$history$reconstruction[1],
    tolerance = 0.05
  )
})
