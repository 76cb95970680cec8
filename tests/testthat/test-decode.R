sim <- tiny_simulation()
n_cells <- ncol(sim$counts)
set.seed(2)
quality <- sin(seq_len(n_cells))
site <- sample(c("left", "right", "right"), n_cells, TRUE)
fit <- quick_fit(sim$counts,
  batch = sim$cells$batch,
  covariates = data.frame(quality = quality, site = site)
)

# Parameters of a fit by name, as R arrays in the core's shape.
read_tensor <- function(fit, name) {
  bytes <- fit$state[[name]]
  shape <- attr(bytes, "shape")
  values <- readBin(bytes, "numeric", length(bytes) / 4, size = 4)
  aperm(array(values, rev(shape)), rev(seq_along(shape)))
}

# An independent implementation of the mirrored decoder of a dense model: all
# probabilities, peaks x cells.
dense_decode <- function(fit, z, c, shift = 0) {
  x <- cbind(z, matrix(c, nrow(z), length(c), byrow = TRUE))
  for (k in seq_along(fit$options$hidden) - 1) {
    get <- function(what) read_tensor(fit, paste0("decoder.", k, ".", what))
    x <- sweep(x %*% get("weight")[1, , ], 2, get("bias"), "+")
    x <- sweep(x, 2, get("norm.mean"))
    x <- sweep(x, 2, sqrt(get("norm.variance") + 1e-5), "/")
    x <- sweep(x, 2, get("norm.weight"), "*")
    x <- sweep(x, 2, get("norm.bias"), "+")
    x <- ifelse(x > 0, x, 0.2 * x)
  }
  logits <- read_tensor(fit, "decoder.output.weight") %*% t(x) +
    as.vector(read_tensor(fit, "decoder.output.bias"))
  plogis(logits + shift)
}

# Depth, two batches, quality and the sites, in the core's order.
encoded <- function(depth, batch, site, quality) {
  c(
    depth, as.numeric(fit$labels$batch == batch),
    as.numeric(fit$labels$site == site), quality
  )
}

test_that("probabilities equal an independent decoder", {
  z <- embedding(fit)[c(5, 1, 90), ]
  c <- fixed_confounders(fit)
  peaks <- c(7L, 300L, 2L)
  found <- decode_block(fit, z, c, peaks)
  expect_equal(
    found, dense_decode(fit, z, c)[peaks, ],
    tolerance = 1e-5, ignore_attr = TRUE
  )
  # One row of confounders per cell.
  rows <- rbind(c, c + 0.5, c - 0.2)
  each <- decode_block(fit, z, rows, peaks)
  for (k in 1:3) {
    expect_equal(
      each[, k], dense_decode(fit, z[k, , drop = FALSE], rows[k, ])[peaks, ],
      tolerance = 1e-5, ignore_attr = TRUE
    )
  }
})

test_that("with omega the odds are divided by it unless set otherwise", {
  heavy <- quick_fit(sim$counts, omega = 6)
  z <- embedding(heavy)[1:4, ]
  c <- fixed_confounders(heavy)
  peaks <- 1:50
  raw <- decode_block(heavy, z, c, peaks, calibrated = FALSE)
  calibrated <- decode_block(heavy, z, c, peaks)
  expect_equal(
    calibrated / (1 - calibrated), raw / (1 - raw) / 6,
    tolerance = 1e-5
  )
  expect_equal(
    decode_block(fit, z, fixed_confounders(fit), peaks),
    decode_block(fit, z, fixed_confounders(fit), peaks, calibrated = FALSE)
  )
})

test_that("confounders default to mean, best batch and most common level", {
  medians <- tapply(fit$depth, sim$cells$batch, median)
  best <- names(which.max(medians))
  expect_identical(
    as.vector(fixed_confounders(fit)), encoded(0, best, "right", 0)
  )
  # The deeper batch is chosen, whichever it is.
  deeper <- fit
  other <- setdiff(fit$labels$batch, best)
  depth <- replace(fit$depth, sim$cells$batch == other, 1e4)
  deeper$level_counts <- count_levels(fit$labels, fit$codes, "batch", depth)
  expect_identical(
    as.vector(fixed_confounders(deeper)), encoded(0, other, "right", 0)
  )
})

test_that("given confounders are fixed", {
  for (batch in fit$labels$batch) {
    given <- fixed_confounders(
      fit,
      batch = batch, depth = 80, covariates = list(quality = 0.4, site = "left")
    )
    training <- which(!fit$cells %in% fit$validation_cells)
    scaled <- function(value, x) {
      (value - mean(x)) / sqrt(mean((x - mean(x))^2))
    }
    expected <- encoded(
      scaled(log(80), log(fit$depth[training])), batch, "left",
      scaled(0.4, quality[training])
    )
    expect_equal(as.vector(given), expected, tolerance = 1e-6)
  }
  expect_identical(
    fixed_confounders(fit, batch = factor(fit$labels$batch[1])),
    fixed_confounders(fit, batch = c(batch = fit$labels$batch[1]))
  )
})

test_that("several batch columns default to an observed combination", {
  two <- quick_fit(sim$counts[, 1:90],
    batch = data.frame(
      donor = rep(c("a", "b", "c"), each = 30),
      kit = rep(c("v1", "v1", "v2"), each = 30)
    ),
    control = quick(epochs = 1)
  )
  two$level_counts <- count_levels(
    two$labels, two$codes, two$batches, rep(c(20, 30, 10), each = 30)
  )
  held <- function(...) fixed_levels(two, list(...), NULL)
  expect_identical(
    fixed_levels(two, NULL, NULL), list(donor = "b", kit = "v1")
  )
  expect_identical(held(kit = "v2"), list(donor = "c", kit = "v2"))
  expect_identical(held(donor = "a"), list(donor = "a", kit = "v1"))
  # A user may choose a combination that no cell has.
  expect_identical(
    held(donor = "a", kit = "v2"), list(donor = "a", kit = "v2")
  )
  expect_error(
    fixed_confounders(two, batch = "a"), "donor = \"a\", kit = \"v1\"",
    fixed = TRUE, class = "sailer_argument_error"
  )
})

test_that("batches that were added later have their own columns", {
  more <- fit
  more$extra_batches <- list(new = c(0.25, 0.75), odd = 1)
  expect_identical(
    as.vector(fixed_confounders(more, batch = "new"))[2:3], c(0.25, 0.75)
  )
  expect_error(fixed_confounders(more, batch = "odd"), '"new"')
})

test_that("fits from before levels were stored use the first levels", {
  old <- load_model(test_path("fixtures", "models", "version-1.h5"))
  expect_null(old$codes)
  c <- fixed_confounders(old)
  expect_identical(as.vector(c), c(0, 1, 0, 0))
  expect_identical(
    as.vector(fixed_confounders(old, batch = old$labels$batch[2])),
    c(0, 0, 1, 0)
  )
  values <- decode_block(old, training_means(old)[1:2, ], c, 1:3)
  expect_true(all(values > 0 & values < 1))
})

test_that("unknown batches and covariates are named with valid ones", {
  refused <- function(pattern, ...) {
    expect_error(
      fixed_confounders(fit, ...), pattern, class = "sailer_argument_error"
    )
  }
  refused(fit$labels$batch[2], batch = "none")
  refused("one level", batch = NA_character_)
  refused("batch column", batch = c(donor = "a"))
  refused("must name one level", batch = c("a", "b"))
  refused("at least 1", depth = 0)
  refused("depth", depth = "deep")
  refused("quality", covariates = list(qualty = 1))
  refused("quality", covariates = list(quality = "high"))
  refused("left", covariates = list(site = "middle"))
  refused("named list", covariates = list(1))
  refused("named list", covariates = list(quality = 1:2))
  plain <- quick_fit(sim$counts, control = quick(epochs = 1))
  expect_error(
    fixed_confounders(plain, batch = "a"), "without batches",
    class = "sailer_argument_error"
  )
  expect_identical(fixed_confounders(plain), matrix(0, 1, 1))
})

test_that("levels are kept in files and after interruptions", {
  path <- withr::local_tempfile(fileext = ".h5")
  save_model(fit, path)
  again <- load_model(path)
  expect_identical(again$codes, fit$codes)
  expect_identical(again$batches, "batch")
  expect_identical(fixed_confounders(again), fixed_confounders(fit))
})
