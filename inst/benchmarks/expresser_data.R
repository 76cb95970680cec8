# Data of the benchmarks of Expresser: cells by symbols and tables of genes.
# Source common.R first.

# Every RNA data set of SAILER_DATA as counts, genes (symbols) x cells, sparse,
# with unique names of cells; a named list. `known`, symbols, keeps these genes.
read_rna <- function(names = rna_names(), known = NULL) {
  symbols <- symbol_of()
  sets <- lapply(names, function(name) {
    folder <- data_folder(name)
    if (!dir.exists(folder)) {
      stop("There is no folder ", folder, ": set SAILER_DATA.", call. = FALSE)
    }
    counts <- read_counts(folder, "rna")
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

# Labels by the names that read_rna() gives to cells; NULL where there are none.
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

# Symbols named by Ensembl id; ids without a symbol are left out.
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

# Rows of the same symbol are summed, rows without one dropped.
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

# Data sets side by side over the union of their genes.
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

# Tables of genes as evaluate_gene_embeddings() takes them.
read_gene_pairs <- function() {
  sides <- lapply(c("train", "test"), function(side) {
    file <- function(what) sprintf("ggi_%s_%s.txt.gz", side, what)
    pairs <- gene_table(file("text"), header = FALSE, sep = " ")
    data.frame(
      gene1 = pairs[[1]], gene2 = pairs[[2]],
      label = gene_table(file("label"), header = FALSE)[[1]], split = side
    )
  })
  # Symbols that their authors lost are NA in the table.
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

# `value` is lof_z or oe_lof_upper (LOEUF). The table has no length of the
# coding sequence: the expected number of loss-of-function variants, which
# grows with it, stands for it. Both values are computed from that number, so as
# a covariate it tells more than a length would (of LOEUF all, where no variant
# was observed).
read_constraint <- function(column) {
  table <- gene_table("gnomad_constraint.tsv.gz")
  table <- table[!duplicated(table$gene), ]
  data.frame(
    gene = table$gene, value = table[[column]], expected = table$exp_lof
  )
}
