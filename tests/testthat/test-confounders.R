sim <- tiny_simulation()
counts <- sim$counts
cells <- colnames(counts)
batch <- as.character(sim$cells$batch)

collect <- function(batch = NULL, covariates = NULL) {
  collect_confounders(batch, covariates, cells)
}

# The factor or the numbers that the core will encode.
value_of <- function(collected) {
  label <- collected$labels[[1]]
  label$levels[label$codes]
}

test_that("columns become labels or numbers according to their type", {
  found <- collect(
    factor(batch, levels = c("none", "batch2", "batch1")),
    data.frame(
      flag = rep(c(TRUE, FALSE), 75), text = rep(c("a", "b", "c"), 50),
      whole = 1:150, real = sqrt(1:150),
      time = as.difftime(1:150, units = "secs")
    )
  )
  expect_identical(
    vapply(found$labels, function(x) x$name, ""), c("batch", "flag", "text")
  )
  expect_identical(found$labels[[1]]$levels, c("batch1", "batch2"))
  expect_identical(value_of(found), batch)
  expect_identical(found$labels[[2]]$levels, c("FALSE", "TRUE"))
  expect_identical(
    vapply(found$numbers, function(x) x$name, ""), c("whole", "real", "time")
  )
  expect_identical(found$numbers[[2]]$values, sqrt(1:150))
  expect_identical(found$numbers[[3]]$values, as.numeric(1:150))
  # Numbers become labels if they are batches.
  expect_identical(
    collect(rep(1:3, 50))$labels[[1]]$levels, c("1", "2", "3")
  )
})

test_that("values named by cell are matched, those of other cells ignored", {
  named <- stats::setNames(batch, cells)
  expect_identical(value_of(collect(rev(named))), batch)
  more <- c(other = "z", rev(named))
  expect_identical(value_of(collect(more)), batch)
  table <- data.frame(age = c(1:150, 999), row.names = c(cells, "other"))
  found <- collect(covariates = table[sample(151), , drop = FALSE])
  expect_identical(found$numbers[[1]]$values, as.numeric(1:150))
  wide <- as.matrix(table)[sample(151), , drop = FALSE]
  for (x in list(wide, Matrix::Matrix(wide, sparse = TRUE))) {
    found <- collect(covariates = x)
    expect_identical(found$numbers[[1]]$name, "age")
    expect_identical(found$numbers[[1]]$values, as.numeric(1:150))
  }
  # Row numbers are not names, regardless of the names of the cells.
  numbered <- collect_confounders(
    NULL, data.frame(age = 11:160), as.character(150:1)
  )
  expect_identical(numbered$numbers[[1]]$values, as.numeric(11:160))
  # Row numbers are not names; names of something else are a mistake.
  expect_identical(
    value_of(collect(stats::setNames(batch, seq_len(150)))), batch
  )
  expect_error(
    collect(stats::setNames(batch, batch)), "names of `batch`.*\"batch1\"",
    class = "sailer_argument_error"
  )
})

test_that("names of only some of the cells are refused", {
  named <- stats::setNames(batch, c("other", cells[-1]))
  expect_error(collect(named), cells[1],
    class = "sailer_argument_error", fixed = TRUE
  )
  twice <- stats::setNames(c(batch, "z"), c(cells, cells[3]))
  expect_error(collect(twice), cells[3],
    class = "sailer_argument_error", fixed = TRUE
  )
})

test_that("constant columns are reported and left out", {
  expect_message(
    found <- collect(batch, data.frame(age = rep(5, 150), lane = 1:150)),
    "`age` is 5 for all cells"
  )
  expect_length(found$numbers, 1)
  expect_message(
    found <- collect(batch, data.frame(sex = factor(rep("f", 150)))), "\"f\""
  )
  expect_length(found$labels, 1)
  expect_message(
    fit <- quick_fit(counts, covariates = data.frame(age = rep(5, 150))), "age"
  )
  expect_identical(fit$numbers, character())
  expect_equal(fit$n_confounders, 1)
})

test_that("labels with a single cell are reported", {
  expect_message(
    found <- collect(c("u", "v", rep("w", 148))),
    "2 labels with a single cell.*\"u\" and \"v\""
  )
  expect_identical(found$labels[[1]]$n_levels, 3L)
})

test_that("names of cells, or continuous numbers, as batches are refused", {
  refuse <- function(pattern, ...) {
    expect_error(collect(...), pattern, class = "sailer_argument_error")
  }
  refuse("150 different labels for 150 cells", cells)
  refuse("numeric column", sqrt(1:150))
  refuse("`id`", covariates = data.frame(id = cells))
  many <- collect_confounders(
    rep(seq_len(1000), 3), NULL, as.character(1:3000)
  )
  expect_identical(many$labels[[1]]$n_levels, 1000L)
  expect_error(
    collect_confounders(rep(seq_len(1001), 3), NULL, as.character(1:3003)),
    "1001 different labels", class = "sailer_argument_error"
  )
})

test_that("columns without a name or with the same one are refused", {
  refuse <- function(pattern, ...) {
    expect_error(collect(...), pattern, class = "sailer_argument_error")
  }
  refuse("\"batch\" is the name of two", batch, data.frame(batch = 1:150))
  refuse("\"a\" is the name", data.frame(
    a = batch, a = batch, check.names = FALSE
  ))
  nameless <- stats::setNames(data.frame(batch), "")
  refuse("must have a name", nameless)
})

test_that("columns without single values are refused by name", {
  refuse <- function(pattern, ...) {
    expect_error(collect(...), pattern, class = "sailer_argument_error")
  }
  refuse("`x`", covariates = data.frame(x = I(as.list(1:150))))
  refuse("`x`", covariates = data.frame(x = I(matrix(1:300, 150))))
  refuse("complex", covariates = complex(real = 1:150, imaginary = 1))
  refuse("not a list", covariates = list(age = 1:150))
})

test_that("identical or nested batches are accepted", {
  nested <- data.frame(
    donor = batch, again = paste0("x", batch),
    run = paste0(batch, rep(1:3, 50))
  )
  fit <- quick_fit(counts, batch = nested)
  expect_identical(lengths(fit$labels), c(donor = 2L, again = 2L, run = 6L))
  expect_equal(fit$n_confounders, 1 + 2 + 2 + 6)
  expect_true(all(is.finite(embedding(fit))))
})

# Cells of three types. Each of `effects`, which are numbers around 0, opens its
# own set of peaks.
planted <- function(effects) {
  data <- simulate_atac(
    n_cells = 800, n_peaks = 600, n_types = 3, n_batches = 1, rare = NULL,
    depth = 60, seed = 4
  )
  counts <- as.matrix(data$counts)
  withr::with_seed(2, {
    for (k in seq_along(effects)) {
      peaks <- seq_len(60) + 60 * (k - 1)
      odds <- stats::plogis(-2.5 + 1.5 * effects[[k]])
      counts[peaks, ] <- counts[peaks, ] +
        matrix(stats::rbinom(60 * 800, 1, rep(odds, each = 60)), 60)
    }
  })
  sparse(counts)
}

train_planted <- function(counts, ...) {
  embedding(sailer(counts, ...,
    hidden = 32, n_latent = 6, control = usual()
  ))
}

test_that("a numeric covariate is removed from the embedding", {
  dose <- withr::with_seed(1, stats::rnorm(800))
  counts <- planted(list(dose))
  without <- train_planted(counts)
  with <- train_planted(counts, covariates = data.frame(dose = dose))
  known_of <- function(values) max(mutual_information(values, dose)$dimensions)
  expect_gt(known_of(without), 0.2)
  expect_lt(known_of(with), 0.4 * known_of(without))
})

test_that("two batch columns are both removed", {
  donor <- rep(c("a", "b"), 400)
  lane <- rep(c("x", "x", "y", "y"), 200)
  counts <- planted(list((donor == "b") * 2 - 1, (lane == "y") * 2 - 1))
  known_of <- function(values, label) {
    max(mutual_information(values, label)$dimensions)
  }
  one <- train_planted(counts, batch = data.frame(donor))
  both <- train_planted(counts, batch = data.frame(donor, lane))
  # With one batch column the other effect remains.
  expect_gt(known_of(one, lane), 0.3)
  expect_lt(known_of(one, donor), 0.1)
  expect_lt(known_of(both, lane), 0.1)
  expect_lt(known_of(both, donor), 0.1)
})
