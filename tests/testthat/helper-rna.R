# Small counts of genes, and the expected contents of their corpus.

rna_genes <- function(n = 40) sprintf("GENE%d", seq_len(n))

rna_counts <- function(genes = rna_genes(), n_cells = 50, seed = 1,
                       prefix = "cell", mean = 0.8) {
  withr::with_seed(seed, {
    counts <- matrix(
      as.numeric(stats::rpois(length(genes) * n_cells, mean)),
      length(genes)
    )
  })
  counts[, n_cells] <- 0 # a cell without any count
  dimnames(counts) <- list(genes, paste0(prefix, seq_len(n_cells)))
  counts
}

# Ensembl ids of rna_genes(), some with a version.
rna_ids <- function(n = 40) {
  sprintf("ENSG%011d%s", seq_len(n), rep_len(c("", ".7"), n))
}

rna_annotation <- function(n = 40) {
  data.frame(
    ensembl_id = sub("[.].*", "", rna_ids(n)), gene_name = rna_genes(n),
    gene_type = rep_len(c(rep("protein_coding", 4), "lncRNA"), n)
  )
}

local_corpus <- function(envir = parent.frame()) {
  withr::local_tempfile(fileext = ".corpus", .local_envir = envir)
}

# The dense matrix of a corpus, without cell names.
corpus_matrix <- function(corpus) {
  counts <- read_cells(as_cells(corpus))
  colnames(counts) <- NULL
  counts
}

# By hand: rows summed by gene, without empty cells.
expected_matrix <- function(counts, places, genes) {
  out <- matrix(0, length(genes), ncol(counts), dimnames = list(genes, NULL))
  for (row in which(!is.na(places))) {
    out[places[row], ] <- out[places[row], ] + counts[row, ]
  }
  out[, colSums(out) > 0, drop = FALSE]
}
