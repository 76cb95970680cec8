multiome <- function(...) {
  arguments <- list(
    n_cells = 300, n_peaks = 800, n_types = 4, depth = 60, rare = NULL,
    n_genes = 200, type_specific = 0.2
  )
  do.call(simulate_multiome, utils::modifyList(arguments, list(...)))
}

test_that("RNA is of the same cells and uses the same seed", {
  sim <- multiome()
  expect_s4_class(sim$rna, "dgCMatrix")
  expect_identical(dim(sim$rna), c(200L, 300L))
  expect_identical(colnames(sim$rna), colnames(sim$counts))
  expect_identical(rownames(sim$genes), rownames(sim$rna))
  expect_identical(multiome(), sim)
  expect_false(identical(multiome(seed = 2)$rna, sim$rna))
  alone <- simulate_atac(
    n_cells = 300, n_peaks = 800, n_types = 4, depth = 60, rare = NULL,
    type_specific = 0.2
  )
  expect_identical(sim$counts, alone$counts)
})

test_that("counts have the depth and the expected shares", {
  sim <- multiome(n_cells = 2000, rna_depth = 1000, rna_depth_sd = 0.3)
  total <- log(Matrix::colSums(sim$rna))
  expect_equal(mean(total), log(1000), tolerance = 0.01)
  expect_equal(sd(total), 0.3, tolerance = 0.1)
  expect_equal(unname(rowSums(sim$expression)), rep(1, 4))
  for (type in rownames(sim$expression)) {
    counts <- Matrix::rowSums(sim$rna[, sim$cells$cell_type == type])
    expect_gt(cor(counts / sum(counts), sim$expression[type, ]), 0.98)
  }
})

test_that("genes are expressed where their peaks are open", {
  sim <- multiome(peaks_per_gene = 3)
  ranges <- parse_peaks(rownames(sim$counts))
  openness <- function(gene) {
    own <- sim$genes[gene, ]
    inside <- ranges$seqnames == own$chromosome & ranges$start >= own$start &
      ranges$end <= own$end
    expect_lte(sum(inside), 3)
    rowMeans(sim$truth[, inside, drop = FALSE])
  }
  # The ratio of two genes within a type does not depend on the type's total.
  for (gene in c(1, 77, 200)) {
    ratio <- log(sim$expression[, gene] / sim$expression[, 2])
    level <- ratio - 3 * (openness(gene) - openness(2))
    expect_equal(unname(level), rep(level[[1]], 4))
  }
})

test_that("types can have the same RNA, and batches can differ", {
  sim <- multiome(rna_alike = list(c("type1", "type3")))
  expect_identical(sim$expression["type3", ], sim$expression["type1", ])
  expect_false(identical(sim$expression["type2", ], sim$expression["type1", ]))
  expect_false(identical(sim$truth["type3", ], sim$truth["type1", ]))

  apart <- multiome(n_cells = 1000, rna_batch_effect = 0.5)
  share <- vapply(levels(apart$cells$batch), function(batch) {
    counts <- Matrix::rowSums(apart$rna[, apart$cells$batch == batch])
    log(counts / sum(counts))
  }, numeric(200))
  expect_equal(sd(share[, 1] - share[, 2]), 0.5 * sqrt(2), tolerance = 0.15)
})

test_that("given profiles can be the source", {
  bulk <- matrix(
    rpois(3 * 200, 5), 200, dimnames = list(
      sprintf("chr1-%d-%d", 1000 * 1:200, 1000 * 1:200 + 500), letters[1:3]
    )
  )
  sim <- simulate_multiome(
    n_cells = 60, profiles = bulk, fragments = 50, rare = NULL, n_genes = 20
  )
  expect_identical(rownames(sim$expression), letters[1:3])
  expect_null(sim$truth)
})

test_that("bad arguments are refused by name", {
  bad <- function(argument, ...) {
    expect_error(
      multiome(...), argument, fixed = TRUE, class = "sailer_argument_error"
    )
  }
  bad("`n_genes`", n_genes = 1)
  bad("`rna_depth`", rna_depth = 0)
  bad("`rna_alike`", rna_alike = list(c("type1", "type9")))
  bad("type9", rna_alike = list(c("type1", "type9")))
  bad("`peaks_per_gene`", peaks_per_gene = 0)
  bad("`depth`", depth = 1e4)
})
