# Batches in the neighbourhoods of cells.

#' Plot the mixing of batches
#'
#' For the cells of each batch, from which batches their neighbours come: the
#' normalised proportions of section 2.5.3 of the thesis ([batch_mixing()]),
#' beside the even share that perfect mixing gives. A batch that has cell types
#' of its own cannot, rightly, be mixed there.
#'
#' @param x A fit, a Seurat or SingleCellExperiment object with one
#'   ([get_fit()]), or a numeric matrix of cells x dimensions.
#' @param batch The batch of each cell: a vector with one value per cell,
#'   matched by name if named, or the name of a column of the object's metadata.
#' @param k Number of neighbours, default 50 as in the thesis.
#' @param name Name of the reduction, as in [get_fit()].
#' @return A ggplot object. With up to six batches a panel for the cells of
#'   each, with a box plot of the proportions from every batch (median,
#'   quartiles, and the most extreme cell within 1.5 times their distance) and a
#'   dashed line at the even share; with more, a table of the mean proportions,
#'   as multiples of the even share. The subtitle has the mean deviation from
#'   even shares, 0 when perfectly mixed.
#' @section Errors: Those of [batch_mixing()].
#' @references Cao (2023), section 2.5.3.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 300, n_types = 2, seed = 1)
#' fit <- sailer(sim$counts,
#'   batch = sim$cells$batch, hidden = 16, n_latent = 4,
#'   control = train_control(epochs = 10, verbose = FALSE)
#' )
#' plot_mixing(fit, sim$cells$batch, k = 20)
#' @export
plot_mixing <- function(x, batch, k = 50, name = NULL) {
  if (missing(batch)) {
    abort("{.arg batch} is missing: the batch of each cell.")
  }
  shown <- pictured_cells(x, name)
  batch <- pictured_values(batch, "batch", shown)
  # LISI, which is not drawn, warns of few cells.
  mixing <- batch_mixing(
    shown$values, batch, k = k,
    perplexity = max(2, min(30, floor(nrow(shown$values) / 3)))
  )
  own <- measured_classes(batch, nrow(shown$values), "batch")
  own <- factor(own$names[own$code + 1], own$names)
  if (nlevels(own) <= 6) {
    draw_mixing_boxes(mixing, own)
  } else {
    draw_mixing_table(mixing, own)
  }
}

mixing_title <- function(mixing) {
  sprintf(
    "mean deviation from even mixing %.2f, iLISI %.2f of %d",
    mixing$summary[["deviation"]], mixing$summary[["ilisi"]],
    nrow(mixing$batches)
  )
}

draw_mixing_boxes <- function(mixing, own) {
  proportions <- unname(mixing$proportions)
  n <- nlevels(own)
  sizes <- format(tabulate(own), big.mark = ",", trim = TRUE)
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
      x = "batch of the neighbours",
      y = "share (dashed: even)", title = "Mixing of batches",
      subtitle = mixing_title(mixing)
    ) +
    picture_theme() +
    slanted_labels(levels(own))
}

draw_mixing_table <- function(mixing, own) {
  n <- nlevels(own)
  means <- apply(mixing$proportions, 2, function(x) tapply(x, own, mean))
  long <- data.frame(
    own = factor(rep(levels(own), n), rev(levels(own))),
    from = factor(rep(levels(own), each = n), levels(own)),
    times = n * c(means)
  )
  ggplot2::ggplot(
    long, ggplot2::aes(.data$from, .data$own, fill = .data$times)
  ) +
    ggplot2::geom_tile() +
    # White is the even share, wherever the largest lies.
    ggplot2::scale_fill_gradientn(
      colours = c(group_colours[1], "white", group_colours[6]),
      values = c(0, 1 / max(1.01, long$times), 1),
      limits = c(0, max(1.01, long$times))
    ) +
    ggplot2::labs(
      x = "batch of the neighbours", y = "batch of the cells",
      fill = "times the\neven share", title = "Mixing of batches",
      subtitle = mixing_title(mixing)
    ) +
    picture_theme() +
    ggplot2::theme(
      panel.grid = ggplot2::element_blank(), aspect.ratio = 1
    ) +
    slanted_labels(levels(own))
}

# Long names would overlap.
slanted_labels <- function(labels) {
  if (length(labels) * max(nchar(labels)) <= 24) {
    return(NULL)
  }
  ggplot2::theme(
    axis.text.x = ggplot2::element_text(angle = 45, hjust = 1, vjust = 1)
  )
}
