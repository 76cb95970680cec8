genes <- rna_genes()

build <- function(..., verbose = FALSE) build_corpus(..., verbose = verbose)

test_that("sources of other genes and orders share one list", {
  a <- rna_counts()
  b <- rna_counts(rev(genes)[1:30], 40, seed = 2)
  file <- local_corpus()
  corpus <- build(list(a = a, b = b), file, genes = genes)
  expected <- cbind(
    expected_matrix(a, 1:40, genes),
    expected_matrix(b, match(rownames(b), genes), genes)
  )
  expect_identical(corpus_matrix(corpus), expected)
  expect_identical(dim(corpus), dim(expected))
  expect_identical(corpus$n_nonzeros, sum(expected > 0) + 0)
  expect_identical(
    corpus$sources,
    data.frame(name = c("a", "b"), cells = c(49, 39), left_out = c(1, 1))
  )
  expect_identical(corpus$genes$gene, genes)
  expect_identical(colnames(as_cells(corpus))[c(1, 49, 50)],
                   c("a/1", "a/49", "b/1"))
})

test_that("an annotation maps symbols and Ensembl ids to each other", {
  a <- rna_counts()
  b <- rna_counts(rna_ids(), 40, seed = 2)
  b <- rbind(b, rna_counts("ENSG00000000001.99", 40, seed = 3)) # repeated gene
  coding <- which(rna_annotation()$gene_type == "protein_coding")
  corpus <- build(list(a, b), local_corpus(), annotation = rna_annotation())
  place <- match(1:40, coding)
  expect_identical(corpus_matrix(corpus), cbind(
    expected_matrix(a, place, genes[coding]),
    expected_matrix(b, c(place, 1), genes[coding])
  ))
  expect_identical(corpus$genes, data.frame(
    gene = genes[coding], symbol = genes[coding],
    ensembl = rna_annotation()$ensembl_id[coding]
  ))
  all <- build(list(a, b), local_corpus(), annotation = rna_annotation(),
               biotypes = NULL)
  expect_identical(all$genes$gene, genes)
  expect_error(
    build(list(sym = a, ids = b), local_corpus()),
    "\"ids\" has\\s+Ensembl ids.*\"sym\"", class = "sailer_data_error"
  )
  expect_error(
    build(a, local_corpus(), annotation = rna_annotation(), biotypes = "TEC"),
    "no .*TEC.*lncRNA"
  )
})

test_that("the genes do not depend on installed packages", {
  # Replaces org.Hs.eg.db, in case that is not installed.
  folder <- withr::local_tempdir()
  source <- file.path(folder, "org.Hs.eg.db")
  dir.create(source)
  writeLines(
    c("Package: org.Hs.eg.db", "Version: 0.1", "Title: Stand-In",
      "Description: None.", "License: MIT", "Author: N", "Maintainer: N <n@n>"),
    file.path(source, "DESCRIPTION")
  )
  writeLines("export(org.Hs.eg.db)", file.path(source, "NAMESPACE"))
  dir.create(file.path(source, "R"))
  writeLines(
    "org.Hs.eg.db <- data.frame(symbol = paste0('GENE', 1:20))",
    file.path(source, "R", "data.R")
  )
  library <- file.path(folder, "library")
  dir.create(library)
  utils::install.packages(
    source, library, repos = NULL, type = "source", quiet = TRUE
  )
  lines <- c(
    sprintf(".libPaths(c('%s', .libPaths()))", library),
    "library(sailer)",
    "x <- matrix(rpois(400, 3) + 1, 40,",
    "  dimnames = list(paste0('GENE', 1:40), NULL))",
    "corpus <- build_corpus(x, tempfile(), verbose = FALSE)",
    "cat('genes:', nrow(corpus$genes),",
    "  requireNamespace('org.Hs.eg.db'), '\n')"
  )
  log <- withr::local_tempfile()
  child <- start_child(lines, log)
  child$wait(60000)
  expect_match(
    paste(readLines(log, warn = FALSE), collapse = "\n"), "genes: 40 TRUE"
  )
})

test_that("symbols that several genes have are left out and reported", {
  annotation <- rna_annotation()
  annotation$gene_name[2] <- "GENE1"  # both are coding
  annotation$gene_name[5] <- "GENE3"  # this one is not coding
  expect_message(
    corpus <- build_corpus(
      rna_counts(), local_corpus(), annotation = annotation
    ),
    "1 symbol shared by several genes is left out.*GENE1"
  ) |> suppressMessages()
  expect_false(any(c("GENE1", "GENE2") %in% corpus$genes$gene))
  expect_true("GENE3" %in% corpus$genes$gene)
})

test_that("genes in too few cells are left out", {
  a <- rna_counts(mean = 0.05, seed = 4)
  b <- rna_counts(c(genes, "RARE"), 40, seed = 5, mean = 0.03)
  n_cells <- rowSums(b > 0)
  n_cells[genes] <- n_cells[genes] + rowSums(a > 0)
  for (least in c(0, 1, 4)) {
    corpus <- build(list(a, b), local_corpus(), min_cells = least)
    expect_identical(
      corpus$genes$gene, c(genes, "RARE")[n_cells >= least]
    )
  }
  expect_error(build(list(a, b), local_corpus(), min_cells = 91),
               "min_cells.* = 91", class = "sailer_data_error")
})

test_that("every container of the same counts gives the same corpus", {
  skip_without_rhdf5()
  skip_if_not_installed("SeuratObject")
  skip_if_not_installed("SingleCellExperiment")
  skip_if_not_installed("DelayedArray")
  counts <- rna_counts()
  types <- rep(c("Gene Expression", "Peaks"), c(40, 3))
  more <- rbind(counts, rna_counts(paste0("chr1:", 1:3, "-9"), 50, seed = 9))
  experiment <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sparse(counts))
  )
  forms <- list(
    matrix = counts, sparse = sparse(counts),
    delayed = DelayedArray::DelayedArray(counts) * 1,
    seurat = SeuratObject::CreateSeuratObject(sparse(counts), assay = "RNA"),
    experiment = experiment, tenx = write_tenx(more, types),
    untyped = write_tenx(counts, genome = "hg38"), h5ad = write_h5ad(counts),
    handle = as_cells(sparse(counts))
  )
  bytes <- lapply(forms, function(form) {
    file <- local_corpus()
    build(list(same = form), file, genes = genes)
    readBin(file, "raw", file.size(file))
  })
  expect_gt(length(bytes$matrix), 1000)
  for (name in names(forms)) {
    expect_true(identical(bytes[[name]], bytes$matrix), info = name)
  }
})

test_that("sources are named by their files, names or numbers", {
  skip_without_rhdf5()
  path <- write_h5ad(rna_counts(), file = file.path(
    withr::local_tempdir(), "blood.h5ad"
  ))
  corpus <- build(list(path, rna_counts(), x = rna_counts()), local_corpus(),
                  genes = genes)
  expect_identical(corpus$sources$name, c("blood.h5ad", "source 2", "x"))
  expect_error(build(list(path, path), local_corpus(), genes = genes),
               "blood.h5ad", class = "sailer_argument_error")
})

test_that("the used part of a source is reported", {
  counts <- rbind(rna_counts(), OTHER = c(rep(3, 49), 0))
  share <- format(100 * 147 / sum(counts), digits = 2)
  expect_message(
    build_corpus(list(a = counts), local_corpus(), genes = genes),
    paste0("\"a\": 49 cells, 1 left out.*1 of its 41 genes\\s+is not.*", share,
           " % of its\\s+counts.*OTHER"),
    class = "sailer_note"
  )
  expect_message(
    build_corpus(rna_counts(), local_corpus()), "including\\s+non-coding"
  ) |> suppressMessages()
  expect_no_message(build(counts, local_corpus(), genes = genes))
  normalised <- log1p(1e4 * t(t(rna_counts()) / colSums(rna_counts())))[, -50]
  expect_warning(
    build(list(norm = normalised), local_corpus(), genes = genes),
    "\"norm\".*looks normalised"
  )
  ambient <- rna_counts() * 0.9 + 30 * (rna_counts() > 4)
  expect_no_warning(build(ambient, local_corpus(), genes = genes))
})

test_that("bad counts are named with their source", {
  counts <- rna_counts()
  counts[3, 7] <- NA
  for (genes in list(NULL, rna_genes())) {
    cnd <- expect_error(
      build(list(x = rna_counts(), bad = sparse(counts)), local_corpus(),
            genes = genes),
      class = "sailer_data_error"
    )
    expect_match(conditionMessage(cnd), "In source.*bad")
    expect_match(conditionMessage(cnd$parent), "GENE3.*cell7.*missing")
  }
})

test_that("bad arguments are refused by name", {
  file <- local_corpus()
  x <- rna_counts()
  expect_error(build(list(), file), "sources.*empty list")
  expect_error(build(x, 3), "file")
  expect_error(build(x, file, genes = 1:3), "genes")
  expect_error(build(x, file, genes = c("A", "A")), "more than once")
  expect_error(build(x, file, genes = tolower(genes)), "another\\s+species")
  expect_error(build(x, file, min_cells = -1), "min_cells")
  expect_error(build(x, file, biotypes = 3), "biotypes")
  expect_error(build(x, file, append = NA), "append")
  expect_error(build(x, file, annotation = 3), "must be a data frame")
  expect_error(build(unname(x), file), "without names")
  expect_error(build("no.h5", file), "no.h5", class = "sailer_file_error")
  expect_error(build(x, file.path(file, "x")), "no folder")
  expect_false(file.exists(file))
  writeLines("mine", file)
  expect_error(build(x, file), "looks like a text file",
               class = "sailer_file_error")
  expect_identical(readLines(file), "mine")
})

test_that("real sources of symbols and of Ensembl ids share their genes", {
  folder <- Sys.getenv("SAILER_DATA", "../../../shared/data")
  skip_if_not(dir.exists(file.path(folder, "lung_lines_rna")), "no real data")
  read <- function(name) {
    path <- file.path(folder, name)
    counts <- methods::as(
      Matrix::readMM(file.path(path, "rna.mtx.gz")), "CsparseMatrix"
    )
    rownames(counts) <- utils::read.delim(
      file.path(path, "rna_features.tsv.gz"), header = FALSE
    )[[1]]
    counts
  }
  lines <- list.files(file.path(folder, "lung_lines_rna"))
  sources <- lapply(
    stats::setNames(nm = c("pbmc3k_rna", file.path("lung_lines_rna", lines))),
    read
  )
  table <- file.path(folder, "gene_tables", "gene_info_table.csv.gz")
  corpus <- build(sources, local_corpus(), annotation = table)
  info <- utils::read.csv(table)
  coding <- info[info$gene_type == "protein_coding" & info$gene_name != "", ]
  coding <- coding[!coding$gene_name %in%
                     coding$gene_name[duplicated(coding$gene_name)], ]
  named <- !is.na(corpus$genes$symbol)
  n_cells <- Reduce(`+`, lapply(sources, function(counts) {
    open <- Matrix::rowSums(counts > 0)
    by_name <- unname(open[coding$gene_name])
    by_id <- unname(open[coding$ensembl_id])
    ifelse(is.na(by_name), 0, by_name) + ifelse(is.na(by_id), 0, by_id)
  }))
  expect_setequal(corpus$genes$symbol[named], coding$gene_name[n_cells >= 3])
  expect_gt(sum(named), 13000)
  expect_identical(
    corpus$sources$cells + corpus$sources$left_out,
    unname(vapply(sources, ncol, 0)) + 0
  )
  # One gene that is in both kinds of sources, by hand.
  id <- coding$ensembl_id[coding$gene_name == "GAPDH"]
  row <- which(corpus$genes$gene == "GAPDH")
  mine <- corpus_matrix(as_cells(corpus)[row, ])
  expect_equal(sum(mine), sum(vapply(sources, function(counts) {
    sum(counts[rownames(counts) %in% c(id, "GAPDH"), ])
  }, 0)))
  expect_gt(sum(mine[seq_len(2700)]), 0)
  expect_gt(sum(mine[-seq_len(2700)]), 0)
})
