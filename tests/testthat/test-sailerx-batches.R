# Several multiome batches, one of which has its own cell type (figure 3.12).

sim <- simulate_atac(
  n_cells = 720, n_peaks = 1200, n_types = 4, n_batches = 3, depth = 120,
  batch_effect = 0.5, rare = 0.12, rare_batch = 2, type_specific = 0.1,
  seed = 3
)
types <- as.character(sim$cells$cell_type)
batch <- sim$cells$batch
unique_type <- types == "rare1"

# RNA that distinguishes the types, but with so much noise that it does not
# suffice alone.
rna <- withr::with_seed(5, {
  matrix(rnorm(4 * 8), 4)[sim$cells$cell_type, ] +
    matrix(rnorm(8 * nrow(sim$cells), sd = 0.8), ncol = 8)
})
rownames(rna) <- colnames(sim$counts)

lsi <- function(counts, n) {
  open <- t(as.matrix(counts > 0)) / Matrix::colSums(counts > 0)
  idf <- ncol(counts) / Matrix::rowSums(counts > 0)
  parts <- svd(log1p(1e4 * open %*% diag(idf)), n + 1, 0)
  (parts$u %*% diag(parts$d[seq_len(n + 1)]))[, -1]
}

measure <- function(embedding) {
  nn <- nearest_neighbors(embedding, 30)$index + 1
  near <- colMeans(matrix(unique_type[nn], nrow(nn)))
  c(
    purity = mean(near[unique_type]), intruders = mean(near[!unique_type]),
    unmixed = batch_mixing(
      embedding[!unique_type, ], batch[!unique_type],
      k = 30
    )$summary[["deviation"]]
  )
}

test_that("a type in one batch stays separate while shared types mix", {
  expect_identical(unique(as.character(batch[unique_type])), "batch2")
  fit <- sailerx(
    sim$counts, rna,
    batch = batch, hidden = 32, n_latent = 8,
    control = quick(epochs = 25, batch_size = 60)
  )
  guided <- measure(embedding(fit))
  rna_alone <- measure(rna)
  atac_alone <- measure(lsi(sim$counts, 8))
  # There are batch effects to remove: 0.67 would be three separate batches.
  expect_gt(atac_alone[["unmixed"]], 0.5)
  expect_lt(guided[["unmixed"]], 0.2)
  # Both modalities together determine the type better than RNA alone.
  expect_gt(guided[["purity"]], 0.78)
  expect_gt(guided[["purity"]], rna_alone[["purity"]] + 0.1)
  expect_lt(guided[["intruders"]], 0.025)
  expect_lt(guided[["intruders"]], rna_alone[["intruders"]])
})
