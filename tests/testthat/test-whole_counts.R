# Whole numbers that went through 32 bits (2.9999998) are counts.

sim <- tiny_simulation()
counts <- sim$counts

test_that("float32 noise does not matter", {
  plain <- quick_fit(counts)
  for (noise in c(-1e-6, -1e-7, 1e-6)) {
    noisy <- counts
    noisy@x <- noisy@x * (1 + noise)
    expect_equal(check_counts(noisy), check_counts(counts))
    expect_identical(embedding(quick_fit(noisy)), embedding(plain))
    expect_identical(
      read_cells(as_cells(as.matrix(noisy), counts = TRUE)), as.matrix(counts)
    )
  }
})

test_that("models of genes see the whole numbers", {
  genes <- rna_counts()
  noisy <- genes * (1 - 1e-6)
  expect_identical(read_cells(gene_handle(sparse(noisy))), genes)
  build <- function(x) {
    corpus_matrix(suppressMessages(
      build_corpus(list(a = x), local_corpus(), genes = rownames(genes))
    ))
  }
  expect_identical(build(noisy), build(genes))
  # Fractions are not changed.
  genes[1, 1] <- 2.5
  expect_identical(read_cells(gene_handle(sparse(genes))), genes)
})

test_that("a message shows by how much a count is not whole", {
  refused <- function(value, shown) {
    x <- counts
    x@x[1] <- value
    expect_error(
      check_counts(x), paste0("not a whole number (", shown, ")"), fixed = TRUE,
      class = "sailer_data_error"
    )
  }
  refused(0.5, "0.5")
  refused(2.9999, "2.9999")
  refused(1.000003, "1.000003")
  refused(2.99998, "2.99998")
  refused(123456.5, "123456.5")
})
