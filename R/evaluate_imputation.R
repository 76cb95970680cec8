# How well a method fills in expression that was taken away (thesis 4.2.4).

#' Evaluate the imputation of expression
#'
#' Takes a share of the counts of each cell away, has methods fill them in, and
#' compares with what was there: the evaluation of section 4.2.4 of the thesis,
#' beside plain baselines.
#'
#' For each share in `drop` that part of the non-zero counts of each cell, drawn
#' at random, becomes zero *before* normalising, so that a method knows nothing
#' of what it has to find (the total of a cell falls, too); a cell keeps at
#' least 2. A method is given what is left and the dropped positions, and
#' predicts `log1p(1e4 * count / total)`, the total being that of the original
#' cell.
#'
#' What the figures say: all dropped values are above 0, and vary between genes
#' far more than within. `pearson` over all positions is thus high for every
#' method that knows the mean of each gene; `gene_pearson` and
#' `centred_pearson` ask for what the means do not tell. Part of that is the
#' depth of the cell alone: a single count is a large value in a shallow cell.
#' The baseline `"gene_count"`, which knows nothing else of the cell, shows how
#' far this goes (a `gene_pearson` of 0.8 for blood cells);
#' `depth_free_pearson` takes it away. Methods that estimate the mean over all
#' cells, zeros included, are too low at positions known to be above 0: their
#' `mae` suffers, and their correlations within genes can fall below 0, for a
#' gene is found in fewer of the cells where a single count is a large value.
#'
#' @param x Counts, genes x cells, with names: a matrix, sparse (Matrix) or not.
#'   It is never made dense as a whole.
#' @param methods Named list of methods: functions of `(counts, positions)`,
#'   where `counts` is a sparse matrix (`dgCMatrix`, genes x cells) and
#'   `positions` a data frame with the columns `gene` and `cell` (names), that
#'   return a number for each position, NA where they have none; or fits, for
#'   which `impute(fit, counts, positions = positions)` is called. Genes that a
#'   fit does not know have no prediction.
#' @param drop Shares of the non-zero counts to drop, each above 0 and below 1.
#'   Default 0.1, 0.2 and 0.4.
#' @param baselines Names of [imputation_baselines()], all by default; a list
#'   that [imputation_baselines()] returned with other options; or NULL.
#' @param total `"original"`, the default: values to be found have the total of
#'   the original cell. `"left"`: that of what is left, by which methods
#'   normalise; otherwise all that they return is too high by up to
#'   -log(1 - share).
#' @param min_positions Genes with fewer dropped positions have no part in
#'   `gene_pearson`. Default 10.
#' @param seed Whole number: the same seed drops the same counts. The state of
#'   R's own random numbers is left as it was.
#'
#' @return A data frame of class `sailer_imputation_evaluation` with a row for
#'   each share and method, in log-normalised units (natural logarithm):
#'   * `drop`, `method`, `role` (`"method"` or `"baseline"`);
#'   * `n_positions`, `n_missing`: dropped positions, and those of them that
#'     have no prediction and are left out of the measures;
#'   * `mae`: mean absolute error;
#'   * `pearson`: Pearson's correlation over all positions;
#'   * `gene_pearson`, `n_genes`: its mean over genes, and how many have
#'     `min_positions` and values that vary;
#'   * `centred_pearson`: over all positions, after the mean of the gene's
#'     dropped positions was taken from values and from predictions. Predictions
#'     that do not vary within genes have 0 here and in `gene_pearson`;
#'   * `depth_free_pearson`: the same of what a straight line in the value of a
#'     single count in the cell, log1p(1e4 / total left), does not explain;
#'   * `seconds`: time of the method.
#'
#'   `plot()` draws the measures against the shares.
#' @section Errors:
#' `sailer_argument_error` for methods that are no functions or fits, shares out
#' of range and predictions of the wrong length or kind, naming the method;
#' `sailer_data_error` for counts that are no counts or have no names, naming
#' gene and cell, and when nothing can be dropped.
#' @references Cao (2023), section 4.2.4.
#' @seealso [imputation_baselines()], [evaluate_gene_embeddings()]
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
                                baselines = names(imputation_baselines()),
                                total = c("original", "left"),
                                min_positions = 10, seed = 1) {
  x <- imputed_counts(x)
  total <- rlang::arg_match(total)
  check_shares(drop)
  check_number(min_positions, min = 2, whole = TRUE)
  check_number(seed, whole = TRUE)
  check_methods(methods)
  baselines <- chosen_baselines(baselines)
  both <- intersect(names(methods), names(baselines))
  if (length(both)) {
    abort("{.arg methods}: {.val {both[1]}} is the name of a baseline; give the
           method another.")
  }
  all <- c(methods, baselines)
  if (length(all) == 0) {
    abort("There is nothing to evaluate: both {.arg methods} and
           {.arg baselines} are empty.")
  }
  call <- environment()
  rows <- lapply(sort(unique(drop)), function(share) {
    dropped <- with_own_seed(seed, drop_counts(x, share, total, call))
    lapply(names(all), function(name) {
      measured <- run_imputation(
        all[[name]], name, dropped, min_positions, call
      )
      role <- if (name %in% names(methods)) "method" else "baseline"
      data.frame(drop = share, method = name, role = role, t(measured))
    })
  })
  structure(
    do.call(rbind, unlist(rows, recursive = FALSE)),
    class = c("sailer_imputation_evaluation", "data.frame")
  )
}

check_shares <- function(drop, call = rlang::caller_env()) {
  if (!are_numbers(drop, 0, 1, lengths = 1:1000) || any(drop %in% 0:1)) {
    abort("{.arg drop} must hold shares above 0 and below 1.", call = call)
  }
}

check_methods <- function(methods, call = rlang::caller_env()) {
  if (!rlang::is_bare_list(methods) || !have_own_names(methods)) {
    abort("{.arg methods} must be a list, each method by a name of its own.",
          call = call)
  }
  for (name in names(methods)) {
    method <- methods[[name]]
    if (!is.function(method) && !is.object(method)) {
      abort("{.arg methods}: {.val {name}} must be a function of counts and
             positions or a fit, not {.obj_type_friendly {method}}.",
            call = call)
    }
  }
}

chosen_baselines <- function(baselines, call = rlang::caller_env()) {
  if (is.null(baselines)) {
    return(list())
  }
  if (is.list(baselines)) {
    check_methods(baselines, call)
    return(baselines)
  }
  all <- imputation_baselines()
  all[evaluation_baselines(baselines, names(all), call)]
}

# Counts as a dgCMatrix with names, without explicit zeros.
imputed_counts <- function(x, call = rlang::caller_env()) {
  if (!is.matrix(x) && !inherits(x, "Matrix")) {
    abort("{.arg x} must be a matrix of counts, genes x cells, not
           {.obj_type_friendly {x}}.", call = call)
  }
  if (!inherits(x, "Matrix") && !is.numeric(x)) {
    abort("{.arg x} must hold counts, not {.obj_type_friendly {x[1]}}.",
          call = call)
  }
  x <- methods::as(methods::as(x, "CsparseMatrix"), "dMatrix")
  x <- drop0(methods::as(x, "generalMatrix"))
  check_names(rownames(x), "gene", "row", call)
  check_names(colnames(x), "cell", "column", call)
  bad <- which(!is.finite(x@x) | x@x < 0 | x@x != round(x@x))
  if (length(bad)) {
    gene <- rownames(x)[x@i[bad[1]] + 1]
    cell <- colnames(x)[findInterval(bad[1] - 1, x@p)]
    abort(c(
      "{.arg x} must hold counts: whole numbers from 0 up.",
      x = "{length(bad)} value{?s} {?is/are} not, the first, {x@x[bad[1]]}, of
           gene {.val {gene}} in cell {.val {cell}}.",
      i = "Give the raw counts: normalising comes after the drop-out."
    ), class = "data", call = call)
  }
  x
}

# list(counts = what is left, truth, depth = value of a single count in the
# cell, gene = places, positions = names).
drop_counts <- function(x, share, of, call) {
  n <- diff(x@p)
  cell <- rep(seq_along(n), n)
  rank <- integer(length(cell))
  rank[order(cell, stats::runif(length(cell)))] <- sequence(n)
  most <- pmax(0, pmin(round(share * n), n - 2))
  out <- rank <= most[cell]
  if (!any(out)) {
    abort(c(
      "Nothing can be dropped: the cells of {.arg x} have too few counts.",
      i = "A cell keeps at least 2 of its non-zero counts."
    ), class = "data", call = call)
  }
  gene <- x@i[out] + 1L
  cell <- cell[out]
  count <- x@x[out]
  original <- unname(Matrix::colSums(x))[cell]
  x@x[out] <- 0
  left <- unname(Matrix::colSums(x))[cell]
  list(
    counts = drop0(x), depth = log1p(1e4 / left), gene = gene,
    truth = log1p(1e4 * count / if (of == "left") left else original),
    positions = data.frame(gene = rownames(x)[gene], cell = colnames(x)[cell])
  )
}

# Of genes that a fit does not know there is no prediction.
impute_with_fit <- function(fit, dropped) {
  positions <- dropped$positions
  if (!inherits(fit, "expresser_fit")) {
    return(impute(fit, dropped$counts, positions = positions))
  }
  known <- positions$gene %in% fit$genes$gene
  out <- rep(NA_real_, nrow(positions))
  out[known] <- impute(
    fit, dropped$counts, positions = positions[known, ], verbose = FALSE
  )
  out
}

run_imputation <- function(method, name, dropped, min_positions, call) {
  seconds <- system.time(
    prediction <- if (is.function(method)) {
      method(dropped$counts, dropped$positions)
    } else {
      impute_with_fit(method, dropped)
    }
  )[["elapsed"]]
  n <- length(dropped$truth)
  if (!is.numeric(prediction) || length(prediction) != n) {
    abort("{.arg methods}: {.val {name}} must return {n} numbers, one for each
           position, not {.obj_type_friendly {prediction}} of length
           {length(prediction)}.", call = call)
  }
  if (any(is.infinite(prediction))) {
    abort("{.arg methods}: {.val {name}} returned an infinite value; give NA
           where there is none.", call = call)
  }
  c(
    imputation_measures(dropped, as.vector(prediction), min_positions),
    seconds = seconds
  )
}

imputation_measures <- function(dropped, prediction, min_positions) {
  known <- !is.na(prediction)
  y <- dropped$truth[known]
  made <- prediction[known]
  gene <- dropped$gene[known]
  gene <- match(gene, unique(gene))
  # One row for each gene.
  n <- tabulate(gene)
  sums <- function(x) as.vector(rowsum(x, gene, reorder = FALSE))
  centred <- function(x) {
    away <- x - (sums(x) / n)[gene]
    # What rounding leaves of a constant is none.
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

# 0 where one side is nothing.
cosine <- function(product, first, second) {
  length <- sqrt(first * second)
  ifelse(length > 0, product / length, 0)
}

# Of what `line` does not explain of each side.
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
  needed <- c("drop", "method", "role", "mae", "pearson", "depth_free_pearson")
  if (!all(needed %in% names(x)) || nrow(x) == 0) {
    return(NextMethod())
  }
  cat("<sailer_imputation_evaluation> of dropped counts, log-normalised\n")
  for (own in split(x, x$drop)) {
    cat(sprintf(
      "\n%g %% dropped, %s positions\n", 100 * own$drop[1],
      format(own$n_positions[1], big.mark = ",")
    ))
    print.data.frame(shortened(own, digits), row.names = FALSE)
    base <- own[own$role == "baseline", ]
    if (nrow(base)) {
      cat(sprintf(
        "strongest baselines: %s by MAE, %s by Pearson, %s depth-free\n",
        base$method[which.min(base$mae)], base$method[which.max(base$pearson)],
        base$method[which.max(base$depth_free_pearson)]
      ))
    }
  }
  invisible(x)
}

# Columns that fit a line, under short names.
shortened <- function(table, digits) {
  short <- c(
    method = "method", role = "role", n_missing = "missing", mae = "mae",
    pearson = "pearson", gene_pearson = "by_gene", centred_pearson = "centred",
    depth_free_pearson = "depth_free", seconds = "seconds"
  )
  short <- short[names(short) %in% names(table)]
  if (identical(sum(table$n_missing), 0)) {
    short <- short[names(short) != "n_missing"]
  }
  shown <- stats::setNames(table[names(short)], short)
  numbers <- vapply(shown, is.numeric, NA)
  shown[numbers] <- lapply(shown[numbers], round, digits)
  shown
}
