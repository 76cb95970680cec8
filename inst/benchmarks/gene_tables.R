# How well gene embeddings predict interactions, dosage sensitivity and
# constraint: evaluate_gene_embeddings() on the tables of SAILER_DATA.
#
#   Rscript inst/benchmarks/gene_tables.R [tables]
#
# The tables, all by default: ggi (pairs sharing GO terms, with the published
# split), string (STRING pairs and as many sampled negatives, in which each gene
# occurs equally often), dosage (dosage-sensitive transcription factors), lof_z
# and loeuf (gnomAD, with the expected number of variants as a covariate in
# place of gene length).
#
# The embeddings are baselines for Expresser: loadings of 50 principal
# components of the log-normalised cells of all RNA data sets, and random
# numbers. Genes detected in fewer than 10 cells are excluded.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))
source(file.path(dirname(script), "expresser_data.R"))

# Genes x components, from counts (genes x cells).
pca_loadings <- function(counts, n = 50) {
  x <- log_normalise(counts)
  # irlba starts from random numbers; the seed makes results reproducible.
  set.seed(1)
  pca <- irlba::irlba(
    Matrix::t(x), nv = n, center = unname(Matrix::rowMeans(x))
  )
  loadings <- pca$v %*% diag(pca$d)
  rownames(loadings) <- rownames(x)
  loadings
}

random_embedding <- function(genes, n = 50) {
  set.seed(2)
  matrix(stats::rnorm(length(genes) * n), length(genes),
    dimnames = list(genes, NULL)
  )
}

plain_embeddings <- function() {
  counts <- join_rna(read_rna(known = protein_coding()))
  counts <- counts[Matrix::rowSums(counts > 0) >= 10, ]
  list(pca = pca_loadings(counts), random = random_embedding(rownames(counts)))
}

# Named evaluations, each a function of the embeddings.
gene_evaluations <- list(
  ggi = function(x) evaluate_gene_embeddings(x, read_gene_pairs()),
  string = function(x) {
    evaluate_gene_embeddings(x, read_string_pairs(), negatives = "sample")
  },
  dosage = function(x) evaluate_gene_embeddings(x, read_dosage()),
  lof_z = function(x) {
    evaluate_gene_embeddings(
      x, read_constraint("lof_z"), covariates = "expected"
    )
  },
  loeuf = function(x) {
    evaluate_gene_embeddings(
      x, read_constraint("oe_lof_upper"), covariates = "expected"
    )
  }
)

if (sys.nframe() == 0) {
  asked <- commandArgs(TRUE)
  if (length(asked) == 0) asked <- names(gene_evaluations)
  embeddings <- plain_embeddings()
  for (name in asked) {
    seconds <- system.time(
      result <- gene_evaluations[[name]](embeddings)
    )[["elapsed"]]
    cat(sprintf("\n%s, %.0f s\n", name, seconds))
    print(result)
  }
}
