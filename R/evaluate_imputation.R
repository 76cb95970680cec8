# Evaluates how well methods impute expression that was removed (thesis 4.2.4).

#' Evaluate the imputation of expression
#'
#' Removes a share of the counts of each cell, imputes them with several
#' methods, and compares the results with the removed counts. This is the
#' evaluation of section 4.2.4 of the thesis, with simple baselines.
#'
#' For each share in `drop`, that share of the non-zero counts of each cell,
#' drawn at random, is set to zero *before* normalisation, so that methods have
#' no information about these counts (the total of the cell decreases, too). A
#' cell keeps at least 2 non-zero counts. A method gets the remaining counts and
#' the dropped positions, and predicts `log1p(1e4 * count / total)`, with the
#' total of the original cell.
#'
#' All dropped values are above 0, and vary far more between genes than within
#' genes. `pearson` over all positions is therefore high for any method that
#' knows the mean of each gene; `gene_pearson` and `centred_pearson` measure
#' what the means do not explain. Part of this only reflects the depth of the
#' cell: a single count is a large value in a shallow cell. The baseline
#' `"gene_count"` uses nothing about the cell but its depth and so shows how
#' large this part is (a `gene_pearson` of 0.8 for blood cells);
#' `depth_free_pearson` removes it. Methods that estimate the mean over all
#' cells, zeros included, predict values that are too low at positions known to
#' be above 0: their `mae` suffers, and their correlations within genes can fall
#' below 0.
#'
#' @section Baselines:
#' All use `log1p(1e4 * count / total)` of the remaining counts:
#' * `gene_mean`: the mean of the gene over the cells in which it is above 0 (if
#'   there are none, the mean of all values above 0).
#' * `gene_mean_all`: the mean of the gene over all cells.
#' * `gene_count`: the mean count of the gene over the cells in which it is
#'   above 0, at the depth of this cell: `log1p(1e4 * mean count / total)`.
#' * `knn`: the mean over the 15 nearest other cells, by Euclidean distance in
#'   30 principal components (package irlba).
#' * `knn_nonzero`: the mean over those of the 15 cells in which the gene is
#'   above 0, with `gene_mean` as one additional value.
#' * `knn_count`: like `gene_count`, with the mean count over those cells.
#' * `diffusion`: after MAGIC. Affinities `exp(-d / s)` to the 15 nearest cells,
#'   where `s` is the distance to the 5th nearest, are made symmetric and scaled
#'   to sum to 1 over the neighbours (including the cell itself). The values are
#'   averaged with these weights 3 times.
#' * `low_rank`: truncated singular value decomposition of rank 10.
#' * `alra`: after ALRA. Like `low_rank`; then, for each gene, values up to the
#'   absolute value of its 0.001 quantile become 0, and the others are scaled to
#'   the mean and standard deviation of the values above 0.
#'
#' @param x Counts, genes x cells, with row and column names: a base matrix or
#'   one of the Matrix package. A sparse matrix is never made dense as a whole.
#' @param methods Named list of methods. A method is a function of
#'   `(counts, positions)`, where `counts` is a sparse matrix (`dgCMatrix`,
#'   genes x cells) and `positions` a data frame with the columns `gene` and
#'   `cell` (names); it returns a number for each position, or NA for no
#'   prediction. It can also be a fit of [expresser()], which makes no
#'   prediction for genes it does not know.
#' @param drop Shares of the non-zero counts to drop, each above 0 and below 1.
#'   Default 0.1, 0.2 and 0.4.
#' @param baselines Names of baselines, see above; all by default, NULL for
#'   none.
#' @param min_positions Genes with fewer dropped positions are ignored in
#'   `gene_pearson`. Default 10.
#' @param seed Whole number; the same seed drops the same counts. The state of
#'   R's random number generator is not changed.
#'
#' @return A data frame of class `sailer_imputation_evaluation` with a row for
#'   each share and method, in log-normalised units (natural logarithm):
#'   * `drop`, `method`, `role` (`"method"` or `"baseline"`);
#'   * `n_positions`, `n_missing`: number of dropped positions, and how many of
#'     them have no prediction and are ignored in the measures;
#'   * `mae`: mean absolute error;
#'   * `pearson`: Pearson's correlation over all positions;
#'   * `gene_pearson`, `n_genes`: mean of the correlations within genes, and the
#'     number of genes that have `min_positions` and values that vary;
#'   * `centred_pearson`: over all positions, after centring the values and the
#'     predictions of each gene on their means over its dropped positions. It
#'     and `gene_pearson` are 0 for predictions that do not vary within genes;
#'   * `depth_free_pearson`: the same after regressing out the value of a single
#'     count in the cell, `log1p(1e4 / remaining total)`;
#'   * `seconds`: run time of the method.
#'
#'   `plot()` plots the measures against the shares.
#' @references Cao (2023), section 4.2.4. van Dijk et al. (2018), *Cell* 174,
#'   716 (MAGIC). Linderman et al. (2022), *Nature Communications* 13, 192
#'   (ALRA).
#' @seealso [evaluate_gene_embeddings()]
#' @examples
#' set.seed(1)
#' profile <- matrix(rexp(60 * 2), 60)
#' counts <- matrix(rpois(60 * 80, profile[, rep(1:2, 40)]), 60)
#' dimnames(counts) <- list(paste0("gene", 1:60), paste0("cell", 1:80))
#' half <- function(counts, positions) rep(4, nrow(positions))
#' result <- evaluate_imputation(
#'   counts, list(always_4 = half),
#'   drop = c(0.1, 0.3), baselines = c("gene_mean", "gene_count")
#' )
#' result
#' plot(result)
#' @export
evaluate_imputation <- function(x, methods = list(), drop = c(0.1, 0.2, 0.4),
                                baselines = c(
                                  "gene_mean", "gene_mean_all", "gene_count",
                                  "knn", "knn_nonzero", "knn_count",
                                  "diffusion", "low_rank", "alra"
                                ), min_positions = 10, seed = 1) {
  x <- imputed_counts(x)
  if (!are_numbers(drop, 0, 1, lengths = 1:1000) || any(drop %in% 0:1)) {
    abort("{.arg drop} must hold shares above 0 and below 1.")
  }
  check_number(min_positions, min = 2, whole = TRUE)
  check_number(seed, whole = TRUE)
  check_contenders(methods, "methods", "method", names(imputation_baselines))
  for (name in names(methods)) {
    must_be(
      inherits(methods[[name]], c("function", "expresser_fit")),
      methods[[name]],
      "a function of counts and positions or a fit of {.fn expresser}",
      paste0("methods$", name)
    )
  }
  baselines <- evaluation_baselines(baselines, names(imputation_baselines))
  contenders <- c(
    lapply(methods, function(method) {
      function(data, dropped) run_method(method, dropped)
    }),
    imputation_baselines[baselines]
  )
  if (length(contenders) == 0) {
    abort("There is nothing to evaluate: both {.arg methods} and
           {.arg baselines} are empty.")
  }
  rows <- lapply(sort(unique(drop)), function(share) {
    dropped <- with_own_seed(seed, drop_counts(x, share))
    data <- baseline_data(dropped$counts)
    lapply(names(contenders), function(name) {
      seconds <- system.time(
        prediction <- contenders[[name]](data, dropped)
      )[["elapsed"]]
      check_prediction(prediction, length(dropped$truth), name)
      data.frame(
        drop = share, method = name,
        role = if (name %in% baselines) "baseline" else "method",
        t(imputation_measures(dropped, as.vector(prediction), min_positions)),
        seconds = seconds
      )
    })
  })
  structure(
    do.call(rbind, unlist(rows, recursive = FALSE)),
    class = c("sailer_imputation_evaluation", "data.frame")
  )
}

# Returns counts as a dgCMatrix with names, without explicit zeros.
imputed_counts <- function(x) {
  good <- inherits(x, "Matrix") || (is.matrix(x) && is.numeric(x))
  must_be(good, x, "a matrix of counts, genes x cells")
  cells <- as_cells(x, counts = TRUE)
  check_counts(cells, 1, "gene", empty = TRUE)
  x <- Matrix::drop0(as_sparse(cells))
  first <- which(x@x != round(x@x))[1]
  if (!is.na(first)) {
    problem <- list(
      kind = "fractional", feature = x@i[first] + 1,
      cell = findInterval(first - 1, x@p), value = x@x[first]
    )
    abort_for_count(problem, rownames(x), colnames(x), "gene")
  }
  x
}

# Returns list(counts = remaining counts, truth, depth = value of a single count
# in the cell, gene, cell = indices).
drop_counts <- function(x, share) {
  n <- diff(x@p)
  cell <- rep(seq_along(n), n)
  rank <- integer(length(cell))
  rank[order(cell, stats::runif(length(cell)))] <- sequence(n)
  most <- pmax(0, pmin(round(share * n), n - 2))
  out <- rank <= most[cell]
  abort_if(!any(out), c(
    "Nothing can be dropped: the cells of {.arg x} have too few counts.",
    i = "A cell keeps at least 2 of its non-zero counts."
  ), class = "data")
  gene <- x@i[out] + 1L
  cell <- cell[out]
  count <- x@x[out]
  original <- unname(Matrix::colSums(x))[cell]
  x@x[out] <- 0
  left <- unname(Matrix::colSums(x))[cell]
  list(
    counts = Matrix::drop0(x), depth = log1p(1e4 / left), gene = gene,
    cell = cell, truth = log1p(1e4 * count / original)
  )
}

# Returns a number for each dropped position; NA for genes unknown to a fit.
run_method <- function(method, dropped) {
  counts <- dropped$counts
  positions <- data.frame(
    gene = rownames(counts)[dropped$gene], cell = colnames(counts)[dropped$cell]
  )
  if (is.function(method)) {
    return(method(counts, positions))
  }
  known <- positions$gene %in% method$genes$gene
  out <- rep(NA_real_, nrow(positions))
  out[known] <- impute(
    method, counts, positions = positions[known, ], verbose = FALSE
  )
  out
}

check_prediction <- function(made, n, name) {
  if (!is.numeric(made) || length(made) != n) {
    abort("{.arg methods}: {.val {name}} must return {n} numbers, one for each
           position, not {.obj_type_friendly {made}} of length
           {length(made)}.")
  }
  if (any(is.infinite(made))) {
    abort("{.arg methods}: {.val {name}} returned an infinite value; use NA
           if there is none.")
  }
}

imputation_measures <- function(dropped, prediction, min_positions) {
  known <- !is.na(prediction)
  y <- dropped$truth[known]
  made <- prediction[known]
  gene <- dropped$gene[known]
  gene <- match(gene, unique(gene))
  # One value for each gene.
  n <- tabulate(gene)
  sums <- function(x) as.vector(rowsum(x, gene, reorder = FALSE))
  centred <- function(x) {
    away <- x - (sums(x) / n)[gene]
    # What rounding leaves of a constant counts as zero.
    away[(sums(away^2) <= 1e-24 * sums(x^2))[gene]] <- 0
    away
  }
  a <- centred(y)
  b <- centred(made)
  depth <- centred(dropped$depth[known])
  used <- n >= min_positions & sums(a^2) > 0
  each <- cosine(sums(a * b), sums(a^2), sums(b^2))[used]
  c(
    n_positions = length(prediction), n_missing = sum(!known),
    mae = mean(abs(y - made)), pearson = correlation(y, made),
    gene_pearson = if (any(used)) mean(each) else NA, n_genes = sum(used),
    centred_pearson = cosine(sum(a * b), sum(a^2), sum(b^2)),
    depth_free_pearson = partial_cosine(a, b, depth)
  )
}

# 0 if one side is zero.
cosine <- function(product, first, second) {
  length <- sqrt(first * second)
  ifelse(length > 0, product / length, 0)
}

# Cosine of what `line` does not explain of each side.
partial_cosine <- function(a, b, line) {
  if (sum(line^2) > 0) {
    rest <- function(x) {
      away <- x - line * sum(line * x) / sum(line^2)
      if (sum(away^2) <= 1e-24 * sum(x^2)) 0 * away else away
    }
    a <- rest(a)
    b <- rest(b)
  }
  cosine(sum(a * b), sum(a^2), sum(b^2))
}

#' @export
print.sailer_imputation_evaluation <- function(x, digits = 3, ...) {
  # Short names, so that the table fits on a line.
  shown <- c(
    method = "method", role = "role", mae = "mae", pearson = "pearson",
    by_gene = "gene_pearson", centred = "centred_pearson",
    depth_free = "depth_free_pearson", seconds = "seconds",
    n_missing = "n_missing"
  )
  if (!all(c("drop", "n_positions", shown) %in% names(x))) {
    return(NextMethod())
  }
  if (!any(x$n_missing > 0)) shown <- shown[shown != "n_missing"]
  cat("<sailer_imputation_evaluation> of dropped counts, log-normalised\n")
  for (own in split(as.data.frame(x), x$drop)) {
    n <- big(own$n_positions[1])
    cat(sprintf("\n%g %% dropped, %s positions\n", 100 * own$drop[1], n))
    print_rounded(stats::setNames(own[shown], names(shown)), digits)
  }
  invisible(x)
}

print_rounded <- function(table, digits) {
  numbers <- vapply(table, is.numeric, NA)
  table[numbers] <- lapply(table[numbers], round, digits)
  print.data.frame(table, row.names = FALSE)
}
