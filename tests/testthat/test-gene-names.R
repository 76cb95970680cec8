# Genes that share a name, have no name, or occur twice.

test_that("rows with the same name are summed in a corpus, with a warning", {
  x <- rna_counts()
  rownames(x)[2:4] <- "GENE1"
  build <- function(x, ...) {
    build_corpus(list(a = x), local_corpus(), min_cells = 0, verbose = FALSE,
                 ...)
  }
  expect_warning(
    corpus <- build(x), "source \"a\".*4 rows share 1 name.*\"GENE1\".*summed",
    class = "sailer_summed"
  )
  genes <- unique(rownames(x))
  expect_identical(
    corpus_matrix(corpus), expected_matrix(x, match(rownames(x), genes), genes)
  )
  # Versions of the same id are one gene.
  rownames(x) <- rna_ids()
  rownames(x)[1:2] <- paste0("ENSG00000000001.", 1:2)
  expect_no_warning(build(x))
})

test_that("genes without a name are refused with their rows", {
  x <- rna_counts()
  rownames(x)[c(3, 9)] <- c("", NA)
  expect_error(
    build_corpus(list(a = x), local_corpus()),
    "\"a\".*2 genes without a name, the first in row 3",
    class = "sailer_data_error"
  )
})

test_that("activity: genes without a unique name are named by their ids", {
  skip_if_not_installed("GenomicRanges")
  sim <- tiny_simulation()
  fit <- quick_fit(sim$counts)
  genes <- GenomicRanges::GRanges(
    c("chr1:1-20000:+", "chr1:1-20000:-", "chr2:1-20000:+", "chr1:1-900000:+",
      "chr1:5-30000:+", "chr2:5-30000:+"),
    gene_name = c("TWIN", "TWIN", "OWN", "LONG", NA, ""),
    gene_id = c("ENSG1", "ENSG2", "ENSG3", "ENSG4", "ENSG5", "ENSG6"),
    gene_type = "protein_coding"
  )
  notes <- testthat::capture_messages(found <- gene_activity(fit, genes))
  expect_identical(
    rownames(found), c("ENSG1", "ENSG2", "OWN", "LONG", "ENSG5", "ENSG6")
  )
  expect_match(gsub("\n", " ", paste(notes, collapse = " ")),
               "4 genes without a unique name.*\"ENSG1\".*share \"TWIN\"")
  own <- GenomicRanges::GRanges("chr2:1-20000:+", gene_name = "OWN")
  # A BLAS may round differently depending on the number of peaks.
  expect_equal(
    found["OWN", ], gene_activity(fit, own)["OWN", ], tolerance = 1e-6
  )
  # Transcripts of one gene share their name and id, and count as one.
  two <- genes[c(3, 3)]
  expect_silent(expect_identical(rownames(gene_activity(fit, two)), "OWN"))
})

test_that("activity: without ids, lost or merged genes are reported", {
  skip_if_not_installed("GenomicRanges")
  sim <- tiny_simulation()
  fit <- quick_fit(sim$counts)
  genes <- GenomicRanges::GRanges(
    c("chr1:1-20000:+", "chr1:100-30000:+", "chr2:1-20000:+", "chr1:5-50000:-"),
    gene_name = c("A", NA, "A", "B")
  )
  notes <- testthat::capture_messages(found <- gene_activity(fit, genes))
  expect_identical(rownames(found), c("A", "B"))
  notes <- gsub("[[:space:]]+", " ", paste(notes, collapse = " "))
  expect_match(notes, "1 of the 4 ranges.*no gene name.*\"chr1:100-30000:\\+\"")
  expect_match(notes, "1 gene name has ranges on several chromosomes.*\"A\"")
  genes$gene_name[1] <- "caf\xe9"
  expect_error(gene_activity(fit, genes), "caf<e9>",
               class = "sailer_data_error")
})
