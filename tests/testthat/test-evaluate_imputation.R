set.seed(6)
profile <- matrix(rexp(50 * 3), 50)
dense <- matrix(rpois(50 * 90, profile[, rep(1:3, 30)] * 1.2), 50)
dimnames(dense) <- list(paste0("gene", 1:50), paste0("cell", 1:90))
counts <- methods::as(dense, "CsparseMatrix")
normal <- log1p(1e4 * sweep(dense, 2, colSums(dense), "/"))
empty <- which(dense == 0, arr.ind = TRUE)
empty <- empty[sample.int(nrow(empty), 300), ]
positions <- data.frame(
  gene = rownames(dense)[empty[, 1]], cell = colnames(dense)[empty[, 2]]
)

# Baselines as functions of counts and named positions.
plain <- lapply(imputation_baselines, function(baseline) {
  function(counts, positions) {
    data <- baseline_data(counts, n_components = 5, k = 6, width = 4, steps = 2,
                          rank = 4)
    unname(baseline(data, list(
      gene = match(positions$gene, rownames(counts)),
      cell = match(positions$cell, colnames(counts))
    )))
  }
})

# Distances of cells in the first five components, from a plain decomposition.
places <- prcomp(t(normal))$x[, 1:5]
distances <- as.matrix(dist(places))

test_that("a share of each cell is dropped before normalisation", {
  seen <- NULL
  spy <- function(counts, positions) {
    seen <<- list(counts = counts, positions = positions)
    rep(1, nrow(positions))
  }
  found <- evaluate_imputation(
    dense, list(spy = spy), drop = 0.3, baselines = NULL
  )
  left <- as.matrix(seen$counts)
  gone <- left != dense
  expect_true(all(left[gone] == 0))
  expect_equal(colSums(gone), round(0.3 * colSums(dense > 0)))
  expect_equal(found$n_positions, sum(gone))
  at <- as.matrix(seen$positions)
  expect_true(all(gone[at]))
  expect_equal(nrow(unique(seen$positions)), sum(gone))
  expect_equal(found$mae, mean(abs(normal[at] - 1)))
})

test_that("a cell keeps at least two of its counts", {
  small <- dense[1:4, 1:20]
  left <- NULL
  evaluate_imputation(
    small, list(keep = function(counts, positions) {
      left <<- colSums(as.matrix(counts) > 0)
      numeric(nrow(positions))
    }),
    drop = 0.99, baselines = NULL
  )
  expect_equal(left, pmin(colSums(small > 0), 2))
})

test_that("measures agree with their definitions", {
  gene <- rep(1:3, c(12, 11, 4))[sample.int(27)]
  truth <- rnorm(27) + gene
  depth <- rnorm(27)
  made <- truth / 2 + rnorm(27)
  made[5] <- NA
  found <- imputation_measures(
    list(truth = truth, gene = gene, depth = depth), made, 10
  )
  known <- !is.na(made)
  y <- truth[known]
  x <- made[known]
  g <- factor(gene[known])
  expect_equal(found[["n_missing"]], 1)
  expect_equal(found[["mae"]], mean(abs(y - x)))
  expect_equal(found[["pearson"]], cor(x, y))
  each <- sapply(1:3, function(k) cor(y[g == k], x[g == k]))
  many <- table(g) >= 10
  expect_equal(found[["n_genes"]], sum(many))
  expect_equal(found[["gene_pearson"]], mean(each[many]))
  expect_equal(
    found[["centred_pearson"]], cor(resid(lm(y ~ g)), resid(lm(x ~ g)))
  )
  d <- depth[known]
  expect_equal(
    found[["depth_free_pearson"]],
    cor(resid(lm(y ~ g + d)), resid(lm(x ~ g + d)))
  )
  # Values that are the same in all cells explain nothing within genes.
  flat <- imputation_measures(
    list(truth = truth, gene = gene, depth = depth), gene / 3, 10
  )
  expect_identical(flat[["gene_pearson"]], 0)
  expect_identical(flat[["centred_pearson"]], 0)
  expect_identical(flat[["depth_free_pearson"]], 0)
  line <- imputation_measures(
    list(truth = truth, gene = gene, depth = depth), gene - 2 * depth, 10
  )
  expect_lt(abs(line[["depth_free_pearson"]]), 1e-6)
  none <- imputation_measures(
    list(truth = truth, gene = gene, depth = depth), rep(NA_real_, 27), 10
  )
  expect_equal(none[["n_missing"]], 27)
  expect_true(is.nan(none[["mae"]]))
})

test_that("means of genes agree with a computation by hand", {
  small <- methods::as(rbind(
    a = c(4, 0, 6, 0), b = c(0, 5, 4, 0), c = c(6, 5, 0, 10), d = 0
  ), "CsparseMatrix")
  colnames(small) <- paste0("cell", 1:4)
  at <- data.frame(gene = c("a", "b", "d", "a"), cell = "cell2")
  value <- function(share) log1p(1e4 * share)
  a <- c(value(0.4), value(0.6))
  b <- c(value(0.5), value(0.4))
  all <- c(a, b, value(0.6), value(0.5), value(1))
  expect_equal(
    plain$gene_mean(small, at), c(mean(a), mean(b), mean(all), mean(a))
  )
  expect_equal(
    plain$gene_mean_all(small, at), c(sum(a), sum(b), 0, sum(a)) / 4
  )
  # Mean counts of 5, 4.5 and (over all) 40 / 7, in a cell of 10.
  expect_equal(
    plain$gene_count(small, at), log1p(1e3 * c(5, 4.5, 40 / 7, 5))
  )
})

test_that("averages of neighbours agree with a plain computation", {
  near <- lapply(1:90, function(i) order(distances[i, ])[2:7])
  of <- function(values) {
    unname(mapply(function(gene, cell) values(gene, near[[cell]], cell),
                  empty[, 1], empty[, 2]))
  }
  expect_equal(
    plain$knn(counts, positions), of(function(g, n, i) mean(normal[g, n]))
  )
  found <- function(x) {
    function(g, n, i) {
      own <- x[g, n]
      mean(c(own[own > 0], mean(x[g, x[g, ] > 0])))
    }
  }
  expect_equal(plain$knn_nonzero(counts, positions), of(found(normal)))
  expect_equal(
    plain$knn_count(counts, positions), of(function(g, n, i) {
      log1p(1e4 * found(dense)(g, n, i) / sum(dense[, i]))
    })
  )
})

test_that("diffusion agrees with a dense operator", {
  kernel <- diag(90)
  for (i in 1:90) {
    own <- order(distances[i, ])[2:13]
    width <- sort(distances[i, ])[5]
    kernel[i, own] <- exp(-distances[i, own] / width)
  }
  kernel <- (kernel + t(kernel)) / 2
  operator <- kernel / rowSums(kernel)
  smooth <- operator %*% operator %*% t(normal)
  # irlba stops at a tolerance.
  expect_equal(
    plain$diffusion(counts, positions), smooth[empty[, 2:1]], tolerance = 1e-5
  )
})

test_that("low rank is a truncated decomposition, ALRA its rescaling", {
  whole <- svd(normal)
  kept <- whole$u[, 1:4] %*% diag(whole$d[1:4]) %*% t(whole$v[, 1:4])
  expect_equal(plain$low_rank(counts, positions), kept[empty], tolerance = 1e-4)
  scaled <- t(sapply(1:50, function(g) {
    x <- kept[g, ]
    x[x <= abs(quantile(x, 0.001))] <- 0
    own <- normal[g, normal[g, ] > 0]
    above <- x[x != 0]
    x[x != 0] <- above * sd(own) / sd(above) +
      (mean(own) - mean(above) * sd(own) / sd(above))
    pmax(x, 0)
  }))
  expect_equal(plain$alra(counts, positions), scaled[empty], tolerance = 1e-4)
})

test_that("irlba and blocks of genes do not change results", {
  skip_if_not_installed("irlba")
  x <- log_normal(counts)
  whole <- svd(normal - rowMeans(normal))
  for (center in list(NULL, unname(Matrix::rowMeans(x)))) {
    wide <- truncated_svd(x, 40, center)
    thin <- truncated_svd(x, 3, center)
    expect_equal(thin$d, wide$d[1:3], tolerance = 1e-6)
    approximation <- function(made) {
      made$u[, 1:3] %*% diag(made$d[1:3]) %*% t(made$v[, 1:3])
    }
    expect_equal(approximation(thin), approximation(wide), tolerance = 1e-3)
  }
  expect_equal(wide$d[1:5], whole$d[1:5])
  block <- function(genes) t(normal[genes, , drop = FALSE])
  for (most in c(90, 300, 1e6)) {
    at <- list(gene = empty[, 1], cell = empty[, 2])
    expect_equal(by_gene_blocks(x, at, block, most), normal[empty])
  }
})

test_that("baselines adapt to small data", {
  tiny <- counts[1:6, 1:5]
  at <- data.frame(gene = "gene1", cell = c("cell1", "cell2"))
  data <- baseline_data(tiny)
  made <- lapply(imputation_baselines, function(baseline) {
    baseline(data, list(gene = c(1, 1), cell = 1:2))
  })
  expect_length(made, 9)
  expect_true(all(is.finite(unlist(made))))
  # Identical cells give no kernel width.
  same <- counts[, rep(1, 8)]
  colnames(same) <- paste0("cell", 1:8)
  expect_equal(
    plain$diffusion(same, at), unname(normal[c("gene1", "gene1"), 1])
  )
})

test_that("methods are called, and missing values are counted", {
  known <- function(counts, positions) {
    ifelse(positions$gene == "gene1", NA, normal[as.matrix(positions)])
  }
  above <- function(counts, positions) 1 + known(counts, positions)
  found <- evaluate_imputation(
    counts, list(known = known, above = above),
    drop = c(0.2, 0.1), baselines = "gene_mean"
  )
  expect_equal(found$drop, rep(c(0.1, 0.2), each = 3))
  expect_equal(found$role, rep(c("method", "method", "baseline"), 2))
  expect_equal(found$mae[found$method == "known"], c(0, 0))
  expect_equal(found$mae[found$method == "above"], c(1, 1))
  expect_equal(found$pearson[found$method != "gene_mean"], rep(1, 4))
  expect_true(all(found$n_missing[found$method == "above"] > 0))
  expect_true(all(found$n_missing[found$method == "gene_mean"] == 0))
})

test_that("a seed determines the drop-out and leaves R's generator", {
  run <- function(seed) {
    evaluate_imputation(
      counts, drop = 0.2, seed = seed, baselines = c("gene_mean", "knn")
    )
  }
  set.seed(9)
  before <- .Random.seed
  first <- run(4)
  expect_identical(.Random.seed, before)
  expect_equal(run(4)$mae, first$mae)
  expect_false(isTRUE(all.equal(run(5)$mae, first$mae)))
})

test_that("results can be printed and plotted", {
  found <- evaluate_imputation(
    counts, drop = c(0.1, 0.3), baselines = c("gene_mean", "gene_mean_all")
  )
  expect_output(print(found), "30 % dropped")
  expect_output(print(found), "method +role +mae +pearson +by_gene")
  picture <- plot(found)
  points <- ggplot2::layer_data(picture, 2)
  expect_equal(nrow(points), 4 * 4)
  expect_setequal(
    round(points$y[points$PANEL == 1], 8), round(found$mae, 8)
  )
  expect_error(plot(found["mae"][0]), class = "error")
})

test_that("invalid arguments are refused by name", {
  refuse <- function(pattern, ..., class = "sailer_argument_error") {
    expect_error(evaluate_imputation(...), pattern, class = class)
  }
  refuse("matrix of counts", as.data.frame(dense))
  refuse("counts", matrix("a"))
  refuse("gene2.*cell3", replace(dense, 2 + 2 * 50, 0.5),
         class = "sailer_data_error")
  refuse("gene2.*cell3", replace(dense, 2 + 2 * 50, -1),
         class = "sailer_data_error")
  refuse("gene2.*cell3", replace(dense, 2 + 2 * 50, NA),
         class = "sailer_data_error")
  refuse("genes have no names", unname(dense), class = "sailer_data_error")
  refuse("Nothing can be dropped", dense[1:2, ], class = "sailer_data_error")
  refuse("drop", dense, drop = 1)
  refuse("drop", dense, drop = NA)
  refuse("min_positions", dense, min_positions = 1)
  refuse("unique name", dense, list(function(counts, positions) 1))
  refuse("function of counts", dense, list(a = 1))
  refuse("\"a\" must return", dense, list(a = function(counts, positions) 1))
  refuse("infinite", dense, list(a = function(counts, positions) {
    rep(Inf, nrow(positions))
  }))
  refuse("name of a baseline", dense, list(knn = function(...) 1))
  refuse("no baseline \"magic\"", dense, baselines = "magic")
  refuse("nothing to evaluate", dense, baselines = NULL)
})

test_that("a fit of expresser() is evaluated with the baselines", {
  fit <- small_expresser()
  counts <- small_rna()$counts
  found <- quietly(evaluate_imputation(
    counts, list(Expresser = fit), drop = 0.2, baselines = "gene_mean"
  ))
  row <- found[found$method == "Expresser", ]
  expect_true(is.finite(row$mae) && is.finite(row$pearson))
  expect_equal(row$n_missing, 0)
  # There are no predictions for genes that the fit does not know.
  rownames(counts)[60] <- "stranger"
  partly <- quietly(evaluate_imputation(
    counts, list(Expresser = fit), drop = 0.2, baselines = "gene_mean"
  ))
  expect_gt(partly$n_missing[partly$method == "Expresser"], 0)
})
