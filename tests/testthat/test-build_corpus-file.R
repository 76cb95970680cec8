# The file of a corpus: appended to, resumed, and read again.

genes <- rna_genes()

build <- function(..., verbose = FALSE) build_corpus(..., verbose = verbose)

test_that("sources are appended, with the genes of the corpus", {
  file <- local_corpus()
  a <- rna_counts()
  b <- rna_counts(rev(genes)[1:30], 40, seed = 2)
  build(list(a = a), file, genes = genes)
  corpus <- build(list(b = b), file, append = TRUE)
  whole <- local_corpus()
  expect_identical(
    corpus_matrix(corpus),
    corpus_matrix(build(list(a = a, b = b), whole, genes = genes))
  )
  expect_identical(
    build(rna_counts(), file, append = TRUE)$sources$name,
    c("a", "b", "source 3")
  )
  before <- readBin(file, "raw", file.size(file))
  expect_error(build(list(a = a), file, append = TRUE), "source named 'a'")
  expect_error(build(list(d = a), file, append = TRUE, genes = genes),
               "cannot be set with")
  expect_error(
    build(list(d = rna_counts(tolower(genes))), file, append = TRUE),
    "\"d\".*another\\s+species", class = "sailer_data_error"
  )
  expect_error(build(list(a = a), file, genes = genes), "started differently")
  expect_identical(readBin(file, "raw", file.size(file)), before)
  new <- build(list(a = a), local_corpus(), genes = genes, append = TRUE)
  expect_identical(dim(new), c(40L, 49L))
})

test_that("an interrupted build resumes to the same file", {
  file <- local_corpus()
  sources <- list(a = rna_counts(), b = rna_counts(rev(genes)[1:30], 40, 2))
  call <- function(...) build(sources, file, min_cells = 20, ...)
  call()
  whole <- readBin(file, "raw", file.size(file))
  call() # nothing to do
  expect_identical(readBin(file, "raw", file.size(file)), whole)
  for (kept in round(seq(0, length(whole) - 1, length.out = 12))) {
    writeBin(whole[seq_len(kept)], file)
    expect_error(open_corpus(file), "build_corpus\\(\\) again|is empty",
                 class = "sailer_file_error")
    call()
    expect_identical(readBin(file, "raw", file.size(file)), whole)
  }
  expect_error(
    build(sources, file, min_cells = 2), "other sources or arguments",
    class = "sailer_argument_error"
  )
  sources$b[3, 4] <- sources$b[3, 4] + 1
  expect_error(call(), "'b' has other counts now")
})

test_that("options for printing numbers do not change a build's recipe", {
  cells <- as_cells(Matrix::sparseMatrix(
    1, 1, x = 1, dims = c(1, 1e5), dimnames = list("A", NULL)
  ))
  recipe <- function() {
    corpus_recipe(list(a = cells), NULL, NULL, "protein_coding", 12345)
  }
  plain <- recipe()
  withr::local_options(scipen = -5, digits = 3)
  expect_identical(recipe(), plain)
})

test_that("Ctrl-C keeps what was written, and the same call resumes", {
  folder <- withr::local_tempdir()
  lines <- c(
    "library(sailer)",
    "set.seed(1)",
    "counts <- Matrix::rsparsematrix(500, 3e5, 0.05,",
    "  rand.x = function(n) rpois(n, 3) + 1)",
    "dimnames(counts) <- list(sprintf('G%d', 1:500), NULL)",
    "file <- commandArgs(TRUE)[1]",
    sprintf("file <- '%s/x.corpus'", folder),
    "cat('begins\\n')",
    "repeat {",
    "  unlink(file)",
    "  stopped <- tryCatch({",
    "    build_corpus(counts, file, genes = rownames(counts)); FALSE",
    "  }, interrupt = function(cnd) TRUE)",
    "  part <- tryCatch(sailer:::open_corpus(file), error = conditionMessage)",
    "  # Stopped when the file was whole already, or not begun: once more.",
    "  if (stopped && is.character(part) && file.exists(file)) break",
    "}",
    "cat('part:', if (is.character(part)) part, '\\n')",
    "corpus <- build_corpus(counts, file, genes = rownames(counts))",
    "i <- c(1, 7e4, corpus$n_cells)",
    "full <- counts[, Matrix::colSums(counts) > 0]",
    "slots <- sailer:::core_cells_block(corpus$source, i)",
    "cat('same:', identical(slots$x, full[, i]@x), ncol(full) == ncol(corpus))"
  )
  log <- withr::local_tempfile()
  child <- start_child(lines, log)
  skip_if_not(child_said(log, "begins"))
  Sys.sleep(1.5)
  for (attempt in 1:10) {
    child$interrupt()
    if (child_said(log, "part:", seconds = 5)) break
  }
  child$wait(120000)
  said <- paste(readLines(log, warn = FALSE), collapse = "\n")
  # Stopped within the source, or between the end of the source and that of the
  # file.
  expect_match(said, "repeat the same call|was already written")
  expect_match(said, "part: .*not finished")
  expect_match(said, "same: TRUE TRUE")
})

test_that("a corpus can be read from its file, and printed", {
  file <- local_corpus()
  corpus <- build(list(a = rna_counts()), file, genes = genes)
  opened <- open_cells(file)
  expect_identical(opened[-2], corpus[-2])
  expect_identical(read_cells(as_cells(file)), read_cells(as_cells(corpus)))
  handle <- as_cells(opened)[3:5, c("a/4", "a/2")]
  kept <- withr::local_tempfile()
  saveRDS(list(corpus, handle), kept)
  again <- readRDS(kept)
  expect_identical(corpus_matrix(again[[1]]), corpus_matrix(corpus))
  expect_identical(read_cells(as_cells(again[[2]])), read_cells(handle))
  expect_output(print(again[[1]]), "40 genes x 49 cells.*a +49 +1")
  build(list(b = rna_counts()), file, append = TRUE)
  expect_identical(ncol(sailer:::live_corpus(readRDS(kept)[[1]])), 98L)
  unlink(file)
  build(list(a = rna_counts()[1:20, ]), file, genes = genes[1:20])
  expect_error(as_cells(readRDS(kept)[[1]]), "genes or cells in.*have changed",
               class = "sailer_file_error")
})

test_that("a changed byte is found by a check", {
  file <- local_corpus()
  corpus <- build(list(a = rna_counts()), file, genes = genes)
  expect_identical(core_corpus_open(file, check = TRUE)$n_cells, 49)
  bytes <- readBin(file, "raw", file.size(file))
  # Within the last values of the block, before two headers of 80 bytes.
  at <- length(bytes) - 160 - 20
  bytes[at] <- xor(bytes[at], as.raw(64))
  writeBin(bytes, file)
  expect_no_error(open_corpus(file))
  expect_error(core_corpus_open(file, check = TRUE), "is damaged",
               class = "sailer_file_error")
})
