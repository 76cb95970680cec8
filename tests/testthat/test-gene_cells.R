test_that("counts of genes are kept, in every container", {
  counts <- rna_counts()[, -50]
  counts[2, 3] <- 4.25
  same <- function(x) {
    cells <- gene_cells(x)
    expect_identical(unname(read_cells(cells)), unname(counts))
  }
  same(counts)
  same(sparse(counts))
  same(methods::as(sparse(counts), "unpackedMatrix"))
  skip_if_not_installed("DelayedArray")
  same(DelayedArray::DelayedArray(counts))
  same(DelayedArray::DelayedArray(sparse(counts)) * 1)
  skip_if_not_installed("SingleCellExperiment")
  same(SingleCellExperiment::SingleCellExperiment(
    list(counts = DelayedArray::DelayedArray(counts) + 0)
  ))
})

test_that("the input of models of peaks is not affected", {
  expect_equal(max(read_cells(as_cells(rna_counts()))), 1)
  expect_error(as_cells(rna_counts() / 2), "The count of peak")
})

test_that("error messages mention genes", {
  counts <- rna_counts()
  expect_error(gene_cells(counts), "1 cell has no count of any gene.*cell50",
               class = "sailer_data_error")
  counts[4, 5] <- -1
  expect_error(
    gene_cells(sparse(counts)),
    "count of gene.*GENE4.*cell5.*negative", class = "sailer_data_error"
  )
  expect_error(gene_cells(counts), "count of gene.*GENE4.*cell5.*negative")
  bare <- rna_counts()
  rownames(bare) <- NULL
  expect_error(gene_cells(bare), "The genes have no names")
  rownames(bare) <- rep("A", 40)
  expect_error(gene_cells(bare), "gene names? occurs? more than once")
  expect_error(gene_cells(rna_counts()[0, ]), "no genes")
  expect_error(gene_cells(rna_counts()[, 0]), "Genes are expected")
  expect_error(gene_cells(3), "genes x cells")
})
