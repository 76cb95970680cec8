test_that("zeros of chosen genes are filled in, counts are kept", {
  fit <- small_expresser()
  counts <- small_rna()$counts
  genes <- c("gene7", "gene2", "gene40")
  found <- impute(fit, counts, genes = genes, verbose = FALSE)
  expect_equal(dimnames(found), list(genes, colnames(counts)))
  known <- log_normal(counts)[genes, ]
  seen <- as.matrix(counts[genes, ]) > 0
  expect_equal(found[seen], known[seen], tolerance = 1e-6)
  expect_true(all(found[!seen] > 0))
  all <- impute(fit, counts, genes = genes, keep = FALSE, verbose = FALSE)
  expect_gt(mean(abs(all[seen] - known[seen])), 0.01)
  some <- impute(
    fit, counts, genes = genes, cells = colnames(counts)[5:4], adapt = FALSE,
    verbose = FALSE
  )
  alone <- impute(fit, counts, genes = genes, adapt = FALSE, verbose = FALSE)
  expect_equal(some, alone[, 5:4], tolerance = 1e-6)
})

test_that("positions are masked regardless of their count, in order", {
  fit <- small_expresser()
  counts <- small_rna()$counts
  positions <- data.frame(
    gene = c("gene3", "gene9", "gene3"), cell = c("cell7", "cell2", "cell1")
  )
  found <- impute(fit, counts, positions = positions, verbose = FALSE)
  backward <- impute(fit, counts, positions = positions[3:1, ], verbose = FALSE)
  expect_equal(backward, rev(found), tolerance = 1e-6)
  # A masked count only affects the total, which stays the same here.
  moved <- counts
  other <- setdiff(which(counts[, "cell7"] > 0), 3)[1]
  both <- data.frame(
    gene = c("gene3", rownames(counts)[other]), cell = "cell7"
  )
  total <- counts[3, "cell7"] + counts[other, "cell7"]
  moved[3, "cell7"] <- 1
  moved[other, "cell7"] <- total - 1
  expect_equal(
    impute(fit, moved, positions = both, verbose = FALSE),
    impute(fit, counts, positions = both, verbose = FALSE), tolerance = 1e-5
  )
})

test_that("predictions follow the truth in cells not used for training", {
  sim <- simulate_rna(n_cells = 400, n_genes = 60, seed = 3)
  training <- sim$counts[, 1:340]
  fit <- train_expresser(
    training,
    n_embedding = 32,
    control = brief_pretraining(epochs = 80, learning_rate = 0.003)
  )
  new <- sim$counts[, 341:400]
  positions <- subset(
    data.frame(
      gene = rep(rownames(new), ncol(new)),
      cell = rep(colnames(new), each = nrow(new)),
      count = as.vector(as.matrix(new))
    ),
    count > 0
  )
  positions <- positions[seq(1, nrow(positions), by = 7), ]
  truth <- log_normal(new)[cbind(positions$gene, positions$cell)]
  found <- impute(fit, new, positions = positions, verbose = FALSE)
  values <- log_normal(training)
  means <- rowSums(values) / rowSums(values > 0)
  by_gene <- means[positions$gene]
  expect_gt(cor(found, truth), cor(by_gene, truth) + 0.05)
})

test_that("for other data, predictions are shifted to its gene levels", {
  sim <- simulate_rna(n_cells = 400, n_genes = 60, seed = 3)
  fit <- train_expresser(
    sim$counts[, 1:300],
    n_embedding = 16,
    control = brief_pretraining(epochs = 20, learning_rate = 0.003)
  )
  # Another chemistry detects more of some genes.
  new <- sim$counts[, 301:400]
  more <- rep(c(1, 4), length.out = 60)
  other <- methods::as(Matrix::Diagonal(x = more) %*% new, "CsparseMatrix")
  dimnames(other) <- dimnames(new)
  errors <- function(counts) {
    adapted <- function(counts, positions) {
      impute(fit, counts, positions = positions, verbose = FALSE)
    }
    alone <- function(counts, positions) {
      impute(
        fit, counts, positions = positions, adapt = FALSE, verbose = FALSE
      )
    }
    evaluate_imputation(
      counts, list(adapted = adapted, alone = alone),
      drop = 0.1, baselines = NULL
    )$mae
  }
  moved <- errors(other)
  expect_lt(moved[1], 0.8 * moved[2])
  # If the model is already right, nothing is lost.
  same <- errors(new)
  expect_lt(same[1], 1.02 * same[2])
})

test_that("missing genes are imputed, invalid arguments refused", {
  fit <- small_expresser()
  counts <- small_rna()$counts[, 1:4]
  part <- counts[1:50, ]
  expect_silent(
    found <- quietly(impute(fit, part, genes = "gene55", verbose = FALSE))
  )
  expect_true(all(found > 0))
  only <- counts
  only[-3, 1] <- 0
  only[3, 1] <- 5
  expect_equal(
    impute(fit, only, verbose = FALSE,
           positions = data.frame(gene = "gene3", cell = "cell1")),
    NA_real_
  )
  refused <- function(..., what) {
    expect_error(
      impute(fit, counts, ...), what, class = "sailer_argument_error"
    )
  }
  refused(what = "either `genes` or `positions`")
  refused(genes = "gene3", positions = data.frame(), what = "either")
  refused(genes = c("gene3", "gene3"), what = "twice")
  refused(genes = "gene99", what = "gene99")
  refused(genes = "gene3", cells = "cell99", what = "cell99")
  refused(positions = data.frame(gene = "gene3"), what = "cell")
  refused(
    positions = data.frame(gene = "gene3", cell = c("cell1", "cell1")),
    what = "twice"
  )
  refused(genes = "gene3", n_passes = 0, what = "n_passes")
  refused(genes = "gene3", peaks = "x", what = "no option named")
  rownames(counts) <- paste0("other", seq_len(60))
  expect_error(
    impute(fit, counts, genes = "gene3"), class = "sailer_data_error"
  )
  withr::local_options(sailer.max_memory = 10)
  rownames(counts) <- paste0("gene", seq_len(60))
  refused(genes = "gene3", what = "memory")
})
