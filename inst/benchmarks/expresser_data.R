# Data for the benchmarks of Expresser: RNA counts by gene symbol, and tables of
# genes. Source common.R first.

# Named list of the RNA data sets of SAILER_DATA: sparse counts, genes (symbols)
# x cells, with unique cell names. `known`: symbols of the genes to keep.
read_rna <- function(names = rna_names(), known = NULL) {
  symbols <- symbol_of()
  sets <- lapply(names, function(name) {
    counts <- read_counts(data_folder(name), "rna")
    genes <- rownames(counts)
    by_id <- startsWith(genes, "ENSG")
    genes[by_id] <- symbols[sub("[.].*$", "", genes[by_id])]
    counts <- by_symbol(counts, genes)
    colnames(counts) <- paste(name, seq_len(ncol(counts)), sep = "_")
    if (!is.null(known)) counts <- counts[rownames(counts) %in% known, ]
    counts[, Matrix::colSums(counts > 0) >= 50]
  })
  stats::setNames(sets, names)
}

rna_names <- function() {
  c(
    "pbmc3k_rna", "pbmc_ifnb_rna", "pancreas_tumour_rna",
    file.path("lung_lines_rna", list.files(data_folder("lung_lines_rna")))
  )
}

# Cell types, named by the cell names of read_rna(); NULL if there are none.
read_cell_types <- function(name) {
  cells <- utils::read.delim(file.path(data_folder(name), "cells.tsv"))
  types <- cells$cell_type
  if (!is.null(types)) names(types) <- paste(name, seq_along(types), sep = "_")
  types
}

gene_table <- function(name, ...) {
  path <- file.path(data_folder("gene_tables"), name)
  read <- if (grepl("[.]csv", name)) utils::read.csv else utils::read.delim
  read(path, stringsAsFactors = FALSE, ...)
}

# Symbols, named by Ensembl id; ids without a symbol are dropped.
symbol_of <- function() {
  info <- gene_table("gene_info_table.csv.gz")
  info <- info[nzchar(info$gene_name), ]
  stats::setNames(info$gene_name, info$ensembl_id)
}

protein_coding <- function() {
  info <- gene_table("gene_info_table.csv.gz")
  unique(info$gene_name[info$gene_type == "protein_coding" &
                          nzchar(info$gene_name)])
}

# Sums rows with the same symbol; drops rows without one.
by_symbol <- function(counts, symbols) {
  kept <- !is.na(symbols) & nzchar(symbols)
  group <- factor(symbols[kept], unique(symbols[kept]))
  if (nlevels(group) == nrow(counts)) {
    rownames(counts) <- levels(group)
    return(counts)
  }
  summed <- Matrix::fac2sparse(group) %*% counts[kept, ]
  rownames(summed) <- levels(group)
  summed
}

log_normalise <- function(counts) {
  depth <- Matrix::colSums(counts)
  counts@x <- log1p(counts@x * rep(1e4 / depth, diff(counts@p)))
  counts
}

# Combines data sets over the union of their genes.
join_rna <- function(sets) {
  genes <- unique(unlist(lapply(sets, rownames)))
  placed <- lapply(sets, function(counts) {
    triplet <- methods::as(counts, "TsparseMatrix")
    Matrix::sparseMatrix(
      i = match(rownames(counts), genes)[triplet@i + 1], j = triplet@j + 1,
      x = triplet@x, dims = c(length(genes), ncol(counts)),
      dimnames = list(genes, colnames(counts))
    )
  })
  do.call(cbind, unname(placed))
}

# Tables of genes for evaluate_gene_embeddings().
read_gene_pairs <- function() {
  sides <- lapply(c("train", "test"), function(side) {
    file <- function(what) sprintf("ggi_%s_%s.txt.gz", side, what)
    pairs <- gene_table(file("text"), header = FALSE, sep = " ")
    data.frame(
      gene1 = pairs[[1]], gene2 = pairs[[2]],
      label = gene_table(file("label"), header = FALSE)[[1]], split = side
    )
  })
  # Symbols that are missing in the published pairs are NA.
  stats::na.omit(do.call(rbind, sides))
}

read_string_pairs <- function() {
  pairs <- gene_table("string_pairs.tsv.gz")
  data.frame(gene1 = pairs$a, gene2 = pairs$b)
}

read_dosage <- function() {
  table <- gene_table("dosage_sensitive_tf.csv")
  data.frame(
    gene = table$gene_name,
    label = as.numeric(table$dosage_sensitive %in% "Yes")
  )
}

# `column` is lof_z or oe_lof_upper (LOEUF). The table lacks the length of the
# coding sequence; the expected number of loss-of-function variants, which
# grows with it, is used instead. Both scores are computed from this number, so
# it is a more informative covariate than length (where no variant was observed,
# it determines LOEUF).
read_constraint <- function(column) {
  table <- gene_table("gnomad_constraint.tsv.gz")
  table <- table[!duplicated(table$gene), ]
  data.frame(
    gene = table$gene, value = table[[column]], expected = table$exp_lof
  )
}
