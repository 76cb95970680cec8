# Plain methods of imputation, beside which others are evaluated. Each is a
# function of counts (dgCMatrix, genes x cells) and positions.

#' Plain methods to impute expression
#'
#' The baselines of [evaluate_imputation()]: functions that fill in positions of
#' a count matrix, all on `log1p(1e4 * count / total)`.
#'
#' * `gene_mean`: the mean of the gene over the cells in which it is above 0
#'   (where it never is, the mean of all values above 0).
#' * `gene_mean_all`: its mean over all cells.
#' * `gene_count`: its mean count where above 0, as if found in this cell:
#'   `log1p(1e4 * mean count / total)`. It knows the gene and the depth of the
#'   cell, nothing else.
#' * `knn`: the mean over the `k` nearest other cells, Euclidean in
#'   `n_components` principal components.
#' * `knn_nonzero`: the mean over those of them in which the gene is above 0,
#'   `gene_mean` counting as one more.
#' * `knn_count`: `gene_count` with the mean count over those cells, in the same
#'   way.
#' * `diffusion`: after MAGIC. Affinities `exp(-(d / s)^decay)` to the `3 * knn`
#'   nearest cells, where `s` is the distance of the `knn`-th, made symmetric
#'   and scaled to sum to 1 over the neighbours (each cell is its own); the
#'   values are averaged with them `t` times.
#' * `low_rank`: truncated singular value decomposition of rank `rank`.
#' * `alra`: after ALRA. The same; then of each gene values up to the size of
#'   its 0.001 quantile become 0, and the others are scaled to the mean and
#'   standard deviation of what was found above 0.
#'
#' Nothing of the size genes x cells is made dense: positions are computed by
#' blocks of genes.
#'
#' @param n_components Principal components for `knn` and `diffusion`. Default
#'   30; as many as there are in small data.
#' @param k Neighbours of `knn`, `knn_nonzero` and `knn_count`. Default 15.
#' @param knn,decay,t Of `diffusion`: the neighbour that sets the width of the
#'   kernel (more is smoother), the exponent of its decay and the number of
#'   steps. Defaults 5, 1 and 3, MAGIC's own.
#' @param rank Rank of `low_rank` and `alra`. Default 10.
#' @return Named list of functions of `(counts, positions)`, see the argument
#'   `methods` of [evaluate_imputation()]. Each returns a number for each
#'   position.
#' @section Errors:
#' `sailer_argument_error` for options out of range. The functions need the
#' package irlba, for more cells than a few.
#' @references Cao (2023), section 4.2.4. van Dijk et al. (2018), *Cell* 174,
#'   716 (MAGIC). Linderman et al. (2022), *Nature Communications* 13, 192
#'   (ALRA).
#' @examples
#' counts <- matrix(rpois(30 * 40, 2), 30)
#' dimnames(counts) <- list(paste0("gene", 1:30), paste0("cell", 1:40))
#' positions <- data.frame(gene = c("gene1", "gene2"), cell = "cell7")
#' methods <- imputation_baselines(k = 5)
#' methods$gene_mean(methods::as(counts, "CsparseMatrix"), positions)
#' methods$knn(methods::as(counts, "CsparseMatrix"), positions)
#' @export
imputation_baselines <- function(n_components = 30, k = 15, knn = 5, decay = 1,
                                 t = 3, rank = 10) {
  for (name in c("n_components", "k", "knn", "t", "rank")) {
    check_number(get(name), name, min = 1, whole = TRUE)
  }
  check_number(decay, min = 0.01)
  components <- remembered(function(counts) {
    principal_components(log_normal(counts), n_components)
  })
  decomposition <- remembered(function(counts) {
    truncated_svd(log_normal(counts), rank)
  })
  list(
    gene_mean = mean_where_found,
    gene_mean_all = mean_over_cells,
    gene_count = count_in_depth,
    knn = function(counts, positions) {
      operator <- neighbour_means(components(counts), k)
      smooth_at(log_normal(counts), operator, positions)
    },
    knn_nonzero = function(counts, positions) {
      operator <- neighbour_means(components(counts), k)
      smooth_where_found(log_normal(counts), operator, positions)
    },
    knn_count = function(counts, positions) {
      operator <- neighbour_means(components(counts), k)
      count <- smooth_where_found(counts, operator, positions)
      log1p(1e4 * count / cell_depth_at(counts, positions))
    },
    diffusion = function(counts, positions) {
      operator <- diffusion_operator(components(counts), knn, decay)
      smooth_at(log_normal(counts), operator, positions, t)
    },
    low_rank = function(counts, positions) {
      low_rank_at(decomposition(counts), counts, positions)
    },
    alra = function(counts, positions) {
      alra_at(decomposition(counts), log_normal(counts), positions)
    }
  )
}

# A function that keeps its last result: several baselines share components.
remembered <- function(compute) {
  last <- NULL
  function(counts) {
    if (is.null(last) || !identical(last$counts, counts)) {
      last <<- list(counts = counts, value = compute(counts))
    }
    last$value
  }
}

log_normal <- function(counts) {
  depth <- Matrix::colSums(counts)
  counts@x <- log1p(1e4 * counts@x / rep(depth, diff(counts@p)))
  counts
}

gene_places <- function(x, positions) match(positions$gene, rownames(x))

cell_places <- function(x, positions) match(positions$cell, colnames(x))

# Means over the entries above 0 of each row; `otherwise` where there are none.
means_where_found <- function(x, otherwise = mean(x@x)) {
  n <- tabulate(x@i + 1L, nrow(x))
  ifelse(n > 0, Matrix::rowSums(x) / n, otherwise)
}

mean_where_found <- function(counts, positions) {
  x <- log_normal(counts)
  unname(means_where_found(x)[gene_places(x, positions)])
}

mean_over_cells <- function(counts, positions) {
  x <- log_normal(counts)
  unname(Matrix::rowMeans(x)[gene_places(x, positions)])
}

cell_depth_at <- function(counts, positions) {
  unname(Matrix::colSums(counts)[cell_places(counts, positions)])
}

count_in_depth <- function(counts, positions) {
  count <- means_where_found(counts)[gene_places(counts, positions)]
  unname(log1p(1e4 * count / cell_depth_at(counts, positions)))
}

# list(u, d, v) of genes x cells less `center` (of the genes, or NULL). Small
# data are decomposed whole.
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

# Cells x components.
principal_components <- function(x, n) {
  made <- truncated_svd(x, n, unname(Matrix::rowMeans(x)))
  made$v %*% diag(made$d, length(made$d))
}

# Cells x cells, sparse: rows average the k nearest other cells.
neighbour_means <- function(components, k) {
  n <- nrow(components)
  k <- min(k, n - 1)
  near <- nearest_neighbors(components, k)$index
  Matrix::sparseMatrix(
    i = rep(seq_len(n), each = k), j = as.vector(near) + 1, x = 1 / k,
    dims = c(n, n)
  )
}

diffusion_operator <- function(components, knn, decay) {
  n <- nrow(components)
  k <- min(3 * knn, n - 1)
  near <- nearest_neighbors(components, k)
  width <- near$distance[min(knn, k), ]
  ratio <- sweep(near$distance, 2, ifelse(width > 0, width, 1), "/")
  affinity <- exp(-ratio^decay)
  kernel <- Matrix::sparseMatrix(
    i = c(rep(seq_len(n), each = k), seq_len(n)),
    j = c(as.vector(near$index) + 1, seq_len(n)),
    x = c(as.vector(affinity), rep(1, n)), dims = c(n, n)
  )
  kernel <- kernel + Matrix::t(kernel)
  Matrix::Diagonal(x = 1 / Matrix::rowSums(kernel)) %*% kernel
}

# Values at positions, from what `block(genes)` gives, cells x these genes.
by_gene_blocks <- function(x, positions, block, most = 4e6) {
  gene <- gene_places(x, positions)
  cell <- cell_places(x, positions)
  genes <- sort(unique(gene))
  size <- max(1, most %/% ncol(x))
  values <- numeric(length(gene))
  for (own in split(genes, (seq_along(genes) - 1) %/% size)) {
    at <- which(gene %in% own)
    values[at] <- block(own)[cbind(cell[at], match(gene[at], own))]
  }
  values
}

smooth_at <- function(x, operator, positions, steps = 1) {
  by_cell <- Matrix::t(x)
  by_gene_blocks(x, positions, function(genes) {
    values <- as.matrix(by_cell[, genes, drop = FALSE])
    for (step in seq_len(steps)) values <- as.matrix(operator %*% values)
    values
  })
}

# (sum over neighbours with the gene + gene's mean) / (their number + 1).
# `operator` has the same weight for each neighbour.
smooth_where_found <- function(x, operator, positions) {
  found <- x
  found@x[] <- 1
  k <- 1 / max(operator@x)
  sum <- k * smooth_at(x, operator, positions)
  n <- k * smooth_at(found, operator, positions)
  mean <- unname(means_where_found(x)[gene_places(x, positions)])
  (sum + mean) / (n + 1)
}

low_rank_at <- function(made, x, positions) {
  gene <- gene_places(x, positions)
  cell <- cell_places(x, positions)
  value <- numeric(length(gene))
  for (k in seq_along(made$d)) {
    value <- value + made$d[k] * made$u[gene, k] * made$v[cell, k]
  }
  value
}

alra_at <- function(made, x, positions) {
  by_cell <- Matrix::t(x)
  loadings <- made$v %*% diag(made$d, length(made$d))
  by_gene_blocks(x, positions, function(genes) {
    values <- loadings %*% t(made$u[genes, , drop = FALSE])
    for (k in seq_along(genes)) {
      rows <- by_cell@p[genes[k]] + seq_len(diff(by_cell@p[genes[k] + 0:1]))
      values[, k] <- rescale_gene(values[, k], by_cell@x[rows])
    }
    values
  })
}

# ALRA's threshold and scale of one gene; `found` are its values above 0.
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
