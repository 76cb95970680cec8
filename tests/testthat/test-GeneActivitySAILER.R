skip_if_not_installed("GenomicRanges")

few_genes <- function() {
  GenomicRanges::GRanges(
    c("chr1:5000-40000:+", "chr2:5000-60000:-"), gene_name = c("A", "B")
  )
}

test_that("a Seurat object gets an assay and is otherwise unchanged", {
  skip_if_not_installed("SeuratObject")
  sim <- small_simulation()
  object <- brief_run(small_seurat(sim), batch = "batch")
  out <- GeneActivitySAILER(object, few_genes(), batch = "batch2")
  expect_equal(SeuratObject::DefaultAssay(out), "ATAC")
  got <- get_layer(out[["activity"]], "data")
  fit <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  expect_equal(
    as.matrix(got), gene_activity(fit, few_genes(), batch = "batch2")
  )
  expect_identical(
    get_layer(out[["ATAC"]], "counts"),
    get_layer(object[["ATAC"]], "counts")
  )
  expect_error(
    GeneActivitySAILER(object, few_genes(), new.assay.name = "ATAC"),
    class = "sailer_argument_error"
  )
  expect_error(
    GeneActivitySAILER(object, few_genes(), upstreem = 3), "upstream",
    class = "sailer_argument_error"
  )
  expect_error(
    GeneActivitySAILER(object, few_genes(), normalise = "most"), "normalise"
  )
  expect_error(
    GeneActivitySAILER(small_seurat(sim), few_genes()),
    class = "sailer_argument_error"
  )
})

test_that("an existing assay with the same key keeps it", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(small_seurat(small_simulation()))
  genes <- matrix(1, 2, 120, dimnames = list(c("A", "B"), colnames(object)))
  object[["ACTIVITY"]] <- SeuratObject::CreateAssayObject(genes)
  expect_no_warning(out <- GeneActivitySAILER(object, few_genes()))
  keys <- SeuratObject::Key(out)
  expect_identical(keys[["ACTIVITY"]], "activity_")
  expect_identical(keys[["activity"]], "activity1_")
  # The second time it is the same assay with the same key.
  out <- GeneActivitySAILER(out, few_genes())
  expect_identical(SeuratObject::Key(out)[["activity"]], "activity1_")
})

test_that("a SingleCellExperiment gets an alternative experiment", {
  skip_if_not_installed("SingleCellExperiment")
  sim <- small_simulation()
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  object <- brief_run(sce[, 1:100], batch = "batch")
  out <- GeneActivitySAILER(object, few_genes(), normalise = "mean")
  made <- SingleCellExperiment::altExp(out, "activity")
  expect_equal(
    SummarizedExperiment::assay(made, "activity"),
    gene_activity(
      get_fit(object), few_genes(), x = sim$counts[, 1:100], normalise = "mean"
    ), tolerance = 1e-5
  )
  # Cells without coordinates are embedded from their counts.
  all <- GeneActivitySAILER(sce, few_genes(), fit = get_fit(object))
  values <- SummarizedExperiment::assay(
    SingleCellExperiment::altExp(all, "activity"), "activity"
  )
  expect_equal(dim(values), c(2, 120))
  expect_equal(
    values[, 101:120],
    gene_activity(get_fit(object), few_genes(), x = sim$counts[, 101:120]),
    tolerance = 1e-5
  )
  expect_error(
    GeneActivitySAILER(sim$counts, few_genes()), "fit",
    class = "sailer_argument_error"
  )
})
