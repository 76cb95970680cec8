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

test_that("tables with common headings get a standard form", {
  expect_identical(plain(gene_annotation(table)), expected)
  other <- stats::setNames(
    table, c("Gene stable ID version", "HGNC symbol", "Gene type")
  )
  expect_identical(plain(gene_annotation(other)), expected)
  # Its own result, with columns in any order.
  again <- gene_annotation(gene_annotation(table)[4:1])
  expect_identical(plain(again), expected)
})

test_that("repeated rows are one gene, and its symbol is kept", {
  rows <- rbind(table, table[5:1, ])
  rows$gene_name[1] <- ""
  expect_setequal(gene_annotation(rows)$gene, expected$gene)
  expect_identical(
    gene_annotation(rows)$symbol[gene_annotation(rows)$ensembl ==
                                   expected$ensembl[1]], "SOX2"
  )
})

test_that("tables with only symbols suffice", {
  genes <- gene_annotation(data.frame(symbol = c("Sox2", "Myc", "Sox2", NA)))
  expect_identical(genes$gene, c("Sox2", "Myc"))
  expect_true(all(is.na(genes$ensembl)))
})

test_that("tables are read from files, compressed or not", {
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

# Lines of a GTF file for these genes, their transcripts and exons.
gtf_lines <- function(type = "gene_type") {
  line <- function(kind, k) {
    paste(
      "chr1", "HAVANA", kind, 1000 * k, 1000 * k + 500, ".", "+", ".",
      sprintf(
        'gene_id "%s"; %s "%s"; gene_name "%s"; level 2; tag "a;b"',
        table$gene_id[k], type, expected$biotype[k], table$gene_name[k]
      ),
      sep = "\t"
    )
  }
  unlist(lapply(1:5, function(k) {
    c(line("gene", k), line("transcript", k), line("exon", k))
  }))
}

test_that("the genes of a GTF file are read, and those of a GRanges", {
  skip_if_not_installed("rtracklayer")
  for (type in c("gene_type", "gene_biotype")) {
    file <- withr::local_tempfile(fileext = ".txt.gz")
    connection <- gzfile(file, "w")
    writeLines(c("#!genome-build GRCh38", "##date", gtf_lines(type)),
               connection)
    close(connection)
    expect_identical(plain(gene_annotation(file)), expected)
  }
  ranges <- gene_ranges(file)
  expect_s4_class(ranges, "GRanges")
  expect_identical(plain(gene_annotation(ranges)), expected)
  # Rows of transcripts count as their genes, as in an annotation of Signac.
  expect_identical(plain(gene_annotation(ranges[c(1, 1:5, 3)])), expected)
  exons <- grep("\texon\t", gtf_lines(), value = TRUE)
  bare <- withr::local_tempfile(lines = exons)
  expect_error(
    gene_annotation(bare), "no gene lines", class = "sailer_file_error"
  )
})

test_that("the genes of a GFF3 file are read", {
  skip_if_not_installed("rtracklayer")
  file <- withr::local_tempfile(lines = c(
    "##gff-version 3",
    sprintf(
      "1\tensembl\t%s\t%d\t%d\t.\t-\t.\tID=gene:%s;Name=%s;gene_id=%s;%s",
      c("gene", "mRNA"), 1000 * 1:2, 1000 * 1:2 + 9, table$gene_id[1],
      "SOX2", table$gene_id[1], "biotype=protein_coding"
    )
  ))
  expect_identical(plain(gene_annotation(file)), expected[1, ])
})

test_that("activity is the same for genes of files, tables and ranges", {
  skip_if_not_installed("rtracklayer")
  fit <- quick_fit(tiny_simulation()$counts)
  file <- withr::local_tempfile(lines = gtf_lines())
  ranges <- gene_ranges(file)
  of <- function(genes, ...) {
    suppressMessages(gene_activity(fit, genes, downstream = 1e5, ...))
  }
  found <- of(file)
  expect_gt(sum(found), 0)
  expect_identical(found, of(ranges))
  expect_equal(of(as.data.frame(ranges)), found)
  expect_error(
    of(data.frame(gene = "A")), "`genes` has no ranges",
    class = "sailer_argument_error"
  )
  csv <- withr::local_tempfile(lines = "gene,symbol")
  expect_error(of(csv), "is not a GTF file", class = "sailer_file_error")
})

test_that("a GTF file without rtracklayer is refused with what to install", {
  skip_if_not_installed("testthat", "3.2.0")
  file <- withr::local_tempfile(lines = gtf_lines())
  testthat::local_mocked_bindings(
    need_package = function(package, why) {
      abort("The package {package} is needed {why}.")
    }
  )
  expect_error(
    gene_annotation(file), "rtracklayer is needed to read a GTF file"
  )
})

test_that("copies of an Entrez gene on alternate assemblies are one gene", {
  genes <- gene_annotation(one_of_entrez(data.frame(
    ENTREZID = c("1", "1", "2"), SYMBOL = c("TAP1", "TAP1", "MYC"),
    ENSEMBL = sprintf("ENSG%011d", 1:3),
    GENETYPE = c("protein-coding", "protein-coding", "ncRNA")
  )))
  expect_identical(genes$gene, c("TAP1", "MYC"))
  expect_identical(genes$ensembl[1], "ENSG00000000001")
  expect_identical(genes$biotype, c("protein_coding", "ncRNA"))
})

test_that("an installed OrgDb can be given by name", {
  skip_if_not_installed("org.Hs.eg.db")
  genes <- gene_annotation("org.Hs.eg.db")
  expect_identical(
    genes$ensembl[genes$gene %in% "SOX2"], "ENSG00000181449"
  )
  expect_gt(sum(genes$biotype %in% "protein_coding"), 18000)
})

test_that("invalid annotations are refused by name", {
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
