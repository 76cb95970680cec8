test_that("gene embeddings have names and are those of the state", {
  fit <- small_expresser()
  values <- gene_embeddings(fit)
  expect_equal(dim(values), c(60, 8))
  expect_equal(rownames(values), fit$genes$gene)
  raw <- fit$state[["genes.weight"]]
  first <- readBin(raw, "numeric", 8, size = 4, endian = "little")
  expect_equal(unname(values[1, ]), first)
  some <- gene_embeddings(fit, c("gene9", "gene2"))
  expect_equal(some, values[c("gene9", "gene2"), ])
  expect_equal(
    colMeans(gene_embeddings(fit, center = TRUE)), colMeans(values) * 0,
    tolerance = 1e-7
  )
  table <- gene_table(fit, "gene4")
  expect_equal(table$gene, "gene4")
  expect_equal(table$expresser_3, values[["gene4", 3]])
})

test_that("nearest genes are those of largest cosine", {
  fit <- small_expresser()
  values <- gene_embeddings(fit)
  found <- nearest_genes(fit, c("gene5", "gene1"), n = 4, center = FALSE)
  expect_equal(nrow(found), 8)
  cosine <- function(a, b) sum(a * b) / sqrt(sum(a^2) * sum(b^2))
  all <- vapply(rownames(values), function(gene) {
    cosine(values["gene5", ], values[gene, ])
  }, 0)
  expected <- sort(all[names(all) != "gene5"], decreasing = TRUE)[1:4]
  expect_equal(found$neighbour[1:4], names(expected))
  expect_equal(found$cosine[1:4], unname(expected))
  among <- nearest_genes(fit, "gene5", n = 9, among = c("gene5", "gene7"))
  expect_equal(among$neighbour, "gene7")
})

test_that("genes of a program come to lie together", {
  sim <- simulate_rna(
    n_cells = 600, n_genes = 60, n_programs = 4, seed = 5, depth = 600
  )
  fit <- train_expresser(
    sim$counts,
    n_embedding = 16,
    control = brief_pretraining(epochs = 40, learning_rate = 0.005)
  )
  near <- nearest_genes(fit, rownames(sim$genes), n = 3)
  program <- function(genes) sim$genes[genes, "program"]
  same <- program(near$gene) == program(near$neighbour)
  expect_gt(mean(same), 0.5) # by chance 0.24
})

test_that("genes are found by any of their names and refused otherwise", {
  fit <- small_expresser()
  fit$genes$ensembl <- paste0("ENSG", seq_len(60))
  expect_equal(rownames(gene_embeddings(fit, "ENSG7")), fit$genes$gene[7])
  expect_error(
    gene_embeddings(fit, "gene999"), "gene999", class = "sailer_argument_error"
  )
  expect_error(gene_embeddings(fit, 3), "names of genes")
  expect_error(
    gene_embeddings(list()), "expresser", class = "sailer_argument_error"
  )
})
