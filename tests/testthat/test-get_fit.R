# Cells of an object belong to those of its fit by their coordinates, whatever
# they are called by now. Names are changed here so that each is another cell's.

sim <- small_simulation()
cells <- colnames(sim$counts)

values_of <- function(object, assay = "imputed") {
  as.matrix(get_old_counts(object[[assay]], "data"))
}

test_that("a renamed cell keeps its coordinates, depth and values", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(small_seurat(sim), batch = "batch")
  fit <- get_fit(object)
  for (names in list(paste0("lane1_", cells), rev(cells))) {
    renamed <- SeuratObject::RenameCells(object, new.names = names)
    own <- get_fit(renamed)
    expect_identical(own$cells, names)
    expect_identical(embedding(own), embedding(fit), ignore_attr = TRUE)
    expect_identical(rownames(embedding(own)), names)
    expect_identical(own$depth, setNames(unname(fit$depth), names))
    expect_identical(
      match(own$validation_cells, names), match(fit$validation_cells, cells)
    )
    groups <- setNames(as.character(sim$cells$cell_type), names)
    expect_identical(
      differential_accessibility(own, rev(groups), "type1", "type2"),
      differential_accessibility(fit, unname(groups), "type1", "type2")
    )
    shown <- embedded_cells(renamed)
    expect_identical(shown$cells, names)
    expect_identical(unname(shown$values), unname(embedding(fit)))
    expect_identical(shown$depth, setNames(unname(fit$depth), names))
    expect_identical(unname(shown$table$quality), sim$cells$quality)
    drawn <- plot_embedding(renamed, "depth", layout = "pca")
    expect_s3_class(drawn, "ggplot")
    imputed <- ImputeSAILER(renamed, features = fit$peaks[1:9])
    expect_identical(
      values_of(imputed),
      structure(
        as.matrix(values_of(ImputeSAILER(object, features = fit$peaks[1:9]))),
        dimnames = list(fit$peaks[1:9], names)
      )
    )
  }
})

test_that("a cell that was taken out is not taken for one that has its name", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(small_seurat(sim))
  part <- SeuratObject::RenameCells(object[, 1:60], new.names = cells[61:120])
  own <- get_fit(part)
  expect_identical(own$cells[1:60], cells[61:120])
  expect_identical(own$cells[61:120], paste(cells[61:120], "(in training)"))
  expect_identical(own$state, get_fit(object)$state)
  expect_identical(get_fit(part[["sailer"]])$cells, own$cells)
  # Without other names the fit is as it was.
  expect_identical(get_fit(object[, 120:61]), get_fit(object))
})

test_that("a renamed reference lends its labels to the right cells", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(small_seurat(sim), batch = "batch")
  query <- simulate_atac(
    n_cells = 30, n_peaks = 300, n_types = 3, rare = NULL, depth = 50, seed = 3
  )$counts
  mapped <- function(reference, labels = "cell_type") {
    suppressMessages(map_query(reference, query, labels = labels))$cells
  }
  expected <- mapped(object)
  renamed <- SeuratObject::RenameCells(object, new.names = rev(cells))
  expect_identical(mapped(renamed), expected)
  expect_identical(
    mapped(renamed, setNames(sim$cells$cell_type, rev(cells))), expected
  )
  # Labels of cells that were taken out are not missed.
  part <- renamed[, c(90:1, 101:110)]
  kept <- setNames(as.character(sim$cells$cell_type), cells)
  kept[c(91:100, 111:120)] <- NA
  expect_identical(mapped(part), mapped(object, kept))
})

test_that("a merged object has no other cell's values", {
  skip_if_not_installed("SeuratObject")
  half <- brief_run(small_seurat(sim)[, 1:60])
  fit <- get_fit(half)
  # Another lane with the same barcodes, trained by itself.
  other <- SeuratObject::RenameCells(
    small_seurat(sim)[, 61:120], new.names = cells[1:60]
  )
  other <- brief_run(other, lambda = 0.5)
  both <- suppressWarnings(merge(
    half, other, add.cell.ids = c("a", "b"), merge.dr = "sailer"
  ))
  expect_error(get_fit(both), "merge.*misc\\$fit <- fit",
               class = "sailer_argument_error")
  expect_error(plot_embedding(both), "holds no fit",
               class = "sailer_argument_error")
  reduction <- both[["sailer"]]
  reduction@misc$fit <- fit
  both[["sailer"]] <- reduction
  both <- ImputeSAILER(both, assay = "ATAC", features = fit$peaks[1:9])
  expected <- impute(fit, sim$counts, peaks = fit$peaks[1:9])
  expect_equal(unname(values_of(both)), unname(expected), tolerance = 1e-4)
  expect_false(is.null(embedded_cells(half)$depth))
  expect_null(embedded_cells(both)$depth)
})

test_that("directions that RunSAILERX() leaves are found too", {
  skip_if_not_installed("SeuratObject")
  skip_if_not_installed("Seurat")
  reference <- matrix(sin(seq_len(600)), 120, dimnames = list(cells, NULL))
  fit <- sailerx(
    sim$counts, reference, rna_depth = setNames(rep(100, 120), cells),
    hidden = 16, n_latent = 4, control = brief_control()
  )
  for (unit in c(TRUE, FALSE)) {
    object <- small_seurat(sim)
    object[["sailerx"]] <- new_reduction(fit, "ATAC", "sailerx_", unit)
    renamed <- SeuratObject::RenameCells(object, new.names = rev(cells))
    held <- held_fit(renamed)
    expect_identical(rows_in_fit(held), 1:120)
    expect_identical(rows_in_fit(held, rev(cells)[c(7, 3)]), c(7L, 3L))
    expect_identical(
      unname(embedded_cells(renamed)$values), unname(embedding(fit, unit))
    )
  }
})

test_that("cells that the fit does not know have no row in it", {
  named <- function(values, names) {
    matrix(values, length(names), dimnames = list(names, NULL))
  }
  known <- named(c(1, 1, 2, 5, 6, 5), c("a", "b", "c"))
  given <- named(c(2, 1, 1, NA, 5, 6, 7, 5), c("a", "e", "b", "c"))
  expect_identical(same_rows(given, known), c(3L, 2L, NA, NA))
  expect_identical(
    same_rows(given[, 1, drop = FALSE], known), rep(NA_integer_, 4)
  )
  # Of equal rows each name has its own.
  twins <- known[c(1, 1, 2), ]
  rownames(twins) <- c("p", "q", "r")
  expect_identical(same_rows(twins[c("q", "p"), ], twins), 2:1)
})

test_that("a renamed experiment keeps what is its cells' own", {
  skip_if_not_installed("SingleCellExperiment")
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  first <- brief_run(sce[, 1:60], min_fraction = 0.05)
  fit <- get_fit(first)
  values <- function(object) {
    made <- SingleCellExperiment::altExp(ImputeSAILER(object), "imputed")
    SummarizedExperiment::assay(made, "imputed")
  }
  renamed <- first
  colnames(renamed) <- rev(colnames(first))
  expect_identical(unname(embedded_cells(renamed)$values),
                   unname(embedding(fit)))
  expect_identical(unname(values(renamed)), unname(values(first)))

  second <- sce[, 61:120]
  colnames(second) <- colnames(first)
  second <- brief_run(second, lambda = 0.5)
  both <- SummarizedExperiment::cbind(first, second)
  colnames(both) <- paste0("cell", 1:120)
  expect_equal(
    unname(values(both)), unname(impute(fit, sim$counts)), tolerance = 1e-4
  )
})
