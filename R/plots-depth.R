# Depth against the latent dimensions.

#' @rdname plot_embedding
#' @section Depth:
#' `plot_depth()` shows how strongly an embedding still depends on depth. If it
#' does not, the cloud of cells is level in every panel. Each panel shows one
#' latent dimension: the cells, and a line through the medians of twenty groups
#' of cells of similar depth. Panel titles give the mutual information between
#' the dimension and depth in nats ([mutual_information()]), which detects any
#' dependence, and the correlation with log depth. The mean of the mutual
#' information over all dimensions is the measure of section 2.2.5 of the
#' thesis. Cell types differ in depth, so a dimension that separates types may
#' contain some information about depth. If an embedding depends too much on
#' depth, see [tune_path()].
#'
#' @param depth Number of open peaks, or fragments, of each cell, above 0: a
#'   vector with one number per cell, matched by name if named, or the name of a
#'   column of the object's metadata. NULL, the default, takes the open peaks
#'   from the fit or the object; required for a matrix.
#' @param dimensions Numbers or names of the dimensions to show. NULL, the
#'   default, shows all, or the 16 with the most information about depth.
#' @param max_cells Maximum number of cells drawn per panel, a random sample;
#'   the line and the measures use all cells. Default 5000.
#' @export
plot_depth <- function(x, depth = NULL, dimensions = NULL, name = NULL,
                       max_cells = 5000) {
  check_number(max_cells, min = 1, whole = TRUE)
  shown <- embedded_cells(x, name)
  depth <- plotted_depth(depth, shown)
  values <- shown$values
  colnames(values) <- colnames(values) %||%
    paste("dimension", seq_len(ncol(values)))
  chosen <- if (!is.null(dimensions)) chosen_dimensions(dimensions, values)
  information <- mutual_information(values, log(depth))$dimensions
  most <- sort(utils::head(order(information, decreasing = TRUE), 16))
  chosen <- chosen %||% most
  draw_depth(
    values[, chosen, drop = FALSE], depth, information[chosen],
    mean(information), max_cells
  )
}

plotted_depth <- function(depth, shown) {
  abort_if(is.null(depth) && is.null(shown$depth), c(
    "{.arg depth} is missing: give the number of open peaks of each cell.",
    i = "{.fn cell_depth} counts them."
  ))
  depth <- if (is.null(depth)) {
    shown$depth()
  } else {
    cell_values(depth, "depth", shown)
  }
  must_be(is.numeric(depth), depth, "numeric")
  bad <- which(!is.finite(depth) | depth <= 0)
  if (length(bad) > 0) {
    abort("{.arg depth} must be above 0; for cell {bad[1]} it is
           {depth[bad[1]]}.")
  }
  as.numeric(depth)
}

chosen_dimensions <- function(dimensions, values) {
  known <- if (is.character(dimensions)) {
    match(dimensions, colnames(values))
  } else if (is.numeric(dimensions)) {
    match(dimensions, seq_len(ncol(values)))
  }
  abort_if(length(known) == 0 || anyNA(known), c(
    "{.arg dimensions} must be numbers or names of the {ncol(values)}
     dimensions of the embedding.",
    x = "Found {.val {dimensions}}."
  ))
  known
}

draw_depth <- function(values, depth, information, mean, max_cells) {
  titles <- sprintf(
    "%s\nI %.3f, r %.2f", colnames(values), information,
    correlation(values, log(depth))
  )
  points <- thin_cells(length(depth), max_cells)
  long <- function(rows, depth, values) {
    data.frame(
      depth = depth[rows], value = c(values[rows, ]),
      dimension = factor(
        rep(titles, each = length(rows)), levels = unique(titles)
      )
    )
  }
  # Medians over equally large groups of cells, ordered by depth.
  n <- length(depth)
  group <- ceiling(rank(depth, ties.method = "first") * min(20, n) / n)
  medians <- function(x) unname(c(tapply(x, group, stats::median)))
  line <- list(depth = medians(depth), values = apply(values, 2, medians))
  thinned <- length(points) < length(depth)
  ggplot2::ggplot(
    long(points, depth, values), ggplot2::aes(.data$depth, .data$value)
  ) +
    ggplot2::geom_point(
      size = 0.6 * point_size(length(points)), alpha = 0.4,
      colour = "grey40", shape = 16
    ) +
    ggplot2::geom_line(
      data = long(seq_along(line$depth), line$depth, line$values),
      colour = group_colours[6], linewidth = 0.8
    ) +
    ggplot2::facet_wrap(ggplot2::vars(.data$dimension), scales = "free_y") +
    ggplot2::scale_x_log10() +
    ggplot2::labs(
      x = "depth: open peaks (line: median)", y = NULL,
      title = sprintf(
        "Depth: mutual information %.3f nats, mean of all dimensions", mean
      ),
      caption = if (thinned) {
        paste(big(length(points)), "of", big(length(depth)), "cells are shown")
      }
    ) +
    picture_theme() +
    ggplot2::theme(strip.text = ggplot2::element_text(hjust = 0))
}

# Smaller points for more cells.
point_size <- function(n_cells) min(2, max(0.3, 80 / sqrt(n_cells)))
