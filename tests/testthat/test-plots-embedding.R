values <- withr::with_seed(1, matrix(rnorm(300), 100))
rownames(values) <- paste0("cell", 1:100)
type <- rep(c("b", "a", NA, "c"), 25)

# The drawn cells in the order of `values`, identified by their positions in a
# layout in which every cell has a different one.
places <- cbind("first axis" = 1:100, "second axis" = 100:1)
drawn <- function(...) {
  picture <- plot_embedding(values, ..., layout = places)
  data <- ggplot2::layer_data(picture, 1)
  list(
    picture = picture, data = data[order(data$x), ], order = data$x,
    labels = picture$labels
  )
}

test_that("every cell is drawn at its position, in its colour", {
  shown <- drawn(type)
  expect_equal(shown$data$y, 100:1)
  colours <- c(a = "#0072B2", b = "#E69F00", c = "#009E73")[type]
  colours[is.na(type)] <- "grey80"
  expect_identical(shown$data$colour, unname(colours))
  expect_identical(shown$labels$x, "first axis")
  expect_identical(shown$labels$y, "second axis")
  expect_true(all(drawn()$data$colour == "grey40"))
})

test_that("cells are drawn in a random order, unknown ones first", {
  shown <- drawn(type)
  expect_true(is.unsorted(shown$order))
  unknown <- is.na(type)[shown$order]
  expect_identical(unknown, sort(unknown, decreasing = TRUE))
  before <- withr::with_seed(9, rnorm(1))
  withr::with_seed(9, {
    expect_identical(drawn(type)$order, shown$order)
    expect_identical(rnorm(1), before)
  })
})

test_that("numbers have a scale, depth a logarithmic one", {
  shown <- drawn(seq_len(100))
  scale <- shown$picture$scales$get_scales("colour")
  expect_s3_class(scale, "ScaleContinuous")
  expect_length(unique(shown$data$colour), 100)
  fit <- quick_fit(tiny_simulation()$counts)
  picture <- plot_embedding(fit, "depth", layout = "pca")
  expect_identical(picture$labels$colour, "depth")
  scale <- picture$scales$get_scales("colour")
  transform <- scale$get_transformation %||% function() scale$trans
  expect_identical(transform()$name, "log-10")
  expect_setequal(picture$data$colour, fit$depth)
})

test_that("labels are at the medians of the groups, without a legend", {
  picture <- plot_embedding(values, type, layout = places, label = TRUE)
  names <- picture$layers[[2]]$data
  expect_identical(names$name, c("a", "b", "c"))
  expect_equal(unname(names$x), c(50, 49, 52))
  guide <- picture$scales$get_scales("colour")$guide
  expect_identical(guide, "none")
  expect_silent(ggplot2::ggplot_build(picture))
})

test_that("labels work without ggrepel", {
  points <- data.frame(
    x = c(1, 3, 5), y = c(2, 4, 8), colour = factor(c("a", "a", "b"))
  )
  expect_silent(names <- names_of_groups(points, repel = FALSE))
  drawn <- ggplot2::ggplot() + names
  expect_silent(shown <- ggplot2::layer_data(drawn))
  expect_equal(shown[c("x", "y", "label")], data.frame(
    x = c(2, 5), y = c(3, 8), label = c("a", "b")
  ), ignore_attr = TRUE)
  border <- c(names$geom_params$label.size, names$aes_params$linewidth)
  expect_identical(border, 0)
})

test_that("principal components agree with prcomp(), with their share", {
  pca <- lay_out(values, "pca", 1)
  expected <- prcomp(values)
  expect_equal(unname(pca), unname(expected$x[, 1:2]))
  share <- expected$sdev^2 / sum(expected$sdev^2)
  expect_identical(
    colnames(pca), sprintf("PC %d (%.0f %%)", 1:2, 100 * share[1:2])
  )
  expect_identical(rownames(pca), rownames(values))
  one <- lay_out(values[, 1, drop = FALSE], "pca", 1)
  expect_identical(dim(one), c(100L, 2L))
  picture <- plot_embedding(values, type, layout = "pca")
  expect_identical(picture$labels$x, colnames(pca)[1])
})

test_that("UMAP is reproducible and leaves R's generator alone", {
  skip_if_not_installed("uwot")
  before <- withr::with_seed(9, rnorm(1))
  withr::with_seed(9, {
    first <- lay_out(values, "umap", 1)
    expect_identical(rnorm(1), before)
  })
  expect_identical(lay_out(values, "umap", 1), first)
  expect_false(identical(lay_out(values, "umap", 2), first))
  expect_identical(colnames(first), c("UMAP 1", "UMAP 2"))
  expect_identical(plot_embedding(values)$labels$x, "UMAP 1")
  # Two distant clouds stay separate.
  apart <- values + 100 * (seq_len(100) > 50)
  two <- lay_out(apart, "umap", 1)
  cluster <- with_own_seed(1, kmeans(two, 2, nstart = 5))$cluster
  expect_identical(adjusted_rand_index(cluster, seq_len(100) > 50), 1)
  # Fewer cells than neighbours.
  expect_identical(dim(lay_out(values[1:12, ], "umap", 1)), c(12L, 2L))
})

test_that("the layout does not depend on installed packages", {
  local_missing("uwot")
  expect_error(
    plot_embedding(values), "uwot.*pca", class = "sailer_argument_error"
  )
  expect_match(plot_embedding(values, layout = "pca")$labels$x, "^PC 1")
})

test_that("given coordinates are matched by cell names", {
  mixed <- places[sample(100), ]
  rownames(mixed) <- paste0("cell", mixed[, 1])
  picture <- plot_embedding(values, seq_len(100), layout = mixed)
  expect_equal(picture$data$x, picture$data$colour)
})

test_that("points are smaller where there are more", {
  expect_identical(point_size(100), 2)
  expect_gt(point_size(5000), point_size(50000))
  expect_identical(point_size(1e7), 0.3)
  expect_true(all(drawn(size = 0.7)$data$size == 0.7))
})

test_that("invalid arguments are refused by name", {
  refuse <- function(pattern, ...) {
    expect_error(plot_embedding(...), pattern, class = "sailer_argument_error")
  }
  refuse("umap.*pca", values, layout = "tsne")
  refuse("umap.*pca", values, layout = NULL)
  refuse("two columns", values, layout = matrix(1:100, 100))
  refuse("100", values, layout = places[-1, ])
  refuse("colour", values, 1:3, layout = places)
  refuse("label", values, layout = places, label = 3)
  refuse("size", values, layout = places, size = "a")
  skip_if_not_installed("SeuratObject")
  sim <- small_simulation()
  object <- brief_run(small_seurat(sim))
  refuse("`colour` must be one column, not \"batch\" and \"quality\"",
         object, c("batch", "quality"), layout = "pca")
})
