expected <- data.frame(
  gene = c("SOX2", "ENSG00000000002", "ENSG00000000003", "ENSG00000000004",
           "MYC"),
  symbol = c("SOX2", "TWIN", "TWIN", NA, "MYC"),
  ensembl = sprintf("ENSG%011d", 1:5),
  biotype = c("protein_coding", "protein_coding", "lncRNA", "protein_coding",
              "protein_coding")
)
table <- data.frame(
  gene_id = paste0(expected$ensembl, c(".1", "", ".12", "", ".3_PAR_Y")),
  gene_name = c("SOX2", "TWIN", "TWIN", "ENSG00000000004", "MYC"),
  gene_biotype = sub("_", "-", expected$biotype)
)

plain <- function(x) {
  rownames(x) <- NULL
  x
}

test_that("tables of common headings become one form", {
  expect_identical(plain(gene_annotation(table)), expected)
  other <- stats::setNames(
    table, c("Gene stable ID version", "HGNC symbol", "Gene type")
  )
  expect_identical(plain(gene_annotation(other)), expected)
  # Its own result, in any order of columns.
  again <- gene_annotation(gene_annotation(table)[4:1])
  expect_identical(plain(again), expected)
})

test_that("repeated rows are one gene, and a symbol is kept where it stands", {
  rows <- rbind(table, table[5:1, ])
  rows$gene_name[1] <- ""
  expect_setequal(gene_annotation(rows)$gene, expected$gene)
  expect_identical(
    gene_annotation(rows)$symbol[gene_annotation(rows)$ensembl ==
                                   expected$ensembl[1]], "SOX2"
  )
})

test_that("tables of symbols alone do", {
  genes <- gene_annotation(data.frame(symbol = c("Sox2", "Myc", "Sox2", NA)))
  expect_identical(genes$gene, c("Sox2", "Myc"))
  expect_true(all(is.na(genes$ensembl)))
})

test_that("files of tables are read, packed or not", {
  for (ending in c(".csv", ".tsv", ".csv.gz")) {
    file <- withr::local_tempfile(fileext = ending)
    connection <- if (grepl("gz", ending)) gzfile(file, "w") else file
    utils::write.table(
      table, connection,
      sep = if (grepl("tsv", ending)) "\t" else ",", row.names = FALSE,
      quote = grepl("csv", ending)
    )
    if (inherits(connection, "connection")) close(connection)
    expect_identical(plain(gene_annotation(file)), expected)
  }
})

test_that("the genes of a GTF file are read, a block at a time", {
  line <- function(kind, k, type = "gene_type") {
    paste(
      "chr1", "HAVANA", kind, 100 * k, 100 * k + 50, ".", "+", ".",
      sprintf(
        'gene_id "%s"; %s "%s"; gene_name "%s"; level 2; tag "a;b"',
        table$gene_id[k], type, expected$biotype[k], table$gene_name[k]
      ),
      sep = "\t"
    )
  }
  for (type in c("gene_type", "gene_biotype")) {
    file <- withr::local_tempfile(fileext = ".gtf.gz")
    lines <- unlist(lapply(1:5, function(k) {
      c(line("gene", k, type), line("transcript", k), line("exon", k))
    }))
    connection <- gzfile(file, "w")
    writeLines(c("#!genome-build GRCh38", "##date", lines), connection)
    close(connection)
    expect_identical(plain(gene_annotation(file)), expected)
    expect_identical(
      plain(sailer:::annotation_of_gtf(file, n_lines = 2)), expected
    )
  }
  bare <- withr::local_tempfile(fileext = ".gtf", lines = line("exon", 1))
  expect_error(
    gene_annotation(bare), "no lines of genes", class = "sailer_file_error"
  )
})

test_that("copies of a gene on alternate assemblies are one gene of Entrez", {
  genes <- sailer:::annotation_of_entrez(data.frame(
    ENTREZID = c("1", "1", "2"), SYMBOL = c("TAP1", "TAP1", "MYC"),
    ENSEMBL = sprintf("ENSG%011d", 1:3),
    GENETYPE = c("protein-coding", "protein-coding", "ncRNA")
  ))
  expect_identical(genes$gene, c("TAP1", "MYC"))
  expect_identical(genes$ensembl[1], "ENSG00000000001")
  expect_identical(genes$biotype, c("protein_coding", "ncRNA"))
})

test_that("an installed OrgDb is taken by its name", {
  skip_if_not_installed("org.Hs.eg.db")
  genes <- gene_annotation("org.Hs.eg.db")
  expect_identical(
    genes$ensembl[genes$gene %in% "SOX2"], "ENSG00000181449"
  )
  expect_gt(sum(genes$biotype %in% "protein_coding"), 18000)
})

test_that("what annotates nothing is refused by name", {
  expect_error(gene_annotation(3), "must be a data frame, a file")
  expect_error(
    gene_annotation(data.frame(chromosome = 1, start = 2)),
    "chromosome.*start", class = "sailer_argument_error"
  )
  expect_error(
    gene_annotation("no-such.csv"), "no-such.csv", class = "sailer_file_error"
  )
  expect_error(gene_annotation("org.Xx.eg.db"), "org.Xx.eg.db")
  empty <- withr::local_tempfile(lines = character())
  expect_error(gene_annotation(empty), "is empty", class = "sailer_file_error")
})
