# Results of evaluate_gene_embeddings(): measures, summary and print.

# Returns the data frame of an evaluation, from the list of run_evaluation().
gene_evaluation <- function(tested, task, model) {
  measures <- if (task$kind == "numeric") numeric_measures else label_measures
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
      kind = task$kind, model = model, found = task$found,
      dropped = task$dropped, unmatched = mean(unmatched),
      roc = if (task$kind != "numeric") mean_roc(tested),
      predictions = do.call(rbind, lapply(tested, function(one) {
        if (one$repetition == 1) data.frame(
          one[c("embedding", "role", "fold")], row = one$items$row,
          truth = one$items$y, prediction = one$prediction
        )
      }))
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

# Returns the share of (positive, negative) pairs in the right order, ties 0.5.
mann_whitney_auc <- function(y, score) {
  n <- as.double(c(sum(y == 0), sum(y == 1)))
  if (min(n) == 0) {
    return(NA_real_)
  }
  (sum(rank(score)[y == 1]) - n[2] * (n[2] + 1) / 2) / prod(n)
}

# Returns the corners of a ROC curve, from (0, 0) to (1, 1).
roc_curve <- function(y, score) {
  order <- order(-score)
  last <- c(diff(score[order]) != 0, TRUE)
  data.frame(
    fpr = c(0, cumsum(y[order] == 0)[last] / sum(y == 0)),
    tpr = c(0, cumsum(y[order] == 1)[last] / sum(y == 1))
  )
}

# Averages the curves over folds at the same false positive rates.
mean_roc <- function(tested, at = seq(0, 1, length.out = 201)) {
  two <- vapply(tested, function(one) length(unique(one$items$y)) == 2, NA)
  name <- vapply(tested, function(one) one$embedding, "")
  curves <- lapply(unique(name), function(own) {
    heights <- vapply(tested[two & name == own], function(one) {
      curve <- roc_curve(one$items$y, one$prediction)
      stats::approx(curve$fpr, curve$tpr, at, ties = max)$y
    }, at)
    # Start at (0, 0): at 0, approx() gives the height after the first rise.
    data.frame(embedding = own, fpr = c(0, at), tpr = c(0, rowMeans(heights)))
  })
  do.call(rbind, curves)
}

#' @rdname evaluate_gene_embeddings
#' @param object For `summary()`: the result of `evaluate_gene_embeddings()`.
#' @export
summary.sailer_gene_evaluation <- function(object, ...) {
  measures <- intersect(
    c("auc", "accuracy", "pearson", "spearman", "r2"), names(object)
  )
  rows <- lapply(unique(object$embedding), function(name) {
    own <- object[object$embedding == name, ]
    row <- data.frame(embedding = name, role = own$role[1])
    for (measure in measures) {
      found <- mean_and_error(own[[measure]], own$repetition)
      row[paste0(measure, c("", "_se"))] <- as.list(found)
    }
    row
  })
  do.call(rbind, rows)
}

# Returns the mean over folds, then repetitions, and its standard error over
# repetitions, or over folds if there is only one repetition.
mean_and_error <- function(values, repetition) {
  known <- !is.na(values)
  if (!any(known)) {
    return(c(NA_real_, NA_real_))
  }
  means <- tapply(values[known], repetition[known], mean)
  own <- if (length(means) > 1) means else values[known]
  c(mean(means), stats::sd(own) / sqrt(length(own)))
}

#' @export
print.sailer_gene_evaluation <- function(x, digits = 3, ...) {
  made <- attr(x, "evaluation")
  if (is.null(made) || !all(c("embedding", "repetition") %in% names(x))) {
    return(NextMethod())
  }
  what <- c(pairs = "pairs of genes", binary = "two classes of genes",
            numeric = "numeric values of genes")[[made$kind]]
  all <- made$found[nrow(made$found), ]
  cat(sprintf("<sailer_gene_evaluation> %s by a %s model\n", what, made$model))
  cat(sprintf(
    "%d of %d genes found; repetitions: %d, splits in each: %d\n",
    all$found, all$listed, max(x$repetition), max(x$fold)
  ))
  if (length(made$dropped)) {
    cat("left out:", paste0(made$dropped, " (", names(made$dropped), ")",
                            collapse = ", "), "\n")
  }
  if (made$unmatched > 0) {
    cat(sprintf("pairs without a sampled negative: %.1f per split\n",
                made$unmatched))
  }
  print_rounded(summary(x), digits)
  invisible(x)
}
