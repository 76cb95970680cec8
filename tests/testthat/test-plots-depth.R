depth <- withr::with_seed(1, rlnorm(400, 5))
values <- withr::with_seed(2, cbind(
  dependent = log(depth) + rnorm(400, sd = 0.1), independent = rnorm(400)
))

test_that("panels show each dimension's information about depth", {
  picture <- plot_depth(values, depth)
  information <- mutual_information(values, log(depth))$dimensions
  expect_identical(levels(picture$data$dimension), sprintf(
    "%s\nI %.3f, r %.2f", c("dependent", "independent"), information,
    cor(values, log(depth))
  ))
  expect_match(picture$labels$title, sprintf("%.3f nats", mean(information)))
  points <- ggplot2::layer_data(picture, 1)
  dependent <- points[points$PANEL == 1, ]
  order <- order(dependent$x)
  expect_equal(dependent$x[order], sort(log10(depth)))
  expect_equal(dependent$y[order], unname(values[order(depth), "dependent"]))
  expect_null(picture$labels$caption)
})

test_that("the line goes through the medians of groups of equal size", {
  line <- ggplot2::layer_data(plot_depth(values, depth), 2)
  line <- line[line$PANEL == 1, ]
  expect_identical(nrow(line), 20L)
  lowest <- order(depth)[1:20]
  expect_equal(line$x[1], log10(median(depth[lowest])))
  expect_equal(line$y[1], median(values[lowest, "dependent"]))
})

test_that("many cells are thinned, and the caption says so", {
  picture <- plot_depth(values, depth, max_cells = 50)
  expect_identical(nrow(ggplot2::layer_data(picture, 1)), 100L)
  expect_identical(picture$labels$caption, "50 of 400 cells are shown")
  # The measures and the line use all cells.
  whole <- plot_depth(values, depth)
  expect_identical(picture$labels$title, whole$labels$title)
  expect_equal(
    ggplot2::layer_data(picture, 2)$y, ggplot2::layer_data(whole, 2)$y
  )
})

test_that("dimensions can be chosen; default: the most informative", {
  one <- plot_depth(values, depth, dimensions = "independent")
  # The title is about all dimensions, regardless of which ones are shown.
  expect_identical(one$labels$title, plot_depth(values, depth)$labels$title)
  expect_match(levels(one$data$dimension), "^independent")
  expect_match(
    levels(plot_depth(values, depth, dimensions = 1)$data$dimension),
    "^dependent"
  )
  many <- withr::with_seed(3, matrix(rnorm(400 * 19), 400))
  many <- cbind(many, log(depth))
  shown <- levels(plot_depth(many, depth)$data$dimension)
  expect_length(shown, 16)
  expect_true(any(grepl("dimension 20", shown)))
  constant <- plot_depth(cbind(values, 1), depth)
  expect_match(levels(constant$data$dimension)[3], "r NA")
})

test_that("a fit provides its depth", {
  sim <- tiny_simulation()
  fit <- quick_fit(sim$counts, n_latent = 2)
  picture <- plot_depth(fit)
  expect_setequal(picture$data$depth, fit$depth)
  expect_match(levels(picture$data$dimension)[1], "^sailer_1\n")
  # Another measure of depth, in another order, matched by name.
  fragments <- rev(Matrix::colSums(sim$counts))
  picture <- plot_depth(fit, fragments, dimensions = 1)
  first <- match(picture$data$value, embedding(fit)[, 1])
  expect_equal(
    picture$data$depth, unname(fragments[rownames(embedding(fit))[first]])
  )
})

test_that("directions of SAILERX are measured, as stored in objects", {
  sim <- tiny_simulation()
  rna <- reference_like_types(sim)
  fit <- sailerx(sim$counts, rna, hidden = 8, n_latent = 3, control = quick())
  directions <- embedding(fit)
  expect_identical(
    plot_depth(fit)$labels$title, plot_depth(directions, fit$depth)$labels$title
  )
  batch <- sim$cells$batch
  expect_identical(
    batch_mixing(fit, batch, k = 20), batch_mixing(directions, batch, k = 20)
  )
  expect_identical(
    plot_embedding(fit, batch, layout = "pca")$data,
    plot_embedding(directions, batch, layout = "pca")$data
  )
  skip_if_not_installed("SingleCellExperiment")
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells,
    reducedDims = list(PCA = rna), altExps = list(ATAC = sce)
  )
  sce <- RunSAILERX(
    sce, altexp = "ATAC", hidden = 8, n_latent = 3, control = quick()
  )
  held <- SingleCellExperiment::reducedDim(sce, "SAILERX")
  expect_equal(unname(rowSums(held^2)), rep(1, 150))
  depth <- sim$cells$depth
  expect_identical(
    plot_depth(sce, "depth")$data, plot_depth(held, depth)$data
  )
  expect_identical(
    batch_mixing(sce, "batch", k = 20), batch_mixing(held, batch, k = 20)
  )
})

test_that("invalid arguments are refused by name", {
  refuse <- function(pattern, ...) {
    expect_error(plot_depth(...), pattern, class = "sailer_argument_error")
  }
  refuse("depth", values)
  refuse("above 0", values, c(0, depth[-1]))
  refuse("numeric", values, rep("a", 400))
  refuse("400", values, depth[-1])
  refuse("dimensions", values, depth, dimensions = 3)
  refuse("dimensions", values, depth, dimensions = "none")
  refuse("max_cells", values, depth, max_cells = 0)
})
