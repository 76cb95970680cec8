sim <- tiny_simulation()
counts <- sim$counts
batch <- sim$cells$batch

train <- function(x = counts, ..., epochs = 6, hidden = 8) {
  sailer(x,
    batch = batch, hidden = hidden, n_latent = 3,
    control = quick(epochs = epochs, batch_size = 20, ...)
  )
}

new_folder <- function(envir = parent.frame()) {
  withr::local_tempfile(pattern = "checkpoint-", .local_envir = envir)
}

# Everything that training determines; the clock and the paths differ between
# runs.
learned <- function(fit) {
  history <- fit$history
  history[c("seconds", "cells_per_second")] <- NULL
  list(fit$state, embedding(fit), history, fit$best_epoch, fit$scaling)
}

whole <- train()

test_that("checkpoints, and resuming a finished run, change no result", {
  skip_if_not_installed("withr")
  folder <- new_folder()
  fit <- train(checkpoint = folder, every = 0.3)
  expect_identical(learned(fit), learned(whole))
  expect_setequal(list.files(folder), c("run.safetensors", "state.safetensors"))
  again <- resume(folder, counts)
  expect_identical(learned(again), learned(whole))
  expect_identical(again$status, "completed")
  expect_identical(again$labels, whole$labels)
  expect_identical(again$peaks, whole$peaks)
})

test_that("a finished run can be resumed with more epochs", {
  skip_if_not_installed("withr")
  folder <- new_folder()
  # The schedule must not depend on the number of epochs.
  train(checkpoint = folder, epochs = 3, warmup = 1, period = 2)
  longer <- resume(folder, counts, epochs = 6)
  expect_identical(
    learned(longer), learned(train(warmup = 1, period = 2))
  )
})

test_that("the same call resumes where it stopped; others are refused", {
  skip_if_not_installed("withr")
  folder <- new_folder()
  train(checkpoint = folder, epochs = 3, warmup = 1, period = 2)
  expect_message(
    fit <- train(checkpoint = folder, warmup = 1, period = 2), "Continuing from"
  )
  expect_identical(learned(fit), learned(train(warmup = 1, period = 2)))
  before <- tools::md5sum(list.files(folder, full.names = TRUE))
  expect_error(
    train(checkpoint = folder, warmup = 1, period = 2, seed = 2), "seed",
    class = "sailer_file_error"
  )
  expect_error(
    train(checkpoint = folder, hidden = 9, warmup = 1, period = 2), "hidden",
    class = "sailer_file_error"
  )
  expect_error(
    train(counts[, 150:1], checkpoint = folder, warmup = 1, period = 2),
    "cells", class = "sailer_file_error"
  )
  expect_identical(tools::md5sum(list.files(folder, full.names = TRUE)), before)
})

test_that("other counts, options and folders are refused by name", {
  skip_if_not_installed("withr")
  folder <- new_folder()
  train(checkpoint = folder, epochs = 2)
  expect_error(resume(folder), "counts", class = "sailer_argument_error")
  expect_error(
    resume(folder, counts[, -1]), "149 cells", class = "sailer_data_error"
  )
  expect_error(
    resume(folder, counts[, 150:1]), "order", class = "sailer_data_error"
  )
  expect_error(
    resume(folder, counts[-(1:50), ]), "peaks of the model",
    class = "sailer_data_error"
  )
  other <- counts
  other[whole$peaks[1:30], 7] <- 1
  expect_error(
    resume(folder, other), colnames(counts)[7],
    fixed = TRUE, class = "sailer_data_error"
  )
  # Peaks may be in another order.
  expect_identical(
    learned(resume(folder, counts[rev(rownames(counts)), ])),
    learned(train(epochs = 2))
  )
  expect_error(
    resume(folder, counts, seed = 3), "seed", class = "sailer_argument_error"
  )
  expect_error(
    resume(folder, counts, learning_rat = 3), "learning_rate",
    class = "sailer_argument_error"
  )
  expect_error(
    resume(tempdir(), counts), "no checkpoint", class = "sailer_file_error"
  )
  expect_error(
    resume("/no/such/folder", counts), "no folder",
    class = "sailer_file_error"
  )
  expect_error(resume(whole, counts), "checkpoint",
               class = "sailer_argument_error")
  expect_error(resume(3, counts), "folder", class = "sailer_argument_error")
})

test_that("a damaged or foreign checkpoint is an error that names the file", {
  skip_if_not_installed("withr")
  folder <- new_folder()
  train(checkpoint = folder, epochs = 2)
  for (name in c("run.safetensors", "state.safetensors")) {
    path <- file.path(folder, name)
    bytes <- readBin(path, "raw", file.size(path))
    for (at in c(10, 700, length(bytes) %/% 2)) {
      spoilt <- bytes
      spoilt[at] <- xor(spoilt[at], as.raw(255))
      writeBin(spoilt, path)
      expect_error(resume(folder, counts), name, class = "sailer_file_error")
    }
    writeBin(bytes[seq_len(length(bytes) %/% 2)], path)
    expect_error(resume(folder, counts), name, class = "sailer_file_error")
    writeBin(bytes, path)
  }
  expect_identical(learned(resume(folder, counts)), learned(train(epochs = 2)))
})

test_that("a run from before `mixing` existed resumes without it", {
  goes_on <- function(change) {
    folder <- new_folder()
    sailer(
      counts,
      batch = batch, hidden = 8, n_latent = 3, mixing = 0,
      control = quick(
        epochs = 2, batch_size = 20, frozen = 0, warmup = 0, checkpoint = folder
      )
    )
    plan <- read_plan(folder)
    plan$options <- change(plan$options)
    write_plan(plan, folder)
    resume(folder, counts, epochs = 3)$state
  }
  without <- goes_on(identity)
  expect_identical(goes_on(function(x) x[names(x) != "mixing"]), without)
  expect_false(identical(
    goes_on(function(x) utils::modifyList(x, list(mixing = 50))), without
  ))
})

test_that("a checkpoint of sailer 0.1.0 can be resumed", {
  skip_if_not_installed("withr")
  folder <- file.path(withr::local_tempdir(), "checkpoint-1")
  dir.create(folder)
  old <- test_path("fixtures", "models", "checkpoint-1")
  file.copy(list.files(old, full.names = TRUE), folder)
  cells <- open_cells(tiny_path("tiny-10x.h5"))
  as_left <- resume(folder, cells, threads = 1)
  expected <- as.matrix(read.csv(paste0(old, ".csv"), row.names = "cell"))
  expect_equal(training_means(as_left), expected, tolerance = 1e-5)
  longer <- resume(folder, cells, epochs = 4, threads = 1)
  expect_identical(nrow(longer$history), 4L)
  expect_identical(longer$history[1:2, ], as_left$history)
  # From then on it has the format of this version.
  expect_setequal(
    list.files(folder),
    c("run.h5", "state.h5", "run.safetensors", "state.safetensors")
  )
  expect_identical(learned(resume(folder, cells)), learned(longer))
})

test_that("an unwritable folder is reported before training", {
  skip_if_not_installed("withr")
  expect_error(
    train(checkpoint = "/proc/sailer"), "/proc/sailer",
    class = "sailer_file_error"
  )
  expect_error(train(checkpoint = 3), "checkpoint",
               class = "sailer_argument_error")
  expect_error(train(checkpoint = new_folder(), every = 0), "every",
               class = "sailer_argument_error")
})

test_that("SIGKILL at random moments: resumed runs end with the same bits", {
  skip_if_not_installed("withr")
  skip_if_not_installed("rhdf5")
  file <- withr::local_tempfile(fileext = ".h5")
  write_tenx(as.matrix(counts), file = file)
  for (source in c("memory", "file")) {
    folder <- new_folder()
    result <- withr::local_tempfile(fileext = ".rds")
    log <- withr::local_tempfile()
    lines <- c(
      sprintf("source <- %s; folder <- %s; result <- %s; file <- %s",
              deparse(source), deparse(folder), deparse(result),
              deparse(file)),
      'library(sailer)
       sim <- simulate_atac(
         n_cells = 150, n_peaks = 400, n_types = 3, n_batches = 2, depth = 60,
         seed = 11
       )
       x <- if (source == "file") open_cells(file) else sim$counts
       fit <- sailer(x,
         batch = sim$cells$batch, hidden = 8, n_latent = 3,
         control = train_control(
           epochs = 300, batch_size = 20, verbose = FALSE, threads = 1,
           patience = 0, checkpoint = folder, every = 0.2
         )
       )
       saveRDS(fit, result)'
    )
    kills <- 0
    repeat {
      child <- start_child(lines, log)
      # The first kills happen after something was saved, later ones at any
      # time.
      if (kills < 6) {
        child_saved(folder, child)
        Sys.sleep(stats::runif(1, 0, 0.6))
        if (child$is_alive()) {
          child$signal(9L)
          kills <- kills + 1
        }
      }
      child$wait(120000)
      if (file.exists(result)) break
    }
    expect_gte(kills, 3)
    x <- if (source == "file") open_cells(file) else counts
    expected <- sailer(x,
      batch = batch, hidden = 8, n_latent = 3,
      control = usual(epochs = 300, batch_size = 20, patience = 0)
    )
    expect_identical(learned(readRDS(result)), learned(expected))
  }
})

test_that("Ctrl-C keeps the fit, which resumes with the same bits", {
  fit <- after_ctrl_c({
    sim <- simulate_atac(
      n_cells = 150, n_peaks = 400, n_types = 3, n_batches = 2, depth = 60,
      seed = 11
    )
    tryCatch(
      sailer(
        sim$counts, batch = sim$cells$batch, hidden = 8, n_latent = 3,
        epochs = 2000, batch_size = 20, threads = 1, patience = 0
      ),
      interrupt = function(cnd) get_fit()
    )
  }, "Epoch 1/")$value
  expect_identical(fit$status, "interrupted")
  expect_lt(nrow(fit$history), 2000)
  expect_identical(dim(embedding(fit)), c(150L, 3L))
  # Do not train to the end: both runs stop at the same epoch.
  epochs <- nrow(fit$history) + 5
  resumed <- resume(fit, counts, epochs = epochs, verbose = FALSE)
  expect_identical(resumed$status, "completed")
  expect_null(resumed$progress)
  schedule <- fit$control[c(
    "learning_rate", "learning_rate_decay", "weight_decay", "frozen", "warmup",
    "period"
  )]
  expect_identical(
    learned(resumed), learned(do.call(train, c(schedule, epochs = epochs)))
  )
})

test_that("diverged training returns the last good state with a warning", {
  skip_if_not_installed("withr")
  folder <- new_folder()
  train(checkpoint = folder, epochs = 3)
  expect_warning(
    fit <- resume(folder, counts, epochs = 5, learning_rate = 1e30),
    "epoch 4.*cell.*learning_rate", class = "sailer_diverged"
  )
  expect_identical(fit$status, "diverged")
  expect_identical(fit$state, train(epochs = 3)$state)
  expect_output(print(fit), "diverged")
  healed <- resume(fit, counts, learning_rate = 1e-3, epochs = 4)
  expect_identical(nrow(healed$history), 4L)
  expect_error(
    train(learning_rate = 1e30), "epoch 1.*learning_rate",
    class = "sailer_numeric_error"
  )
})
