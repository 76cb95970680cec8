# Prints and plots what batch_mixing() measured.

#' @export
print.batch_mixing <- function(x, ...) {
  cat("<batch_mixing> ", nrow(x$cells), " cells of ", nrow(x$batches),
    " batches\n",
    sep = ""
  )
  print(round(x$summary[!is.na(x$summary)], 3))
  invisible(x)
}

#' @rdname batch_mixing
#' @export
plot.batch_mixing <- function(x, ...) {
  refuse_others(list(...), plot.batch_mixing)
  if (nrow(x$batches) <= 6) draw_mixing_boxes(x) else draw_mixing_table(x)
}

mixing_title <- function(mixing) {
  sprintf(
    "mean deviation from even mixing %.2f, iLISI %.2f of %d",
    mixing$summary[["deviation"]], mixing$summary[["ilisi"]],
    nrow(mixing$batches)
  )
}

draw_mixing_boxes <- function(mixing) {
  own <- mixing$cells$batch
  proportions <- unname(mixing$proportions)
  n <- nlevels(own)
  sizes <- big(tabulate(own))
  long <- data.frame(
    own = rep(
      factor(own, labels = paste0("cells of ", levels(own), " (", sizes, ")")),
      n
    ),
    from = factor(rep(levels(own), each = length(own)), levels(own)),
    proportion = c(proportions)
  )
  ggplot2::ggplot(long, ggplot2::aes(
    .data$from, .data$proportion, fill = .data$from
  )) +
    ggplot2::geom_boxplot(outlier.shape = NA, width = 0.6, alpha = 0.8) +
    ggplot2::geom_hline(yintercept = 1 / n, linetype = "dashed") +
    ggplot2::facet_wrap(ggplot2::vars(.data$own)) +
    scale_of_groups("fill", n, guide = "none") +
    ggplot2::scale_y_continuous(limits = c(0, 1)) +
    ggplot2::labs(
      x = "batch of the neighbours", y = "share (dashed: even)",
      title = "Batch mixing", subtitle = mixing_title(mixing)
    ) +
    picture_theme() +
    slanted_labels(levels(own))
}

draw_mixing_table <- function(mixing) {
  own <- mixing$cells$batch
  n <- nlevels(own)
  means <- apply(mixing$proportions, 2, function(x) tapply(x, own, mean))
  long <- data.frame(
    own = factor(rep(levels(own), n), rev(levels(own))),
    from = factor(rep(levels(own), each = n), levels(own)), times = n * c(means)
  )
  ggplot2::ggplot(
    long, ggplot2::aes(.data$from, .data$own, fill = .data$times)
  ) +
    ggplot2::geom_tile() +
    # White is the even share, whatever the largest value.
    ggplot2::scale_fill_gradientn(
      colours = c(group_colours[1], "white", group_colours[6]),
      values = c(0, 1 / max(1.01, long$times), 1),
      limits = c(0, max(1.01, long$times))
    ) +
    ggplot2::labs(
      x = "batch of the neighbours", y = "batch of the cells",
      fill = "times the\neven share", title = "Batch mixing",
      subtitle = mixing_title(mixing)
    ) +
    picture_theme() +
    ggplot2::theme(panel.grid = ggplot2::element_blank(), aspect.ratio = 1) +
    slanted_labels(levels(own))
}

# Slants the labels of the axis if they would overlap; NULL if not.
slanted_labels <- function(labels) {
  if (length(labels) * max(nchar(labels)) <= 24) {
    return(NULL)
  }
  ggplot2::theme(
    axis.text.x = ggplot2::element_text(angle = 45, hjust = 1, vjust = 1)
  )
}
