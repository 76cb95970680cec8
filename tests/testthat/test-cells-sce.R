# Experiments as ArchR makes them: one assay with its own name, ranges, and no
# row names.

skip_if_not_installed("SingleCellExperiment")
skip_if_not_installed("GenomicRanges")

sim <- small_simulation()
fields <- do.call(rbind, strsplit(rownames(sim$counts), "-"))
ranges <- GenomicRanges::GRanges(
  fields[, 1], IRanges::IRanges(as.integer(fields[, 2]),
                                as.integer(fields[, 3]))
)

peak_matrix <- function(rows = ranges, counts = sim$counts) {
  rownames(counts) <- NULL
  SummarizedExperiment::SummarizedExperiment(
    list(PeakMatrix = counts), rowRanges = rows,
    colData = S4Vectors::DataFrame(sim$cells)
  )
}
as_sce <- function(x) methods::as(x, "SingleCellExperiment")

test_that("the only assay is used, and rows are named by their ranges", {
  expect_message(cells <- as_cells(peak_matrix()), "only assay.*PeakMatrix",
                 class = "sailer_note")
  expect_identical(dimnames(cells), dimnames(sim$counts))
  expect_identical(read_cells(cells), as.matrix(sim$counts))
  expect_silent(as_cells(peak_matrix(), assay.type = "PeakMatrix"))
  expect_identical(
    rownames(as_cells(peak_matrix(), assay.type = "PeakMatrix",
                      features = rownames(sim$counts)[5:3])),
    rownames(sim$counts)[5:3]
  )
})

test_that("all verbs use the only assay, and report it once", {
  sce <- as_sce(peak_matrix())
  notes <- testthat::capture_messages(done <- brief_run(sce, batch = "batch"))
  expect_length(grep("PeakMatrix", notes), 1)
  plain <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  expect_identical(
    SingleCellExperiment::reducedDim(done, "SAILER"), embedding(plain)
  )
  # The model has all peaks of the object, so the result is another assay.
  done <- suppressMessages(
    brief_run(sce, min_fraction = 0.001, max_fraction = 1)
  )
  done <- ImputeSAILER(done)
  expect_identical(SummarizedExperiment::assayNames(done),
                   c("PeakMatrix", "imputed"))
  expect_error(
    ImputeSAILER(
      suppressMessages(brief_run(sce)), new.assay.name = "PeakMatrix"
    ),
    "holds the counts", class = "sailer_argument_error"
  )
  mapped <- suppressMessages(map_query(get_fit(done), sce))
  expect_equal(SingleCellExperiment::reducedDim(mapped, "SAILER"),
               SingleCellExperiment::reducedDim(done, "SAILER"),
               tolerance = 1e-4)
  genes <- GenomicRanges::GRanges("chr1:1-90000:+", gene_name = "A")
  made <- suppressMessages(GeneActivitySAILER(done, genes))
  expect_true("activity" %in% SingleCellExperiment::altExpNames(made))
})

test_that("two such experiments can form a multiome", {
  rna <- sim$counts[1:20, ]
  rownames(rna) <- paste0("g", 1:20)
  rna@x <- rna@x + 1
  object <- SingleCellExperiment::SingleCellExperiment(
    list(GeneMatrix = rna), altExps = list(ATAC = as_sce(peak_matrix())),
    reducedDims = list(PCA = matrix(
      sin(1:360), 120, dimnames = list(colnames(rna), NULL)
    ))
  )
  notes <- testthat::capture_messages(
    done <- RunSAILERX(object, hidden = 8, n_latent = 3,
                       control = brief_control())
  )
  expect_length(grep("GeneMatrix", notes), 1)
  expect_length(grep("PeakMatrix", notes), 1)
  expect_setequal(get_fit(done)$peaks,
                  intersect(rownames(sim$counts), get_fit(done)$peaks))
})

test_that("an unnamed assay is used if it is the only one", {
  bare <- SummarizedExperiment::SummarizedExperiment(list(sim$counts))
  expect_identical(dimnames(as_cells(bare)), dimnames(sim$counts))
})

test_that("ambiguous assays are refused", {
  several <- SummarizedExperiment::SummarizedExperiment(
    list(a = sim$counts, b = sim$counts)
  )
  expect_error(as_cells(several), "no assay \"counts\".*\"a\" and \"b\"",
               class = "sailer_argument_error")
  expect_error(as_cells(several, assay.type = "c"), "\"a\" and \"b\"",
               class = "sailer_argument_error")
  none <- SummarizedExperiment::SummarizedExperiment(
    colData = S4Vectors::DataFrame(row.names = letters)
  )
  expect_error(as_cells(none), "has no assays",
               class = "sailer_argument_error")
  twice <- ranges
  twice[2] <- twice[1]
  expect_error(suppressMessages(as_cells(peak_matrix(twice))),
               paste0("more than once.*\"", rownames(sim$counts)[1]),
               class = "sailer_data_error")
})
