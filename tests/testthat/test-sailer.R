sim <- tiny_simulation()

test_that("a fit contains what its methods need", {
  fit <- quick_fit(sim$counts, batch = sim$cells$batch, n_latent = 4)
  expect_s3_class(fit, "sailer_fit")
  z <- embedding(fit)
  expect_equal(dim(z), c(150, 4))
  expect_equal(rownames(z), colnames(sim$counts))
  expect_equal(colnames(z), paste0("sailer_", 1:4))
  expect_true(all(is.finite(z)))
  expect_true(all(apply(z, 2, sd) > 0))

  curve <- fit$history
  expect_equal(curve$epoch, 1:3)
  expect_true(all(c(
    "loss", "reconstruction", "kl", "marginal", "beta",
    "validation_log_likelihood"
  ) %in% names(curve)))
  expect_true(all(is.finite(as.matrix(curve))))
  expect_length(fit$validation_cells, 15)
  expect_true(all(fit$validation_cells %in% colnames(sim$counts)))

  open <- sim$counts[fit$peaks, ] > 0
  expect_equal(fit$depth, Matrix::colSums(open))
  fractions <- Matrix::rowMeans(sim$counts > 0)
  expect_setequal(
    fit$peaks, names(which(fractions >= 0.01 & fractions <= 0.9))
  )
})

test_that("the same seed gives the same bits for any state of R's generator", {
  set.seed(1)
  before <- .Random.seed
  one <- quick_fit(sim$counts, batch = sim$cells$batch)
  expect_identical(.Random.seed, before)
  set.seed(99)
  two <- quick_fit(sim$counts, batch = sim$cells$batch)
  expect_identical(embedding(one), embedding(two))
  expect_identical(one$state, two$state)
  other <- quick_fit(sim$counts,
    batch = sim$cells$batch, control = quick(seed = 2)
  )
  expect_false(identical(embedding(one), embedding(other)))
})

test_that("every kind of matrix gives the same embedding", {
  reference <- embedding(quick_fit(sim$counts))
  expect_identical(embedding(quick_fit(as.matrix(sim$counts))), reference)
  expect_identical(
    embedding(quick_fit(as(sim$counts, "TsparseMatrix"))), reference
  )
  binary <- sim$counts
  binary@x[] <- 1
  expect_identical(embedding(quick_fit(binary)), reference)
  expect_identical(embedding(quick_fit(binary > 0)), reference)
})

test_that("a file is streamed in training and embedded as from memory", {
  for (name in c("tiny-10x.h5", "tiny.h5ad")) {
    cells <- open_cells(
      system.file("extdata", name, package = "sailer", mustWork = TRUE)
    )
    block <- core_cells_block(cells$source, seq_len(ncol(cells)))
    counts <- Matrix::sparseMatrix(
      i = block$i, p = block$p, x = block$x, index1 = FALSE,
      dims = dim(cells), dimnames = dimnames(cells)
    )
    fit <- quick_fit(cells, min_fraction = 0.02)
    expect_true(all(is.finite(embedding(fit))))
    expect_identical(predict(fit, cells), predict(fit, counts))
    expect_equal(embedding(fit), predict(fit, counts), tolerance = 1e-5)
    # The kept peaks and the held-out cells do not depend on where the cells
    # are.
    twin <- quick_fit(counts, min_fraction = 0.02)
    expect_identical(twin$peaks, fit$peaks)
    expect_identical(twin$validation_cells, fit$validation_cells)
  }
})

test_that("named labels are matched to the cells", {
  batch <- setNames(as.character(sim$cells$batch), colnames(sim$counts))
  shuffled <- batch[rev(seq_along(batch))]
  expect_identical(
    embedding(quick_fit(sim$counts, batch = batch)),
    embedding(quick_fit(sim$counts, batch = shuffled))
  )
})

test_that("predict embeds the training cells as training did", {
  fit <- quick_fit(sim$counts, batch = sim$cells$batch)
  expect_equal(predict(fit), embedding(fit))
  expect_equal(predict(fit, sim$counts), embedding(fit), tolerance = 1e-5)
  # Peaks in another order, an additional peak, one cell.
  more <- rbind(sim$counts[rev(seq_len(nrow(sim$counts))), ], 1)
  rownames(more)[nrow(more)] <- "chr9-1-2"
  one <- predict(fit, more[, 7, drop = FALSE])
  expect_equal(one, embedding(fit)[7, , drop = FALSE], tolerance = 1e-5)
})

test_that("predict names missing peaks", {
  fit <- quick_fit(sim$counts)
  lost <- fit$peaks[3]
  few <- sim$counts[rownames(sim$counts) != lost, ]
  expect_error(predict(fit, few), lost, class = "sailer_data_error")
})

test_that("a fit survives saveRDS and another process", {
  fit <- quick_fit(sim$counts, batch = sim$cells$batch)
  path <- withr::local_tempfile(fileext = ".rds")
  saveRDS(fit, path)
  again <- readRDS(path)
  expect_equal(predict(again, sim$counts), embedding(fit), tolerance = 1e-5)
  expect_equal(again$history, fit$history)
})

test_that("both architectures and all options train", {
  chromosome <- quick_fit(sim$counts,
    architecture = "chromosome", hidden = c(8, 4)
  )
  expect_equal(
    sort(chromosome$chromosomes),
    sort(unique(sub("-.*", "", chromosome$peaks)))
  )
  expect_equal(sum(chromosome$group_sizes), length(chromosome$peaks))
  # Peaks need not be sorted; the model orders them by chromosome.
  set.seed(3)
  mixed <- sim$counts[sample(nrow(sim$counts)), ]
  fit <- quick_fit(mixed, architecture = "chromosome", hidden = c(8, 4))
  runs <- rle(sub("-.*", "", fit$peaks))
  expect_equal(anyDuplicated(runs$values), 0)

  for (marginal in c("none", "pairwise", "mixture")) {
    for (decoder in c("mirrored", "linear")) {
      fit <- quick_fit(sim$counts,
        marginal = marginal, decoder = decoder, dropout = 0.1,
        thinning = 0.5, input_scale = "l2", lambda = 2, beta = 0.5
      )
      expect_true(all(is.finite(embedding(fit))))
      expect_equal(fit$options$marginal, marginal)
    }
  }
})

test_that('omega = "auto" is the ratio of closed to open entries', {
  fit <- quick_fit(sim$counts, omega = "auto")
  open <- sum(sim$counts[fit$peaks, ] > 0)
  entries <- length(fit$peaks) * ncol(sim$counts)
  expect_equal(fit$options$omega, (entries - open) / open)
})

test_that("batches, covariates and their levels are stored", {
  extra <- data.frame(
    age = seq_len(150) / 10, sex = rep(c("f", "m", "f"), 50)
  )
  fit <- quick_fit(sim$counts, batch = sim$cells$batch, covariates = extra)
  expect_equal(fit$labels$batch, levels(factor(sim$cells$batch)))
  expect_equal(fit$labels$sex, c("f", "m"))
  expect_equal(fit$numbers, "age")
  # depth, two batches, two sexes, age
  expect_equal(fit$n_confounders, 6)
  trained <- setdiff(seq_len(150), match(fit$validation_cells, fit$cells))
  expect_equal(
    fit$scaling$numbers[[1]][["mean"]], mean(extra$age[trained])
  )
  logs <- log(fit$depth[trained])
  expect_equal(fit$scaling$log_depth[["mean"]], mean(logs))
  expect_equal(
    fit$scaling$log_depth[["sd"]], sqrt(mean((logs - mean(logs))^2))
  )
  two <- data.frame(donor = sim$cells$batch, lane = rep(1:3, 50))
  expect_named(quick_fit(sim$counts, batch = two)$labels, c("donor", "lane"))
})

test_that("a single batch is a note, not an error", {
  expect_message(
    fit <- quick_fit(sim$counts, batch = rep("only", 150)), "only"
  )
  expect_equal(fit$n_confounders, 1)
})

test_that("the embedding separates types, but not depth and batch", {
  data <- simulate_atac(
    n_cells = 1500, n_peaks = 3000, n_types = 4, rare = NULL, seed = 5,
    type_specific = 0.1
  )
  train <- function(batch) {
    embedding(sailer(
      data$counts,
      batch = batch, control = usual()
    ))
  }
  z <- train(data$cells$batch)
  clusters <- cutree(hclust(dist(z), "ward.D2"), 4)
  expect_gte(adjusted_rand_index(clusters, data$cells$cell_type), 0.9)
  # A linear embedding of the same width contains depth; a model that is not
  # given the batches contains them.
  open <- as.matrix(Matrix::t(data$counts > 0)) * 1
  linear <- svd(scale(open, scale = FALSE), nu = ncol(z), nv = 0)$u
  depth <- log(data$cells$depth)
  expect_lt(
    mutual_information(z, depth)$mean,
    0.5 * mutual_information(linear, depth)$mean
  )
  expect_lt(
    mutual_information(z, data$cells$batch)$mean,
    0.3 * mutual_information(train(NULL), data$cells$batch)$mean
  )
})

test_that("batches that affect types of deep cells differently are mixed", {
  sim <- simulate_atac(
    n_cells = 900, n_peaks = 4000, n_types = 4, n_batches = 3, depth = 900,
    rare = NULL, batch_effect = 0.5, seed = 2
  )
  # The share of a cell's own batch among its 15 nearest cells.
  own_batch <- function(...) {
    fit <- sailer(
      sim$counts, sim$cells$batch,
      steps = 1000, verbose = FALSE, threads = 1, ...
    )
    nearest <- RANN::nn2(embedding(fit), k = 16)$nn.idx[, -1]
    types <- matrix(sim$cells$cell_type[nearest], nrow(nearest))
    expect_gt(mean(types == sim$cells$cell_type), 0.95)
    batches <- matrix(sim$cells$batch[nearest], nrow(nearest))
    mean(batches == sim$cells$batch)
  }
  expect_gt(own_batch(mixing = 0), 0.8)
  expect_lt(own_batch(), 0.7)
})
