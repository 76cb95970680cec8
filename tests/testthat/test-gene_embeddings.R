test_that("gene embeddings have names and agree with the state", {
  fit <- small_expresser()
  values <- gene_embeddings(fit)
  expect_equal(dim(values), c(60, 8))
  expect_equal(rownames(values), fit$genes$gene)
  # The components come first, then the learned part.
  first <- c(
    readBin(fit$state[["genes.components"]], "numeric", 6, size = 4),
    readBin(fit$state[["genes.weight"]], "numeric", 2, size = 4)
  )
  expect_equal(unname(values[1, ]), first)
  some <- gene_embeddings(fit, c("gene9", "gene2"))
  expect_equal(some, values[c("gene9", "gene2"), ])
  expect_equal(
    colMeans(gene_embeddings(fit, center = TRUE)), colMeans(values) * 0,
    tolerance = 1e-7
  )
})

test_that("tokens contain the principal components of the training cells", {
  counts <- small_rna()$counts
  fit <- train_expresser(
    counts, control = brief_pretraining(epochs = 1, validation = 0)
  )
  found <- gene_embeddings(fit)[, 1:6]
  expected <- stats::prcomp(t(log_normal(counts)), rank. = 6)
  expected <- expected$rotation %*% diag(expected$sdev[1:6])
  expected <- asinh(expected / stats::median(abs(expected)))
  # Only the first ones, which are separate from noise.
  for (k in 1:3) {
    expect_gt(abs(stats::cor(found[, k], expected[, k])), 0.99)
  }
  expect_equal(sqrt(mean(found^2)), 0.5, tolerance = 1e-5)
  # Training does not change them.
  longer <- train_expresser(
    counts, control = brief_pretraining(epochs = 3, validation = 0)
  )
  expect_identical(gene_embeddings(longer)[, 1:6], found)
  expect_false(identical(gene_embeddings(longer)[, 7:8],
                         gene_embeddings(fit)[, 7:8]))
})

test_that("contextual embeddings are means over cells with the gene", {
  fit <- small_expresser()
  counts <- small_rna()$counts
  all <- gene_embeddings(fit, x = counts, verbose = FALSE)
  expect_equal(dim(all), c(60, 8))
  # The means of parts, weighted by the cells with the gene, give the overall
  # mean.
  parts <- list(counts[, 1:30], counts[, 31:80])
  found <- lapply(parts, function(x) {
    gene_embeddings(fit, "gene3", x = x, token_budget = 1, verbose = FALSE)
  })
  n <- vapply(parts, function(x) sum(x["gene3", ] > 0), 0)
  expect_equal(
    (n[1] * found[[1]] + n[2] * found[[2]]) / sum(n),
    all["gene3", , drop = FALSE], tolerance = 1e-5
  )
  lacking <- counts[setdiff(rownames(counts), "gene3"), ]
  some <- quietly(gene_embeddings(fit, x = lacking, verbose = FALSE))
  expect_equal(rownames(some), rownames(lacking))
  expect_error(
    quietly(gene_embeddings(fit, "gene3", x = lacking, verbose = FALSE)),
    "gene3", class = "sailer_argument_error"
  )
})

test_that("genes of a program are placed close together", {
  sim <- simulate_rna(
    n_cells = 600, n_genes = 60, n_programs = 4, seed = 5, depth = 600
  )
  fit <- train_expresser(
    sim$counts,
    n_embedding = 16,
    control = brief_pretraining(epochs = 40, learning_rate = 0.005)
  )
  values <- gene_embeddings(fit, rownames(sim$genes), center = TRUE)
  values <- values / sqrt(rowSums(values^2))
  cosines <- tcrossprod(values)
  diag(cosines) <- -Inf
  near <- apply(cosines, 1, order, decreasing = TRUE)[1:3, ]
  program <- sim$genes$program
  same <- program[col(near)] == program[near]
  expect_gt(mean(same), 0.5) # 0.24 by chance
})

test_that("genes are found by any of their names, others are refused", {
  fit <- small_expresser()
  fit$genes$ensembl <- paste0("ENSG", seq_len(60))
  expect_equal(rownames(gene_embeddings(fit, "ENSG7")), fit$genes$gene[7])
  expect_error(
    gene_embeddings(fit, "gene999"), "gene999", class = "sailer_argument_error"
  )
  expect_error(gene_embeddings(fit, 3), "names of genes")
  expect_error(
    gene_embeddings(list()), "expresser", class = "sailer_argument_error"
  )
})
