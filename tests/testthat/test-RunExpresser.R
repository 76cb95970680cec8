brief_run <- function(object, ...) {
  quietly(RunExpresser(
    object,
    n_embedding = 8, n_layers = 1, n_heads = 2, control = brief_pretraining(),
    ...
  ))
}

test_that("Seurat objects get a reduction, loadings and the fit", {
  skip_if_not_installed("SeuratObject")
  counts <- small_rna()$counts
  object <- SeuratObject::CreateSeuratObject(counts)
  before <- object
  object <- brief_run(object)
  fit <- get_fit(object)
  expect_identical(fit$state, small_expresser()$state)
  expect_identical(capture.output(print(fit)),
                   capture.output(print(small_expresser())))
  values <- SeuratObject::Embeddings(object, "expresser")
  expect_equal(
    unname(values), unname(predict(fit, counts, verbose = FALSE))
  )
  expect_equal(rownames(values), colnames(counts))
  loadings <- SeuratObject::Loadings(object[["expresser"]])
  expect_equal(rownames(loadings), rownames(counts))
  expect_equal(unname(loadings), component_loadings(fit))
  expect_true("RunExpresser.RNA" %in% SeuratObject::Command(object))
  expect_identical(object[["RNA"]], before[["RNA"]])
  expect_equal(gene_embeddings(object), gene_embeddings(fit))
  # A fit embeds other cells without any training.
  other <- SeuratObject::CreateSeuratObject(counts[, 1:20])
  other <- quietly(RunExpresser(other, fit = fit, verbose = FALSE))
  expect_equal(
    unname(SeuratObject::Embeddings(other, "expresser")),
    unname(values[1:20, ]), tolerance = 1e-5
  )
  # For contextual tokens, the loadings are the genes' embeddings.
  other <- quietly(
    RunExpresser(other, fit = fit, readout = "context", verbose = FALSE)
  )
  expect_equal(
    unname(SeuratObject::Loadings(other[["expresser"]])),
    unname(gene_embeddings(fit))
  )
  expect_error(
    RunExpresser(other, fit = 1), "fit", class = "sailer_argument_error"
  )
})

test_that("imputed expression becomes an assay of a Seurat object", {
  skip_if_not_installed("SeuratObject")
  counts <- small_rna()$counts
  object <- SeuratObject::CreateSeuratObject(counts)
  object <- quietly(RunExpresser(object, fit = small_expresser()))
  object <- ImputeExpresser(object, c("gene3", "gene8"), verbose = FALSE)
  expect_equal(
    as.matrix(SeuratObject::GetAssayData(object[["expressed"]])),
    impute(small_expresser(), counts, genes = c("gene3", "gene8"),
           verbose = FALSE),
    tolerance = 1e-6, ignore_attr = TRUE
  )
  expect_error(
    ImputeExpresser(object, "gene99"), "gene99", class = "sailer_argument_error"
  )
  expect_error(
    ImputeExpresser(object, "gene3", new.assay.name = "RNA"), "counts"
  )
  bare <- SeuratObject::CreateSeuratObject(counts)
  expect_error(
    ImputeExpresser(bare, "gene3"), "RunExpresser",
    class = "sailer_argument_error"
  )
})

test_that("SingleCellExperiment objects get reduced dimensions and assays", {
  skip_if_not_installed("SingleCellExperiment")
  counts <- small_rna()$counts
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = counts))
  sce <- brief_run(sce)
  values <- SingleCellExperiment::reducedDim(sce, "EXPRESSER")
  expect_equal(rownames(values), colnames(counts))
  expect_equal(
    attr(values, "rotation"), component_loadings(small_expresser()),
    ignore_attr = TRUE
  )
  expect_identical(get_fit(sce)$state, small_expresser()$state)
  sce <- ImputeExpresser(sce, c("gene3", "gene8"), verbose = FALSE)
  made <- SingleCellExperiment::altExp(sce, "expressed")
  expect_equal(
    SummarizedExperiment::assay(made, "expressed"),
    impute(small_expresser(), counts, genes = c("gene3", "gene8"),
           verbose = FALSE),
    tolerance = 1e-6
  )
  expect_equal(colnames(sce), colnames(counts))
})

test_that("counts in a dense matrix are recognised as counts", {
  skip_if_not_installed("SingleCellExperiment")
  counts <- as.matrix(small_rna()$counts)
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = counts))
  expect_identical(get_fit(brief_run(sce))$state, small_expresser()$state)
  sce <- quietly(RunExpresser(sce, fit = small_expresser(), verbose = FALSE))
  sce <- ImputeExpresser(sce, "gene3", verbose = FALSE)
  made <- SingleCellExperiment::altExp(sce, "expressed")
  expect_equal(
    SummarizedExperiment::assay(made, "expressed"),
    impute(small_expresser(), counts, genes = "gene3", verbose = FALSE),
    tolerance = 1e-6
  )
})

test_that("an interrupted fit can still embed cells", {
  skip_if_not_installed("SingleCellExperiment")
  counts <- small_rna()$counts
  sce <- SingleCellExperiment::SingleCellExperiment(list(counts = counts))
  fit <- small_expresser()
  fit$status <- "interrupted"
  sce <- RunExpresser(sce, fit = fit, verbose = FALSE)
  values <- SingleCellExperiment::reducedDim(sce, "EXPRESSER")
  expect_equal(dim(values), c(80, 6))
})

test_that("other objects are refused", {
  expect_error(RunExpresser(1), "counts", class = "sailer_argument_error")
  expect_error(ImputeExpresser(1), "expresser", class = "sailer_argument_error")
})

test_that("RNA in BPCells layers is read from disk, including fractions", {
  skip_if_not_installed("SeuratObject", "5.0.0")
  counts <- small_rna()$counts
  cells <- colnames(counts)
  stored <- bpcells_matrix(counts)
  halves <- list(counts.a = stored[, cells[1:30]],
                 counts.b = bpcells_matrix(counts[, cells[-(1:30)]]))
  for (given in list(stored, halves)) {
    object <- SeuratObject::CreateSeuratObject(given)
    done <- brief_run(object)
    expect_identical(get_fit(done)$state, small_expresser()$state)
    done <- ImputeExpresser(done, c("gene3", "gene8"), verbose = FALSE)
    expect_equal(
      as.matrix(get_layer(done[["expressed"]], "data")),
      impute(small_expresser(), counts, genes = c("gene3", "gene8"),
             verbose = FALSE),
      tolerance = 1e-6, ignore_attr = TRUE
    )
  }
  expect_equal(
    predict(small_expresser(), stored * 0.5, verbose = FALSE),
    predict(small_expresser(), counts * 0.5, verbose = FALSE)
  )
})
