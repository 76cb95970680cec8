# SCAN-ATAC-Sim's model, compared with computations by hand.

# Bulk counts of two types; the second one has no reads in the second half.
bulk <- function(n_peaks = 2000, lengths = 500) {
  start <- 4000 * seq_len(n_peaks)
  half <- rep(c(1, 0), each = n_peaks / 2)
  matrix(
    c(rep(c(1, 3), n_peaks / 2), 5 * half), n_peaks,
    dimnames = list(
      sprintf("chr1-%.0f-%.0f", start, start + lengths), c("a", "b")
    )
  )
}

from_bulk <- function(..., profiles = bulk()) {
  arguments <- list(
    n_cells = 400, n_batches = 1, rare = NULL, batch_effect = 0,
    profiles = profiles, fragments = 200, depth_sd = 0
  )
  do.call(simulate_atac, utils::modifyList(arguments, list(...)))
}

expect_argument_error <- function(code, argument) {
  expect_error(code, argument, fixed = TRUE, class = "sailer_argument_error")
}

test_that("fragments of a cell are log-normal, by batch", {
  sim <- from_bulk(
    n_cells = 4000, n_batches = 2, fragments = c(60, 180), depth_sd = 0.5
  )
  expect_equal(sim$cells$fragments, unname(Matrix::colSums(sim$counts)))
  logs <- split(log(sim$cells$fragments), sim$cells$batch)
  # Standard errors: 0.5 / sqrt(2000), and that divided by sqrt(2).
  expect_equal(
    vapply(logs, mean, 0), log(c(batch1 = 60, batch2 = 180)),
    tolerance = 0.04 / log(60)
  )
  expect_equal(
    vapply(logs, sd, 0), c(batch1 = 0.5, batch2 = 0.5), tolerance = 0.07
  )
  expect_gt(stats::shapiro.test(logs$batch2)$p.value, 1e-3)
  # The mean of a log-normal variable: exp(mu + sigma^2 / 2).
  expect_equal(
    mean(exp(logs$batch2)), 180 * exp(0.125), tolerance = 0.05
  )
})

test_that("a range limits the fragments", {
  sim <- from_bulk(
    n_cells = 2000, depth_sd = 1, fragment_range = c(100, 400)
  )
  n <- sim$cells$fragments
  expect_identical(range(n), c(100, 400))
  # Beyond log(2) standard deviations on either side.
  share <- pnorm(-log(2))
  expect_equal(mean(n == 100), share, tolerance = 0.15)
  expect_equal(mean(n == 400), share, tolerance = 0.15)
})

test_that("signal is a share rho of the fragments, weighted by profile", {
  sim <- from_bulk(signal = 0.4)
  expect_true(all(sim$cells$fragments == 200))
  counts <- as.matrix(sim$counts)
  of_b <- counts[, sim$cells$cell_type == "b"]
  outside <- seq_len(nrow(counts)) > 1000
  # 80 of the 200 fragments are in peaks, and 120 anywhere in proportion to
  # length. Half of these are where b has no reads.
  expect_equal(mean(colSums(of_b[outside, ])), 60, tolerance = 0.02)
  expect_equal(mean(colSums(of_b[!outside, ])), 140, tolerance = 0.02)

  pure <- as.matrix(from_bulk(signal = 1)$counts)
  b <- sim$cells$cell_type == "b"
  expect_identical(sum(pure[outside, b]), 0)
  # a: weights alternate between 1 and 3.
  a <- pure[, !b]
  ratio <- sum(a[c(FALSE, TRUE), ]) / sum(a[c(TRUE, FALSE), ])
  expect_equal(ratio, 3, tolerance = 0.06)
})

test_that("batches have their own signal", {
  sim <- from_bulk(n_batches = 2, signal = c(0.2, 0.8))
  outside <- seq_len(nrow(sim$counts)) > 1000
  b <- sim$cells$cell_type == "b"
  lost <- Matrix::colSums(sim$counts[outside, b])
  means <- tapply(lost, sim$cells$batch[b], mean)
  expect_equal(as.vector(means), c(80, 20), tolerance = 0.05)
})

test_that("background is proportional to peak length", {
  lengths <- rep(c(200, 400, 1000), length.out = 2000)
  sim <- from_bulk(
    n_cells = 1000, profiles = bulk(lengths = lengths), signal = 1e-6
  )
  found <- tapply(Matrix::rowSums(sim$counts), lengths, mean)
  expect_equal(
    as.vector(found / sum(found)), c(200, 400, 1000) / 1600, tolerance = 0.02
  )
})

test_that("no peak is hit twice on one copy of the genome", {
  # On average 900 of 1000 peaks on both copies; then all of them.
  sim <- from_bulk(fragments = 1800, signal = 1)
  b <- sim$counts[, sim$cells$cell_type == "b"]
  expect_identical(range(b@x), c(1, 2))
  expect_true(all(Matrix::colSums(b) == 1800))
  all <- from_bulk(fragments = 2500, signal = 1)
  b <- all$counts[, all$cells$cell_type == "b"]
  expect_true(all(b@x == 2))
  expect_true(all(Matrix::colSums(b) == 2000))
})

test_that("places are drawn sequentially without replacement", {
  weights <- c(0, 1, 2, 5, 12)
  p <- weights / sum(weights)
  # By hand: drawn first, or second after another one.
  both <- outer(p, p, function(i, j) i * j / (1 - i))
  diag(both) <- 0
  expected <- p + colSums(both)
  n <- 40000
  by_passing <- withr::with_seed(1, draw_by_passing(weights, rep(2, n)))
  chosen <- withr::with_seed(1, draw_distinct(weights, rep(2, n)))
  for (drawn in list(by_passing, chosen)) {
    expect_false(anyDuplicated(drawn) > 0)
    expect_true(all(tabulate(drawn[, 2], n) == 2))
    expect_equal(tabulate(drawn[, 1], 5) / n, expected, tolerance = 0.02)
  }
})

test_that("the same seed gives the same cells, in memory and in a file", {
  skip_without_rhdf5()
  withr::local_options(sailer.simulation_block = 150)
  withr::local_seed(4)
  before <- .Random.seed
  path <- withr::local_tempfile(fileext = ".h5")
  for (model in list(list(), list(fragments = 90, signal = c(0.4, 0.6)))) {
    arguments <- utils::modifyList(
      list(n_cells = 400, n_peaks = 300, depth = 30, seed = 5), model
    )
    if (!is.null(model$fragments)) arguments$depth <- NULL
    memory <- do.call(simulate_atac, arguments)
    expect_identical(do.call(simulate_atac, arguments), memory)
    file <- do.call(
      simulate_atac, c(arguments, list(file = path, overwrite = TRUE))
    )
    expect_s3_class(file$counts, "sailer_cells")
    expect_identical(dimnames(file$counts), dimnames(memory$counts))
    expect_identical(read_cells(file$counts), as.matrix(memory$counts))
    expect_identical(file$cells, memory$cells)
  }
  expect_identical(.Random.seed, before)
  expect_output(print(file), "400 cells x 300 peaks")
  # A fit reads the file.
  fit <- sailer(
    file$counts,
    batch = file$cells$batch, epochs = 1, threads = 1, verbose = FALSE
  )
  expect_identical(nrow(embedding(fit)), 400L)
})

test_that("an existing file is kept unless it may be replaced", {
  skip_without_rhdf5()
  path <- withr::local_tempfile(fileext = ".h5", lines = "mine")
  expect_error(
    from_bulk(file = path), "overwrite = TRUE", class = "sailer_file_error"
  )
  expect_identical(readLines(path), "mine")
  # A file that is abandoned half-way is removed.
  sink <- tenx_sink(path, paste0("peak", 1:3), c("a", "b"), TRUE)
  sink$add(Matrix::sparseMatrix(c(1, 3), c(1, 2), x = 1, dims = c(3, 2)))
  expect_length(list.files(dirname(path), "^simulation-"), 1)
  sink$abandon()
  expect_length(list.files(dirname(path), "^simulation-"), 0)
  expect_identical(readLines(path), "mine")
})

test_that("only one block is in memory while a file is written", {
  skip_without_rhdf5()
  skip_if(!file.exists("/proc/self/clear_refs"))
  profiles <- withr::local_tempfile(fileext = ".rds")
  saveRDS(bulk(), profiles)
  # In a process that ran nothing else, because the system may or may not have
  # taken back the memory of other tests.
  peaks <- value_in_another_r(c(
    "library(sailer)", peak_memory, "options(sailer.simulation_block = 500)",
    sprintf("profiles <- readRDS(%s)", deparse(profiles)),
    "peak_of <- function(n_cells) {",
    "  gc()",
    "  cat('5', file = '/proc/self/clear_refs')",
    "  simulate_atac(",
    "    n_cells = n_cells, n_batches = 1, rare = NULL, batch_effect = 0,",
    "    profiles = profiles, fragments = 400, depth_sd = 0,",
    "    file = tempfile(fileext = '.h5')",
    "  )",
    "  peak()", "}",
    "first <- peak_of(1000)"
  ), "c(peak_of(1000), peak_of(40000))")
  # 15 million more non-zeros; a dgCMatrix of them takes 180 MB, and more while
  # it is made.
  expect_lt(diff(peaks), 60 * 2^20)
})

test_that("generated profiles follow the hierarchy of types", {
  sim <- simulate_atac(
    n_cells = 100, n_peaks = 3000, n_types = 4, rare = NULL, fragments = 100,
    type_specific = 0.2
  )
  expect_identical(dimnames(sim$profiles), rev(dimnames(sim$truth)))
  expect_equal(
    unname(colSums(sim$profiles)), rep(200 * 3000, 4), tolerance = 0.01
  )
  ranges <- parse_peaks(rownames(sim$profiles))
  lengths <- ranges$end - ranges$start
  expect_equal(stats::median(lengths), 500, tolerance = 0.05)
  alike <- cor(log1p(sim$profiles))
  expect_gt(alike[1, 2], alike[1, 3])
  # Reads depend on length and openness.
  expect_gt(
    cor(log1p(sim$profiles[, 1]), log(sim$truth[1, ] * lengths)), 0.8
  )
})

test_that("presets are the simulations of the thesis", {
  sim <- simulate_atac(preset = "Sim1", n_cells = 1000, n_peaks = 20000)
  expect_identical(as.vector(table(sim$cells$cell_type)[5]), 10L)
  expect_identical(nlevels(sim$cells$cell_type), 5L)
  expect_true(all(
    sim$cells$fragments >= 1000 & sim$cells$fragments <= 20000
  ))
  expect_equal(median(sim$cells$fragments), 5000, tolerance = 0.15)
  # Beyond log(4) / 1.5 and log(5) / 1.5 standard deviations.
  expect_equal(
    mean(sim$cells$fragments == 20000), pnorm(-log(4) / 1.5), tolerance = 0.2
  )
  expect_equal(
    mean(sim$cells$fragments == 1000), pnorm(-log(5) / 1.5), tolerance = 0.2
  )
  sim3 <- simulate_atac(
    preset = "Sim3", n_cells = 1000, n_peaks = 20000, seed = 3
  )
  expect_identical(sim3$arguments$signal, c(0.4, 0.5))
  expect_identical(sim3$arguments$seed, 3)
  in_batches <- table(sim3$cells$cell_type, sim3$cells$batch)
  expect_identical(unname(in_batches["rare1", ] > 0), c(TRUE, FALSE))
  expect_identical(unname(in_batches["rare2", ] > 0), c(FALSE, TRUE))
  medians <- tapply(sim3$cells$fragments, sim3$cells$batch, median)
  expect_equal(as.vector(medians), c(2500, 5000), tolerance = 0.25)
  sim2 <- simulation_preset("Sim2")
  expect_identical(sim2$fragments, 3000)
  expect_identical(sim2$n_types, 9)
})

test_that("bad arguments of the model are refused by name", {
  expect_argument_error(simulate_atac(preset = "Sim4"), "`preset`")
  expect_argument_error(simulate_atac(depth = 9, fragments = 9), "`fragments`")
  expect_argument_error(simulate_atac(fragments = 0), "`fragments`")
  expect_argument_error(from_bulk(fragments = 1:3), "`fragments`")
  expect_argument_error(from_bulk(fragment_range = 5), "`fragment_range`")
  expect_argument_error(
    from_bulk(fragment_range = c(9, 5)), "`fragment_range`"
  )
  expect_argument_error(simulate_atac(profiles = bulk()), "`fragments`")
  expect_argument_error(from_bulk(n_peaks = 30), "`n_peaks`")
  expect_argument_error(from_bulk(profiles = "bulk"), "`profiles`")
  expect_argument_error(from_bulk(profiles = -bulk()), "`profiles`")
  nameless <- bulk()
  rownames(nameless)[7] <- "promoter"
  expect_argument_error(from_bulk(profiles = nameless), "\"promoter\"")
  without_reads <- bulk()
  without_reads[, 2] <- 0
  expect_argument_error(from_bulk(profiles = without_reads), "\"b\"")
})
