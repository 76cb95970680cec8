# Measures of an embedding (thesis 2.2.5 and 2.5.3) and of imputed peaks
# (eq. 2.7). The arithmetic is in src/core/evaluation; here arguments are
# checked, classes numbered and neighbours found.

#' Mutual information between an embedding and a confounder
#'
#' Measures the information that each dimension of an embedding contains about a
#' confounder, such as depth or batch (section 2.2.5 of the thesis). An
#' embedding free of the confounder has values near zero.
#'
#' The estimator is that of Kraskov, Stögbauer and Grassberger (2004) for
#' numeric confounders and that of Ross (2014) for classes. Both agree with
#' scikit-learn's `mutual_info_regression()` and `mutual_info_classif()`: every
#' numeric variable is divided by its standard deviation, noise of about 1e-10
#' is added to break ties, and negative estimates become 0. Time grows as n
#' log(n) with the number of cells. Classes with a single cell are ignored.
#'
#' @param embedding Numeric matrix, cells x dimensions, without missing or
#'   infinite values. A vector is one dimension.
#' @param c The confounder, one value per cell: numbers (for depth, the
#'   logarithm is usual, but the estimate hardly depends on it), or a factor,
#'   character or logical vector of classes. Convert classes coded as numbers to
#'   a factor first.
#' @param k Number of nearest neighbours, from 1 to the number of cells minus
#'   one. More neighbours lower the variance and increase the bias. Default 3,
#'   as in scikit-learn.
#' @param seed Whole number that sets the tie-breaking noise. R's random number
#'   generator is neither used nor changed.
#' @return A list with `mean`, the mean over the dimensions, and `dimensions`, a
#'   numeric vector with one value per dimension, both in nats.
#' @references Kraskov, Stögbauer and Grassberger (2004), *Physical Review E*
#'   69, 066138. Ross (2014), *PLoS ONE* 9, e87357. Cao (2023), section 2.2.5.
#' @examples
#' depth <- rlnorm(500, 7)
#' embedding <- cbind(log(depth) + rnorm(500), rnorm(500))
#' mutual_information(embedding, log(depth))
#' mutual_information(embedding, rep(c("a", "b"), 250))$mean
#' @export
mutual_information <- function(embedding, c, k = 3, seed = 1) {
  embedding <- measured_matrix(embedding)
  n_cells <- nrow(embedding)
  check_number(k, min = 1, max = n_cells - 1, whole = TRUE)
  check_number(seed, min = 0, max = 2^53, whole = TRUE)
  if (is.numeric(c) && !is.factor(c)) {
    check_one_per_cell(length(c), n_cells, FALSE, "c", NULL)
    check_all(is.finite(c), "missing or infinite", "c")
    values <- core_mutual_information_numeric(embedding, as.double(c), k, seed)
  } else {
    confounder <- measured_classes(c, n_cells, "c")
    values <- core_mutual_information_classes(
      embedding, confounder$code, k, seed
    )
  }
  names(values) <- colnames(embedding)
  list(mean = mean(values), dimensions = values)
}

#' Dice score of imputed peaks
#'
#' The Dice similarity coefficient (equation 2.7 of the thesis) between the
#' truly open peaks (for instance in bulk data of the cell type, or in `truth`
#' of [simulate_atac()]) and the peaks imputed as open: 2 TP / (2 TP + FP + FN).
#'
#' @param truth,estimate Vectors of peaks, or matrices (base R or Matrix
#'   package) of peaks x cells, with the same peaks in the same order. Entries
#'   are 0 or 1, or `FALSE` and `TRUE`, unless `threshold` is given. A vector
#'   (or a matrix of one column) is compared with every column of the other.
#' @param threshold `NULL`, or one number: entries above it are open. Use 0 for
#'   counts, and a value between 0 and 1 for probabilities. A vector of two
#'   gives one value for `truth` and one for `estimate`.
#' @return Scores in \[0, 1\], one per column, with the names of the columns, or
#'   a single number for two vectors. Two empty sets of peaks score 1.
#' @references Cao (2023), equation 2.7.
#' @examples
#' bulk <- c(1, 1, 0, 0, 1)
#' dice_score(bulk, c(1, 0, 0, 1, 1))
#' probability <- cbind(a = c(.9, .8, .1, .2, .6), b = c(.1, .8, .9, .1, .3))
#' dice_score(bulk, probability, threshold = 0.5)
#' @importFrom Matrix drop0
#' @export
dice_score <- function(truth, estimate, threshold = NULL) {
  if (!is.null(threshold) && !are_numbers(threshold, 0, Inf, lengths = 1:2)) {
    abort("{.arg threshold} must be `NULL`, or one or two numbers of at least
           0.")
  }
  threshold <- if (is.null(threshold)) c(NA, NA) else rep_len(threshold, 2)
  truth <- open_peaks(truth, "truth", threshold[1])
  estimate <- open_peaks(estimate, "estimate", threshold[2])
  columns <- c(ncol(truth), ncol(estimate))
  abort_if(nrow(truth) != nrow(estimate), c(
    "{.arg truth} and {.arg estimate} must have the same peaks.",
    x = "Found {nrow(truth)} and {nrow(estimate)}."
  ))
  abort_if(columns[1] != columns[2] && !any(columns == 1), c(
    "{.arg truth} and {.arg estimate} must have the same number of
     columns, or one.",
    x = "Found {columns[1]} and {columns[2]}."
  ))
  scores <- core_dice_scores(truth@p, truth@i, estimate@p, estimate@i)
  names(scores) <- colnames(if (columns[2] == 1) truth else estimate)
  scores
}

# The open peaks as a sparse matrix of ones, without explicit zeros.
open_peaks <- function(x, arg, threshold) {
  if (!inherits(x, "Matrix")) {
    abort_if(!is.numeric(x) && !is.logical(x), c(
      "{.arg {arg}} must be a vector or a matrix of numbers or logicals.",
      x = "Found {.cls {class(x)}}."
    ))
    x <- as.matrix(x)
  }
  x <- methods::as(methods::as(x, "CsparseMatrix"), "dMatrix")
  x <- methods::as(x, "generalMatrix")
  abort_if(anyNA(x@x), "{.arg {arg}} must not have missing values.")
  if (!is.na(threshold)) {
    x@x <- as.double(x@x > threshold)
  } else if (any(x@x != 0 & x@x != 1)) {
    abort(c(
      "{.arg {arg}} must hold 0 and 1, or `FALSE` and `TRUE`.",
      i = "To call entries open above a value, give {.arg threshold}."
    ))
  }
  drop0(x)
}

# Pearson's correlation of y with x, or with each column of x; NA, without a
# warning, if one of them does not vary.
correlation <- function(x, y) {
  if (length(y) < 2) {
    return(NA_real_)
  }
  suppressWarnings(drop(stats::cor(x, y)))
}

# Checks shared by the measures. `arg` is the name of the argument for the user.

measured_matrix <- function(x, arg = "embedding") {
  if (is.numeric(x) && is.null(dim(x))) {
    x <- matrix(x, ncol = 1, dimnames = list(names(x), NULL))
  }
  x <- as_numeric_matrix(x, arg, "cells x dimensions")
  if (nrow(x) < 2) {
    abort("{.arg {arg}} must have at least 2 cells (rows), not 1.")
  }
  check_finite_rows(x, arg, "cell")
}

# `what`: what the rows are, for messages.
check_finite_rows <- function(x, arg, what) {
  bad <- row(x)[!is.finite(x)]
  if (length(bad) > 0) {
    first <- rownames(x)[bad[1]] %||% bad[1]
    abort(c(
      "{.arg {arg}} must not have missing or infinite values.",
      x = "Found {length(bad)}, the first in {what} {first}."
    ))
  }
  x
}

check_all <- function(good, bad, arg, hint = NULL) {
  if (all(good)) {
    return(invisible())
  }
  abort(c(
    "{.arg {arg}} must not have {bad} values.",
    x = "Found {sum(!good)}, the first at position {which(!good)[1]}.", i = hint
  ))
}

# Returns list(code = class of each cell, from 0; names = one per class). Unused
# levels are dropped.
measured_classes <- function(x, n_cells, arg) {
  x <- written_out(x)
  good <- is.atomic(x) && !is.null(x) && length(dim(x)) <= 1
  must_be(good, x, "a vector of labels", arg)
  check_one_per_cell(length(x), n_cells, FALSE, arg, NULL)
  check_all(
    !is.na(x), "missing", arg,
    "Leave these cells out, or give them a class of their own."
  )
  classes <- droplevels(as.factor(x))
  list(code = as.integer(classes) - 1L, names = levels(classes))
}
