sim <- tiny_simulation()
fit <- quick_fit(sim$counts, batch = sim$cells$batch, min_fraction = 0)
all <- impute(fit)

# A matrix opened by HDF5Array, as an R matrix.
from_file <- function(x) as.matrix(x)

test_that("probabilities have names and depend only on the embedding", {
  expect_identical(dimnames(all), list(fit$peaks, fit$cells))
  expect_true(all(all > 0 & all < 1))
  expected <- decode_block(
    fit, training_means(fit), fixed_confounders(fit), seq_along(fit$peaks)
  )
  expect_equal(all, expected, ignore_attr = TRUE, tolerance = 1e-12)
})

test_that("cells and peaks are in the requested order", {
  set.seed(3)
  cells <- sample(fit$cells, 20)
  peaks <- sample(fit$peaks, 30)
  some <- impute(fit, cells = cells, peaks = peaks)
  expect_identical(dimnames(some), list(peaks, cells))
  expect_equal(some, all[peaks, cells], tolerance = 1e-6)
  one <- impute(fit, cells = cells[1], peaks = peaks[1])
  expect_identical(dim(one), c(1L, 1L))
  expect_equal(one, all[peaks[1], cells[1], drop = FALSE], tolerance = 1e-6)
  expect_identical(
    impute(fit, cells = factor(cells), peaks = peaks), some
  )
})

test_that("ranges select the peaks that they overlap", {
  skip_if_not_installed("GenomicRanges")
  at <- c(3, 200)
  ranges <- parse_ranges(fit$peaks[at])
  # The last base of one peak and the first of another.
  ranges <- c(
    GenomicRanges::resize(ranges[1], 1, fix = "end"),
    GenomicRanges::resize(ranges[2], 1, fix = "start")
  )
  expect_identical(rownames(impute(fit, peaks = ranges)), fit$peaks[at])
  far <- GenomicRanges::GRanges("chrNone", IRanges::IRanges(1, 2))
  expect_error(impute(fit, peaks = far), "no peak of the model overlaps",
    class = "sailer_argument_error"
  )
  nameless <- fit
  nameless$peaks <- paste0("peak", seq_along(fit$peaks))
  expect_error(impute(nameless, peaks = ranges), "no ranges in their names",
    class = "sailer_argument_error"
  )
})

test_that("other cells are embedded first, then imputed in the same way", {
  again <- impute(fit, sim$counts)
  expect_equal(again, all, tolerance = 1e-4)
  # A handle with the peaks in another order, and a subset of the cells.
  handle <- as_cells(sim$counts[rev(rownames(sim$counts)), ])
  cells <- rev(colnames(sim$counts))[1:5]
  some <- impute(fit, handle, cells = cells, peaks = fit$peaks[5:1])
  expect_equal(some, all[fit$peaks[5:1], cells], tolerance = 1e-4)
  renamed <- sim$counts[, 1:4]
  colnames(renamed) <- paste0("new", 1:4)
  expect_identical(colnames(impute(fit, renamed)), paste0("new", 1:4))
})

test_that("only the fixed batch and depth matter, not a cell's own", {
  # The same counts, with another batch label and name.
  twin <- sim$counts[, 1:10]
  expect_equal(
    impute(fit, twin), all[, 1:10],
    tolerance = 1e-4, ignore_attr = TRUE
  )
  z <- training_means(fit)
  same <- fit
  same$embedding[2, ] <- z[1, ]
  pair <- impute(same, cells = rownames(z)[1:2])
  expect_equal(pair[, 1], pair[, 2], tolerance = 1e-5)
  expect_true(fit$depth[1] != fit$depth[2])

  deep <- impute(fit, depth = 4 * exp(fit$scaling$log_depth[["mean"]]))
  mean <- impute(fit, depth = exp(fit$scaling$log_depth[["mean"]]))
  expect_equal(mean, all, tolerance = 1e-6)
  expect_gt(max(abs(deep - all)), 1e-3)
  each <- lapply(fit$labels$batch, function(b) impute(fit, batch = b))
  expect_gt(max(abs(each[[1]] - each[[2]])), 1e-4)
  best <- which.max(tapply(
    fit$depth, factor(sim$cells$batch, fit$labels$batch), median
  ))
  expect_identical(each[[best]], all)
  expect_error(impute(fit, batch = "none"), fit$labels$batch[1])
})

test_that("calibration divides omega out", {
  heavy <- quick_fit(sim$counts, omega = 5, control = quick(epochs = 1))
  odds <- function(x) x / (1 - x)
  expect_equal(
    odds(impute(heavy)), odds(impute(heavy, calibrated = FALSE)) / 5,
    tolerance = 1e-4
  )
})

test_that("open peaks agree with the dense matrix", {
  threshold <- stats::quantile(all, 0.8, names = FALSE)
  open <- impute(fit, threshold = threshold)
  expect_s4_class(open, "ngCMatrix")
  expect_true(methods::validObject(open))
  expect_identical(as.matrix(open), all >= threshold)
  values <- impute(fit, threshold = threshold, binary = FALSE)
  expect_s4_class(values, "dgCMatrix")
  expect_true(methods::validObject(values))
  expect_equal(as.matrix(values), all * (all >= threshold), tolerance = 1e-12)
})

test_that("the requested number of most probable peaks is open", {
  peaks <- rev(fit$peaks)[1:200]
  open <- impute(fit, peaks = peaks, n_open = 25)
  expect_true(methods::validObject(open))
  expected <- apply(all[peaks, ], 2, function(p) {
    rank(-p, ties.method = "first") <= 25
  })
  expect_identical(as.matrix(open), expected)
  expect_identical(sum(impute(fit, n_open = 1e6)), length(all))
})

test_that("Dice scores equal a dense loop", {
  open <- impute(fit, n_open = 60)
  truth <- t(sim$truth > 0.5)[fit$peaks, as.character(sim$cells$cell_type)]
  scores <- dice_score(truth, open)
  dense <- as.matrix(open)
  for (k in c(1, 50, 150)) {
    expect_equal(
      scores[[k]],
      2 * sum(dense[, k] & truth[, k]) / (sum(dense[, k]) + sum(truth[, k]))
    )
  }
})

test_that("a file contains the same and can be opened by HDF5Array", {
  skip_if_not_installed("HDF5Array")
  path <- withr::local_tempfile(fileext = ".h5")
  # More than one block and chunk, in custom orders.
  z <- training_means(fit)
  many <- fit
  many$embedding <- z[rep(seq_len(nrow(z)), 5), ]
  rownames(many$embedding) <- sprintf("c\u00e9ll %d", seq_len(5 * nrow(z)))
  many$cells <- rownames(many$embedding)
  cells <- rev(many$cells)[1:700]
  found <- impute(many, cells = cells, peaks = rev(fit$peaks), file = path)
  expect_s4_class(found, "HDF5Matrix")
  expected <- impute(many, cells = cells, peaks = rev(fit$peaks))
  expect_identical(dimnames(found), dimnames(expected))
  expect_lt(max(abs(from_file(found) / expected - 1)), 1.6e-5)
  expect_equal(
    from_file(HDF5Array::HDF5Array(path, "imputed")[7:3, 600:590]),
    expected[7:3, 600:590],
    tolerance = 1e-4
  )
  skip_without_rhdf5()
  expect_identical(as.vector(rhdf5::h5read(path, "peaks")), rev(fit$peaks))
})

test_that("a file is complete or does not exist", {
  folder <- withr::local_tempdir()
  path <- file.path(folder, "imputed.h5")
  writeLines("mine", path)
  expect_error(impute(fit, file = path), "already", class = "sailer_file_error")
  expect_identical(readLines(path), "mine")
  expect_error(
    impute(fit, file = path, overwrite = TRUE, cells = "nobody"), "cell"
  )
  expect_identical(readLines(path), "mine")
  impute(fit, file = path, overwrite = TRUE, peaks = fit$peaks[1:3])
  expect_identical(list.files(folder, all.files = TRUE, no.. = TRUE),
    "imputed.h5"
  )
  expect_gt(file.size(path), 1000)
  expect_error(impute(fit, file = "/no/such/folder/x.h5"), "no folder",
    class = "sailer_file_error"
  )
})

test_that("Ctrl-C leaves no partial file and does not end R", {
  folder <- withr::local_tempdir()
  model <- file.path(folder, "model.safetensors")
  path <- file.path(folder, "out", "imputed.h5")
  dir.create(dirname(path))
  save_model(fit, model)
  log <- withr::local_tempfile()
  child <- start_child(c(
    "library(sailer)",
    sprintf("fit <- load_model(%s)", deparse(model)),
    # Enough cells for minutes.
    "z <- fit$embedding",
    "fit$embedding <- z[rep(seq_len(nrow(z)), 20000), ]",
    "fit$cells <- rownames(fit$embedding) <- paste0('c', seq_len(3e6))",
    "cat('ready\n')",
    sprintf(
      "tryCatch(impute(fit, file = %s), interrupt = function(e) cat('out\n'))",
      deparse(path)
    ),
    "cat('alive\n')"
  ), log)
  expect_true(child_said(log, "ready"))
  for (k in 1:200) {
    if (length(list.files(dirname(path))) > 0) break
    Sys.sleep(0.1)
  }
  expect_length(list.files(dirname(path)), 1)
  child$interrupt()
  child$wait(20000)
  expect_true(child_said(log, "alive", seconds = 1))
  expect_length(list.files(dirname(path), all.files = TRUE, no.. = TRUE), 0)
})

test_that("results too large for memory are refused with their size", {
  withr::local_options(sailer.max_memory = 8 * length(fit$peaks) * 10)
  expect_identical(dim(impute(fit, cells = fit$cells[1:10]))[2], 10L)
  for (x in list(NULL, sim$counts)) {
    error <- expect_error(
      impute(fit, x, cells = if (is.null(x)) fit$cells[1:11]),
      "peaks x 1[0-9]+ cells would take", class = "sailer_argument_error"
    )
    for (way in c("peaks", "cells", "threshold", "n_open", "file")) {
      expect_match(conditionMessage(error), way)
    }
  }
  expect_error(impute(fit, threshold = 1e-9), "Raise `threshold`",
    class = "sailer_argument_error"
  )
  expect_s4_class(impute(fit, n_open = 2), "ngCMatrix")
  expect_error(impute(fit, n_open = 200), "lower `n_open`",
    class = "sailer_argument_error"
  )
  withr::local_options(sailer.max_memory = "all")
  expect_error(impute(fit), "sailer.max_memory")
})

test_that("memory is bounded for every kind of result", {
  skip_if_not(file.exists("/proc/self/status"), "the system tells no peak")
  model <- withr::local_tempfile(fileext = ".h5")
  save_model(fit, model)
  peaks <- value_in_another_r(c(
    "library(sailer)", "invisible(requireNamespace('HDF5Array'))",
    sprintf("fit <- load_model(%s)", deparse(model)), peak_memory,
    "z <- fit$embedding",
    "fit$embedding <- z[rep(seq_len(nrow(z)), 800), ]",
    "fit$cells <- paste0('c', seq_len(nrow(fit$embedding)))",
    "rownames(fit$embedding) <- fit$cells",
    "few <- fit$cells[1:1000]",
    "small <- tempfile(); large <- tempfile()",
    "x <- impute(fit, cells = few, file = small)",
    "x <- impute(fit, cells = few, n_open = 5)",
    "before <- peak()",
    "x <- impute(fit, file = large)",
    "x <- impute(fit, n_open = 5)"
  ), "c(before, peak())")
  # All values would take 120,000 cells x 400 peaks x 8 bytes.
  expect_lt(diff(peaks), 120000 * 400 * 8 / 3)
})

test_that("the available memory is read from the system", {
  file <- withr::local_tempfile(
    lines = c("MemTotal:  99 kB", "MemAvailable:    2000 kB", "Cached: 1 kB")
  )
  group <- withr::local_tempdir()
  expect_equal(available_memory(file, group), 2048000)
  writeLines("max", file.path(group, "memory.max"))
  expect_equal(available_memory(file, group), 2048000)
  writeLines("1000000", file.path(group, "memory.max"))
  expect_equal(available_memory(file, group), 1e6)
  expect_equal(available_memory("/no/file", "/no/folder"), 8e9)
  expect_gt(memory_limit(), 1e6)
})

test_that("every kind of fit imputes, even from a file in another R", {
  chromosome <- quick_fit(sim$counts,
    architecture = "chromosome", hidden = c(6, 4), decoder = "linear",
    batch = sim$cells$batch, control = quick(epochs = 1)
  )
  path <- withr::local_tempfile(fileext = ".h5")
  save_model(chromosome, path)
  peaks <- rev(chromosome$peaks)[1:50]
  expected <- impute(chromosome, peaks = peaks)
  expect_identical(impute(load_model(path), peaks = peaks), expected)
  found <- value_in_another_r(
    c("library(sailer)", sprintf("fit <- load_model(%s)", deparse(path))),
    "impute(fit, peaks = rev(fit$peaks)[1:50])"
  )
  expect_equal(found, expected, tolerance = 1e-5)

  old <- load_model(test_path("fixtures", "models", "version-1.h5"))
  expect_identical(dim(impute(old)), lengths(list(old$peaks, old$cells)))
  cells <- open_cells(tiny_path("tiny-10x.h5"))
  expect_equal(impute(old, cells), impute(old), tolerance = 1e-4)
})

test_that("fits of sailerx() impute", {
  guided <- sailerx(
    sim$counts, matrix(sin(seq_len(3 * 150)), 150),
    architecture = "dense", hidden = 8, n_latent = 3,
    control = quick(epochs = 1)
  )
  expect_identical(
    dimnames(impute(guided)), list(guided$peaks, guided$cells)
  )
})

test_that("arguments are checked, and similar names are listed", {
  refused <- function(pattern, ...) {
    expect_error(impute(fit, ...), pattern, class = "sailer_argument_error")
  }
  peak <- fit$peaks[12]
  refused(peak, peaks = sub("chr", "chrr", peak))
  refused(fit$cells[1], cells = paste0(fit$cells[1], "x"))
  refused("twice", cells = fit$cells[c(1, 2, 1)])
  refused("names of peaks", peaks = 1:3)
  refused("names of cells", cells = character())
  for (bad in list(0, 1, -1, NA, "half", c(0.1, 0.2))) {
    refused("threshold", threshold = bad)
  }
  refused("n_open", n_open = 0)
  refused("n_open", n_open = 1.5)
  refused("Only one", n_open = 5, threshold = 0.5)
  refused("Only one", n_open = 5, file = "x.h5")
  refused("calibrated", calibrated = NA)
  refused("binary", binary = NA)
  refused("file", file = 3)
  refused("threshold", treshold = 0.5)
  expect_error(impute(sim$counts), "ImputeSAILER",
    class = "sailer_argument_error"
  )
  expect_error(impute(fit, sim$counts[-1, ]), "not in",
    class = "sailer_data_error"
  )
  without <- fit
  without["embedding"] <- list(NULL)
  expect_error(impute(without), "not embedded", class = "sailer_argument_error")
  expect_equal(impute(without, sim$counts), all, tolerance = 1e-4)
})
