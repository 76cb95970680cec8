genes <- data.frame(
  gene = c("SOX2", "ENSG00000000002", "MYC", "Sox4"),
  symbol = c("SOX2", "TWIN", "MYC", "TWIN"),
  ensembl = sprintf("ENSG%011d", 1:4)
)

test_that("genes are found by name, symbol or id, in any mixture", {
  at <- function(names) {
    suppressMessages(match_genes(names, genes), classes = "sailer_note")
  }
  expect_identical(at(c("MYC", "SOX2")), c(3L, 1L))
  expect_identical(at(genes$ensembl[c(2, 4)]), c(2L, 4L))
  expect_identical(at(paste0(genes$ensembl, ".12")), 1:4)
  expect_identical(
    at(c("SOX2", "ENSG00000000001.3", "myc", "ENSG00000000003", "Sox4")),
    c(1L, 1L, NA, 3L, 4L)
  )
  # A symbol that is shared by two genes matches neither.
  expect_identical(at(c("TWIN", "MYC")), c(NA, 3L))
})

test_that("unknown genes are reported", {
  expect_message(
    match_genes(c("MYC", "ALB", "INS"), genes, "the query"),
    "2 of the 3 genes of the query.*ALB", class = "sailer_note"
  )
  expect_no_message(match_genes(c("MYC", "ALB"), genes, note = FALSE))
  expect_no_message(match_genes(genes$symbol[c(1, 3)], genes))
})

test_that("mismatched genes are refused with the likely reason", {
  many <- data.frame(
    gene = rna_genes(), symbol = rna_genes(), ensembl = NA_character_
  )
  expect_error(
    match_genes(tolower(rna_genes()), many, "the cells"),
    "0 of the 40 genes of the cells.*gene1.*another species",
    class = "sailer_data_error"
  )
  expect_error(match_genes(rna_ids(), many), "these are Ensembl ids")
  expect_error(match_genes(sprintf("%d", 1:50), many), "Entrez")
  many[c("symbol", "ensembl", "gene")] <- list(NA, rna_ids(), rna_ids())
  expect_error(match_genes(rna_genes(), many), "these are not Ensembl ids")
  # A tenth of the smaller set is enough.
  few <- many[1:4, ]
  names <- c(sprintf("X%d", 1:500), rna_ids()[2])
  expect_identical(sum(!is.na(match_genes(names, few, note = FALSE))), 1L)
  expect_true(all(is.na(match_genes("X", few, least = 0, note = FALSE))))
})
