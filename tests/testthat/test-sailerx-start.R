# Where SAILERX starts: at the reference, and at its prediction from open peaks.

sim <- tiny_simulation()
counts <- sim$counts
batch <- sim$cells$batch
cells <- colnames(counts)
n <- length(cells)

rna <- reference_like_types(sim)

# How well similarities of the embedding agree with those of the reference.
followed <- function(fit, reference = rna) {
  cosine <- function(x) tcrossprod(x / sqrt(rowSums(x^2)))
  pairs <- lower.tri(diag(nrow(reference)))
  stats::cor(
    cosine(embedding(fit)[rownames(reference), ])[pairs],
    cosine(reference)[pairs]
  )
}

# Practically the state before the first step: z of the start.
begun <- function(...) {
  sailerx(counts, rna,
    batch = batch, hidden = 8,
    control = quick(epochs = 1, frozen = 1, learning_rate = 1e-9), ...
  )
}

test_that("a warm start is near the reference, a random one is not", {
  for (architecture in c("dense", "chromosome")) {
    warm <- begun(architecture = architecture, n_latent = 4)
    cold <- begun(
      architecture = architecture, n_latent = 4, warm_start = FALSE
    )
    expect_gt(followed(warm), 0.9)
    expect_lt(followed(cold), 0.5)
    expect_lt(
      warm$history$validation_alignment,
      0.6 * cold$history$validation_alignment
    )
  }
  # Fewer dimensions than the reference has, and more.
  expect_gt(followed(begun(n_latent = 2)), 0.8)
  expect_gt(followed(begun(n_latent = 8)), 0.9)
})

test_that("cells without a reference start near those of their type", {
  new <- seq(2, n, by = 3)
  nearest <- function(...) {
    fit <- sailerx(counts, rna[-new, ],
      batch = batch, hidden = 8, n_latent = 4,
      control = quick(epochs = 1, frozen = 1, learning_rate = 1e-9), ...
    )
    z <- embedding(fit)
    similar <- tcrossprod(z[new, ], z[-new, ])
    types <- as.character(sim$cells$cell_type)
    mean(types[-new][max.col(similar)] == types[new])
  }
  expect_gt(nearest(), 0.8)
  expect_gt(nearest(), nearest(warm_start = FALSE) + 0.2)
  expect_gt(nearest(joint = FALSE), 0.8)
})

# More cells, and a reference that only distinguishes the first of their types.
more <- simulate_atac(
  n_cells = 400, n_peaks = 1200, n_types = 3, depth = 150, rare = NULL,
  batch_effect = 0.5, seed = 3
)
types <- as.character(more$cells$cell_type)
coarse <- withr::with_seed(7, {
  outer(3 * (types == "type1"), stats::rnorm(4)) +
    matrix(stats::rnorm(1600), 400)
})
rownames(coarse) <- colnames(more$counts)
begun_at <- function(reference, ...) {
  embedding(sailerx(more$counts, reference,
    hidden = 8,
    control = quick(epochs = 1, frozen = 1, learning_rate = 1e-9), ...
  ))
}

test_that("types unknown to the reference start separated by their peaks", {
  # Share of the cells whose nearest other cell has the same type.
  alike <- function(z) {
    similar <- tcrossprod(z / sqrt(rowSums(z^2))) - diag(2, 400)
    mean(types[max.col(similar)] == types)
  }
  expect_lt(alike(coarse), 0.75)
  expect_gt(alike(begun_at(coarse, batch = more$cells$batch)), 0.9)
  # Without additional dimensions beyond those of the reference.
  expect_lt(alike(begun_at(coarse, n_latent = 4)), 0.75)
})

test_that("z starts without the reference's differences between batches", {
  side <- ifelse(more$cells$batch == "batch1", 1, -1)
  shifted <- coarse + outer(side, c(2, 0, 0, 0))
  explained <- function(...) summary(stats::lm(side ~ begun_at(shifted, ...)))
  expect_gt(explained(n_latent = 4)$r.squared, 0.6)
  expect_lt(explained(n_latent = 4, batch = more$cells$batch)$r.squared, 0.1)
  expect_lt(explained(batch = more$cells$batch)$r.squared, 0.2)
})

test_that("the thesis' preset and a random start have no linear path", {
  expect_false("encoder.peak_weight" %in% names(
    begun(preset = "thesis")$state
  ))
  thesis <- begun(preset = "thesis")
  expect_false(thesis$options$warm_start)
  expect_false(thesis$options$joint)
  cold <- begun(n_latent = 4, warm_start = FALSE)
  expect_equal(attr(cold$state$encoder.reference.weight, "shape"), c(5, 8))
  # A fit of a version from before the warm start.
  cold$options$warm_start <- NULL
  cold$cache <- new.env()
  expect_equal(
    predict(cold, counts, reference = rna), embedding(cold),
    tolerance = 1e-5
  )
})
