# Results of evaluate_gene_embeddings(): measures, summary and print.

# The data frame of an evaluation from what was tested, see run_evaluation().
gene_evaluation <- function(tested, task, options, seed) {
  measures <- if (task$kind == "numeric") {
    numeric_measures
  } else {
    label_measures
  }
  rows <- lapply(tested, function(one) {
    data.frame(
      one[c("embedding", "role", "repetition", "fold", "n_train")],
      n_test = nrow(one$items), t(measures(one$items$y, one$prediction))
    )
  })
  unmatched <- vapply(tested, function(one) one$unmatched %||% 0, 0)
  structure(
    do.call(rbind, rows),
    evaluation = list(
      kind = task$kind, model = options$model, found = task$found,
      dropped = task$dropped, unmatched = mean(unmatched), seed = seed,
      roc = if (task$kind != "numeric") mean_roc(tested),
      predictions = kept_predictions(tested)
    ),
    class = c("sailer_gene_evaluation", "data.frame")
  )
}

label_measures <- function(y, prediction) {
  c(
    auc = mann_whitney_auc(y, prediction),
    accuracy = mean((prediction > 0.5) == (y == 1))
  )
}

numeric_measures <- function(y, prediction) {
  c(
    pearson = correlation(y, prediction),
    spearman = correlation(rank(y), rank(prediction)),
    r2 = 1 - sum((y - prediction)^2) / sum((y - mean(y))^2)
  )
}

# Pearson's, NA without a warning where one side does not vary.
correlation <- function(x, y) {
  if (length(x) < 2 || all(x == x[1]) || all(y == y[1])) {
    return(NA_real_)
  }
  stats::cor(x, y)
}

# The share of (positive, negative) pairs in the right order, ties one half.
mann_whitney_auc <- function(y, score) {
  n <- as.double(c(sum(y == 0), sum(y == 1)))
  if (min(n) == 0) {
    return(NA_real_)
  }
  (sum(rank(score)[y == 1]) - n[2] * (n[2] + 1) / 2) / prod(n)
}

# The corners of a ROC curve, from (0, 0) to (1, 1).
roc_curve <- function(y, score) {
  order <- order(-score)
  last <- c(diff(score[order]) != 0, TRUE)
  data.frame(
    fpr = c(0, cumsum(y[order] == 0)[last] / sum(y == 0)),
    tpr = c(0, cumsum(y[order] == 1)[last] / sum(y == 1))
  )
}

# Curves averaged over folds at the same false positive rates.
mean_roc <- function(tested, at = seq(0, 1, length.out = 201)) {
  two <- vapply(tested, function(one) length(unique(one$items$y)) == 2, NA)
  name <- vapply(tested, function(one) one$embedding, "")
  curves <- lapply(unique(name), function(own) {
    heights <- vapply(tested[two & name == own], function(one) {
      curve <- roc_curve(one$items$y, one$prediction)
      stats::approx(curve$fpr, curve$tpr, at, ties = max)$y
    }, at)
    # Corners of curves begin at (0, 0), also after their first rise.
    data.frame(
      embedding = own, fpr = c(0, at), tpr = c(0, rowMeans(heights))
    )
  })
  do.call(rbind, curves)
}

kept_predictions <- function(tested) {
  first <- Filter(function(one) one$repetition == 1, tested)
  do.call(rbind, lapply(first, function(one) {
    data.frame(
      embedding = one$embedding, role = one$role, fold = one$fold,
      row = one$items$row, truth = one$items$y, prediction = one$prediction
    )
  }))
}

evaluation_measures <- function(x) {
  intersect(c("auc", "accuracy", "pearson", "spearman", "r2"), names(x))
}

#' @rdname evaluate_gene_embeddings
#' @param object For `summary()`: the result.
#' @export
summary.sailer_gene_evaluation <- function(object, ...) {
  names <- unique(object$embedding)
  rows <- lapply(names, function(name) {
    own <- object[object$embedding == name, ]
    spread <- lapply(evaluation_measures(object), function(measure) {
      mean_and_error(own[[measure]], own$repetition)
    })
    values <- unlist(spread)
    names(values) <- paste0(
      rep(evaluation_measures(object), each = 2), c("", "_se")
    )
    data.frame(embedding = name, role = own$role[1], t(values))
  })
  do.call(rbind, rows)
}

# Mean over folds, then repetitions, with the standard error over repetitions,
# or folds if there is one repetition.
mean_and_error <- function(values, repetition) {
  if (all(is.na(values))) {
    return(c(NA, NA))
  }
  means <- tapply(values, repetition, mean, na.rm = TRUE)
  own <- if (length(means) > 1) means else values
  own <- own[!is.na(own)]
  c(mean(means, na.rm = TRUE), stats::sd(own) / sqrt(length(own)))
}

#' @export
print.sailer_gene_evaluation <- function(x, digits = 3, ...) {
  made <- attr(x, "evaluation")
  if (is.null(made) || !all(c("embedding", "repetition") %in% names(x))) {
    return(NextMethod())
  }
  what <- c(pairs = "pairs of genes", binary = "two classes of genes",
            numeric = "numbers of genes")
  cat(sprintf(
    "<sailer_gene_evaluation> %s by a %s model\n", what[[made$kind]],
    made$model
  ))
  all <- made$found[nrow(made$found), ]
  cat(sprintf(
    "%d of %d genes found; %d repetition%s, %d split%s each, %s tested\n",
    all$found, all$listed, max(x$repetition),
    if (max(x$repetition) > 1) "s" else "", max(x$fold),
    if (max(x$fold) > 1) "s" else "",
    format(sum(x$n_test[x$embedding == x$embedding[1] & x$repetition == 1]),
           big.mark = ",")
  ))
  if (length(made$dropped)) {
    cat("left out:", paste0(made$dropped, " (", names(made$dropped), ")",
                            collapse = ", "), "\n")
  }
  if (made$unmatched > 0) {
    cat(sprintf("sampled pairs short of a match: %.1f a split\n",
                made$unmatched))
  }
  shown <- summary(x)
  numbers <- vapply(shown, is.numeric, NA)
  shown[numbers] <- lapply(shown[numbers], round, digits)
  print.data.frame(shown, row.names = FALSE)
  invisible(x)
}
