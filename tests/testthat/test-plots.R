# Colours as people see them: linear RGB, transformed by the matrices of
# Machado, Oliveira and Fernandes (2009) for missing cones, then CIE Lab.
seen_by <- list(
  all = diag(3),
  no_red = rbind(
    c(0.152286, 1.052583, -0.204868), c(0.114503, 0.786281, 0.099216),
    c(-0.003882, -0.048116, 1.051998)
  ),
  no_green = rbind(
    c(0.367322, 0.860646, -0.227968), c(0.280085, 0.672501, 0.047413),
    c(-0.011820, 0.042940, 0.968881)
  ),
  no_blue = rbind(
    c(1.255528, -0.076749, -0.178779), c(-0.078411, 0.930809, 0.147602),
    c(0.004733, 0.691367, 0.303900)
  )
)

# The smallest distance between two of the colours, over all readers.
least_distance <- function(colours) {
  rgb <- t(grDevices::col2rgb(colours)) / 255
  linear <- ifelse(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055)^2.4)
  min(vapply(seen_by, function(matrix) {
    mixed <- pmin(pmax(linear %*% t(matrix), 0), 1)
    back <- ifelse(
      mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed^(1 / 2.4) - 0.055
    )
    min(stats::dist(grDevices::convertColor(back, "sRGB", "Lab")))
  }, 0))
}

test_that("twenty colours are distinguishable for every reader", {
  expect_gt(least_distance(group_palette(20)), 15)
  expect_gt(least_distance(group_palette(2)), 70)
  # The measure works: red, green and brown of a common palette are too close.
  expect_lt(least_distance(c("#D62728", "#2CA02C", "#8C564B")), 15)
  expect_length(unique(group_palette(20)), 20)
  expect_length(unique(group_palette(30)), 30)
})

test_that("values are matched by name, or taken in order", {
  shown <- list(
    values = matrix(0, 3, 2), cells = c("a", "b", "c"),
    depth = function() c(7, 8, 9),
    input = new_input(
      c("a", "b", "c"), NULL, data.frame(type = c("x", "y", "z"))
    )
  )
  value <- function(values) cell_values(values, "colour", shown)
  expect_identical(value(c(1, 2, 3)), c(1, 2, 3))
  expect_identical(value(c(c = 3, a = 1, b = 2, d = 4)), c(1, 2, 3))
  expect_error(value(c(p = 1, q = 2, r = 3)), "not cell names",
               class = "sailer_argument_error")
  expect_identical(value("type"), c("x", "y", "z"))
  expect_identical(value("depth"), c(7, 8, 9))
  shown$input$table$depth <- 4:6
  expect_identical(value("depth"), 4:6)
  expect_error(value("tpye"), "\"type\"", class = "sailer_argument_error")
  expect_error(value(1:2), "2 values", class = "sailer_argument_error")
  expect_error(value(list(1, 2, 3)), "list", class = "sailer_argument_error")
  shown$input <- new_input(c("a", "b", "c"), NULL)
  expect_error(value("type"), "Seurat", class = "sailer_argument_error")
})

test_that("cells of an object are its current ones, in their order", {
  skip_if_not_installed("SeuratObject")
  sim <- small_simulation()
  object <- suppressMessages(brief_run(small_seurat(sim), batch = "batch"))
  fit <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  some <- object[, c(50, 3, 90)]
  shown <- embedded_cells(some)
  expect_setequal(shown$cells, colnames(some))
  expect_identical(shown$values, embedding(fit)[shown$cells, ])
  expect_equal(shown$depth(), unname(fit$depth[shown$cells]))
  expect_identical(
    as.character(cell_values("cell_type", "colour", shown)),
    as.character(sim$cells[shown$cells, "cell_type"])
  )
})

test_that("cells of a SingleCellExperiment have its colData", {
  skip_if_not_installed("SingleCellExperiment")
  sim <- small_simulation()
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  sce <- brief_run(sce, batch = "batch")
  some <- sce[, c(50, 3, 90)]
  shown <- embedded_cells(some)
  expect_setequal(shown$cells, colnames(some))
  expect_identical(
    cell_values("quality", "colour", shown),
    sim$cells[shown$cells, "quality"]
  )
})

test_that("other reductions can be shown and measured as well", {
  skip_if_not_installed("SingleCellExperiment")
  sim <- small_simulation()
  other <- matrix(rnorm(3 * ncol(sim$counts)), ncol = 3)
  rownames(other) <- colnames(sim$counts)
  object <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  SingleCellExperiment::reducedDim(object, "LSI") <- other
  object <- RunSAILER(object, hidden = 8, n_latent = 3, control = quick())
  expect_equal(
    batch_mixing(object, "batch", k = 20, name = "LSI")$summary,
    batch_mixing(other, sim$cells$batch, k = 20)$summary
  )
  shown <- embedded_cells(object, "LSI")
  expect_equal(shown$depth(), unname(Matrix::colSums(sim$counts > 0)))
  expect_s3_class(plot_depth(object, name = "LSI"), "ggplot")
  drawn <- plot_embedding(object, colour = "depth", name = "LSI")
  expect_s3_class(drawn, "ggplot")
  # Without a name the fit's reduction is used; unknown names are refused.
  expect_identical(ncol(embedded_cells(object)$values), 3L)
  expect_false(identical(embedded_cells(object)$values, other))
  expect_error(plot_depth(object, name = "lsi2"), "lsi2")
})

test_that("objects without cells are refused", {
  expect_error(embedded_cells(3), class = "sailer_argument_error")
  bad <- matrix(c(1, NA, 3, 4), 2)
  expect_error(embedded_cells(bad), "missing", class = "sailer_argument_error")
})
