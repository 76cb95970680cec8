# Plots of the evaluations of Expresser (thesis, figures 4.2 to 4.4).

#' @rdname evaluate_gene_embeddings
#' @param y,... For `plot()` and `summary()`: not used.
#' @export
plot.sailer_gene_evaluation <- function(x, y, ...) {
  refuse_others(list(...), plot.sailer_gene_evaluation)
  made <- attr(x, "evaluation")
  if (is.null(made)) {
    abort("{.arg x} has lost its curves: plot the result as it was returned.")
  }
  if (made$kind == "numeric") draw_predictions(x, made) else draw_roc(x, made)
}

# Labels for the legend: the name of each embedding with its measure.
evaluation_labels <- function(x, measure) {
  table <- summary.sailer_gene_evaluation(x)
  stats::setNames(
    sprintf("%s (%.3f)", table$embedding, table[[measure]]), table$embedding
  )
}

draw_roc <- function(x, made) {
  labels <- evaluation_labels(x, "auc")
  curves <- made$roc
  curves$role <- x$role[match(curves$embedding, x$embedding)]
  curves$embedding <- factor(curves$embedding, names(labels), labels)
  ggplot2::ggplot(curves, ggplot2::aes(
    .data$fpr, .data$tpr, colour = .data$embedding, linetype = .data$role
  )) +
    ggplot2::geom_abline(colour = "grey70") +
    ggplot2::geom_line(linewidth = 0.7) +
    scale_of_groups("colour", length(labels)) +
    ggplot2::scale_linetype_manual(
      values = c(embedding = "solid", baseline = "22"), guide = "none"
    ) +
    ggplot2::coord_equal(xlim = c(0, 1), ylim = c(0, 1)) +
    ggplot2::labs(
      x = "false positive rate", y = "true positive rate",
      colour = "embedding (AUC)", title = "Labels of held-out genes",
      subtitle = "mean curve of the folds; baselines dashed"
    ) +
    picture_theme()
}

draw_predictions <- function(x, made) {
  labels <- evaluation_labels(x, "pearson")
  points <- made$predictions
  points$embedding <- factor(points$embedding, names(labels), labels)
  ggplot2::ggplot(points, ggplot2::aes(.data$truth, .data$prediction)) +
    ggplot2::geom_point(
      size = 0.4, alpha = min(1, 2000 / nrow(points)), colour = group_colours[1]
    ) +
    ggplot2::geom_abline(linetype = "dashed") +
    ggplot2::facet_wrap(ggplot2::vars(.data$embedding)) +
    ggplot2::labs(
      x = "value", y = "prediction", title = "Values of held-out genes",
      subtitle = "in brackets: Pearson correlation; dashed: equality"
    ) +
    picture_theme()
}

#' @rdname evaluate_imputation
#' @param y,... For `plot()`: not used.
#' @export
plot.sailer_imputation_evaluation <- function(x, y, ...) {
  refuse_others(list(...), plot.sailer_imputation_evaluation)
  measures <- c(
    mae = "mean absolute error", pearson = "correlation, all positions",
    centred_pearson = "correlation within genes",
    depth_free_pearson = "correlation within genes, depth-free"
  )
  check_known(
    c("drop", "method", "role", names(measures)), names(x), "column", "x",
    "the result"
  )
  methods <- unique(x$method)
  long <- data.frame(
    drop = x$drop, role = x$role, method = factor(x$method, methods),
    measure = factor(rep(measures, each = nrow(x)), measures),
    value = unlist(x[names(measures)], use.names = FALSE)
  )
  ggplot2::ggplot(long, ggplot2::aes(
    .data$drop, .data$value, colour = .data$method, linetype = .data$role
  )) +
    ggplot2::geom_line(linewidth = 0.7, na.rm = TRUE) +
    ggplot2::geom_point(na.rm = TRUE) +
    ggplot2::facet_wrap(ggplot2::vars(.data$measure), scales = "free_y") +
    scale_of_groups("colour", length(methods)) +
    ggplot2::scale_linetype_manual(
      values = c(method = "solid", baseline = "22"), guide = "none"
    ) +
    ggplot2::labs(
      x = "share of counts dropped", y = NULL, colour = NULL,
      title = "Imputed expression", subtitle = "baselines dashed"
    ) +
    picture_theme()
}
