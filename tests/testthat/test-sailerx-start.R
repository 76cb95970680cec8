# Where SAILERX begins: at the reference, and at what open peaks tell of it.

sim <- tiny_simulation()
counts <- sim$counts
batch <- sim$cells$batch
cells <- colnames(counts)
n <- length(cells)

rna <- reference_like_types(sim)

# How well similarities of the embedding follow those of the reference.
followed <- function(fit, reference = rna) {
  cosine <- function(x) tcrossprod(x / sqrt(rowSums(x^2)))
  pairs <- lower.tri(diag(nrow(reference)))
  stats::cor(
    cosine(embedding(fit)[rownames(reference), ])[pairs],
    cosine(reference)[pairs]
  )
}

# As it was before the first step, near enough: z of the start.
begun <- function(...) {
  sailerx(counts, rna,
    batch = batch, hidden = 8,
    control = quick(epochs = 1, frozen = 1, learning_rate = 1e-9), ...
  )
}

test_that("a warm start begins near the reference, a random one does not", {
  for (architecture in c("dense", "chromosome")) {
    warm <- begun(architecture = architecture, n_latent = 4)
    cold <- begun(
      architecture = architecture, n_latent = 4, warm_start = FALSE
    )
    expect_gt(followed(warm), 0.9)
    expect_lt(followed(cold), 0.5)
    expect_lt(
      history(warm)$validation_alignment,
      0.6 * history(cold)$validation_alignment
    )
  }
  # Fewer dimensions than the reference has, or more.
  expect_gt(followed(begun(n_latent = 2)), 0.8)
  expect_gt(followed(begun(n_latent = 8)), 0.9)
})

test_that("cells without a reference begin near those of their type", {
  new <- seq(2, n, by = 3)
  nearest <- function(...) {
    fit <- sailerx(counts, rna[-new, ],
      batch = batch, hidden = 8, n_latent = 4,
      control = quick(epochs = 1, frozen = 1, learning_rate = 1e-9), ...
    )
    z <- embedding(fit, unit = TRUE)
    similar <- tcrossprod(z[new, ], z[-new, ])
    types <- as.character(sim$cells$cell_type)
    mean(types[-new][max.col(similar)] == types[new])
  }
  expect_gt(nearest(), 0.8)
  expect_gt(nearest(), nearest(warm_start = FALSE) + 0.2)
  expect_gt(nearest(joint = FALSE), 0.8)
})

# Share of the cells whose nearest other cell is of their type.
alike <- function(z) {
  z <- z[cells, ] / sqrt(rowSums(z[cells, ]^2))
  similar <- tcrossprod(z) - diag(2, n)
  types <- as.character(sim$cells$cell_type)
  mean(types[max.col(similar)] == types)
}

test_that("types that the reference does not know begin apart by their peaks", {
  one <- sim$cells$cell_type == levels(sim$cells$cell_type)[1]
  ref <- withr::with_seed(7, {
    outer(3 * one, stats::rnorm(4)) + matrix(stats::rnorm(4 * n), n)
  })
  rownames(ref) <- cells
  begun_at <- function(...) {
    embedding(sailerx(counts, ref,
      batch = batch, hidden = 8, min_fraction = 0.01,
      control = quick(epochs = 1, frozen = 1, learning_rate = 1e-9), ...
    ))
  }
  expect_gt(alike(begun_at()), alike(ref) + 0.15)
  expect_gt(alike(begun_at()), alike(begun_at(n_latent = 4)) + 0.1)
})

test_that("the batch of the reference is not where training starts", {
  shifted <- rna + outer(ifelse(batch == levels(batch)[1], 1, -1), rep(0.6, 4))
  dimnames(shifted) <- dimnames(rna)
  told <- function(...) {
    fit <- sailerx(counts, shifted,
      hidden = 8, n_latent = 4,
      control = quick(epochs = 1, frozen = 1, learning_rate = 1e-9), ...
    )
    sum(mutual_information(embedding(fit), batch)$dimensions)
  }
  expect_lt(told(batch = batch), 0.5 * told())
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
  # A fit of a version that knew no warm start.
  cold$options$warm_start <- NULL
  cold$cache <- new.env()
  expect_equal(
    predict(cold, counts, reference = rna), embedding(cold),
    tolerance = 1e-5
  )
})
