# Simple methods of imputation, with which evaluate_imputation() compares
# others; it documents them. Each is a function of the remaining counts, see
# baseline_data(), and of positions, list(gene, cell) of indices, and returns a
# number for each position. No dense matrix of genes x cells is made.

imputation_baselines <- list(
  gene_mean = function(data, at) means_where_found(data$normal)[at$gene],
  gene_mean_all = function(data, at) Matrix::rowMeans(data$normal)[at$gene],
  gene_count = function(data, at) {
    at_depth(means_where_found(data$counts)[at$gene], data, at)
  },
  knn = function(data, at) smooth_at(data$normal, neighbour_means(data), at),
  knn_nonzero = function(data, at) {
    smooth_where_found(data$normal, neighbour_means(data), at)
  },
  knn_count = function(data, at) {
    at_depth(smooth_where_found(data$counts, neighbour_means(data), at), data,
             at)
  },
  diffusion = function(data, at) {
    smooth_at(data$normal, diffusion_operator(data), at, data$steps)
  },
  low_rank = function(data, at) {
    by_gene_blocks(data$normal, at, function(genes) low_rank(data, genes))
  },
  alra = function(data, at) {
    by_cell <- Matrix::t(data$normal)
    by_gene_blocks(data$normal, at, function(genes) {
      values <- low_rank(data, genes)
      for (k in seq_along(genes)) {
        found <- by_cell@p[genes[k]] + seq_len(diff(by_cell@p[genes[k] + 0:1]))
        values[, k] <- rescale_gene(values[, k], by_cell@x[found])
      }
      values
    })
  }
)

# Data shared by the baselines. Components are computed on first use.
#   k       neighbours of the knn methods
#   width   diffusion: rank of the neighbour that sets the kernel's width
#   steps   diffusion: number of steps
#   rank    of low_rank and alra
baseline_data <- function(counts, n_components = 30, k = 15, width = 5,
                          steps = 3, rank = 10) {
  normal <- log_normal(counts)
  # Cells x components.
  delayedAssign("components", {
    means <- unname(Matrix::rowMeans(normal))
    made <- truncated_svd(normal, n_components, means)
    made$v %*% diag(made$d, length(made$d))
  })
  delayedAssign("svd", truncated_svd(normal, rank))
  environment()
}

log_normal <- function(counts) {
  depth <- Matrix::colSums(counts)
  counts@x <- log1p(1e4 * counts@x / rep(depth, diff(counts@p)))
  counts
}

# Mean of the entries above 0 in each row; of all entries above 0 if a row has
# none.
means_where_found <- function(x) {
  n <- tabulate(x@i + 1L, nrow(x))
  ifelse(n > 0, Matrix::rowSums(x) / n, mean(x@x))
}

# Converts counts to normalised values at the depth of these cells.
at_depth <- function(count, data, at) {
  log1p(1e4 * count / Matrix::colSums(data$counts)[at$cell])
}

# Returns list(u, d, v) of genes x cells minus `center` (one value per gene, or
# NULL). Small data are decomposed completely.
truncated_svd <- function(x, n, center = NULL) {
  n <- min(n, dim(x) - 1)
  if (3 * n >= min(dim(x))) {
    dense <- as.matrix(x)
    if (!is.null(center)) dense <- dense - center
    made <- svd(dense, n, n)
    return(list(u = made$u, d = made$d[seq_len(n)], v = made$v))
  }
  need_package("irlba", "to decompose counts")
  # irlba starts from random numbers.
  made <- with_own_seed(
    1, irlba::irlba(Matrix::t(x), nv = n, nu = n, center = center)
  )
  list(u = made$v, d = made$d, v = made$u)
}

# Sparse matrix, cells x cells, whose rows average the k nearest other cells.
neighbour_means <- function(data) {
  n <- nrow(data$components)
  k <- min(data$k, n - 1)
  near <- nearest_neighbors(data$components, k)$index
  Matrix::sparseMatrix(
    i = rep(seq_len(n), each = k), j = as.vector(near) + 1, x = 1 / k,
    dims = c(n, n)
  )
}

diffusion_operator <- function(data) {
  n <- nrow(data$components)
  k <- min(3 * data$width, n - 1)
  near <- nearest_neighbors(data$components, k)
  width <- near$distance[min(data$width, k), ]
  affinity <- exp(-sweep(near$distance, 2, ifelse(width > 0, width, 1), "/"))
  kernel <- Matrix::sparseMatrix(
    i = c(rep(seq_len(n), each = k), seq_len(n)),
    j = c(as.vector(near$index) + 1, seq_len(n)),
    x = c(as.vector(affinity), rep(1, n)), dims = c(n, n)
  )
  kernel <- kernel + Matrix::t(kernel)
  Matrix::Diagonal(x = 1 / Matrix::rowSums(kernel)) %*% kernel
}

# Returns the values at positions, from blocks of cells x genes that
# `block(genes)` returns.
by_gene_blocks <- function(x, at, block, most = 4e6) {
  genes <- sort(unique(at$gene))
  size <- max(1, most %/% ncol(x))
  values <- numeric(length(at$gene))
  for (own in split(genes, (seq_along(genes) - 1) %/% size)) {
    here <- which(at$gene %in% own)
    places <- cbind(at$cell[here], match(at$gene[here], own))
    values[here] <- block(own)[places]
  }
  values
}

smooth_at <- function(x, operator, at, steps = 1) {
  by_cell <- Matrix::t(x)
  by_gene_blocks(x, at, function(genes) {
    values <- as.matrix(by_cell[, genes, drop = FALSE])
    for (step in seq_len(steps)) values <- as.matrix(operator %*% values)
    values
  })
}

# (sum over the neighbours with the gene + mean of the gene) / (their number +
# 1). `operator` must have the same weight for each neighbour.
smooth_where_found <- function(x, operator, at) {
  found <- x
  found@x[] <- 1
  k <- 1 / max(operator@x)
  sum <- k * smooth_at(x, operator, at)
  n <- k * smooth_at(found, operator, at)
  (sum + means_where_found(x)[at$gene]) / (n + 1)
}

low_rank <- function(data, genes) {
  data$svd$v %*% (data$svd$d * t(data$svd$u[genes, , drop = FALSE]))
}

# Applies ALRA's thresholding and rescaling to one gene; `found` are its values
# above 0.
rescale_gene <- function(values, found) {
  values[values <= abs(stats::quantile(values, 0.001))] <- 0
  kept <- values != 0
  sd <- stats::sd(values[kept])
  wanted <- stats::sd(found)
  if (!is.na(sd) && !is.na(wanted) && sd > 0) {
    values[kept] <- (values[kept] - mean(values[kept])) * wanted / sd +
      mean(found)
  }
  pmax(values, 0)
}
