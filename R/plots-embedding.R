# Plots of cells in two dimensions, coloured by their properties.

# Returns the coordinates to draw, cells x 2; column names are titles of axes.
lay_out <- function(values, method, seed) {
  must_be(
    rlang::is_string(method, c("umap", "pca")), method,
    '"umap", "pca", or coordinates of the cells', "layout"
  )
  if (method == "pca") {
    parts <- stats::prcomp(values)
    places <- cbind(parts$x, 0, 0)[, 1:2]
    share <- (c(parts$sdev, 0)^2 / max(sum(parts$sdev^2), 1e-300))[1:2]
    colnames(places) <- sprintf("PC %d (%.0f %%)", 1:2, 100 * share)
    return(places)
  }
  need_package("uwot", "for UMAP; layout = \"pca\" does not need it")
  # One thread: with more, the same seed gives different coordinates.
  places <- with_own_seed(seed, uwot::umap(
    unname(values), n_neighbors = min(30, nrow(values) - 1), min_dist = 0.3,
    n_threads = 1, n_sgd_threads = 1, verbose = FALSE
  ))
  colnames(places) <- c("UMAP 1", "UMAP 2")
  places
}

#' Plot an embedding, coloured by cell properties, or against depth
#'
#' @param x A fit, a Seurat or SingleCellExperiment object with one
#'   ([get_fit()]), or a numeric matrix of cells x dimensions.
#' @param colour A vector with one value per cell, matched by name if named; the
#'   name of a column of the object's metadata; or `"depth"`, the open peaks of
#'   each cell, on a logarithmic scale. Numbers get a continuous scale, other
#'   values (convert numeric codes to a factor) one colour each. Up to 20
#'   colours can be distinguished, also by colour-blind readers; with more
#'   groups, set `label`. NA is grey. NULL, the default, draws all cells in one
#'   colour.
#' @param layout `"umap"`, the default (package uwot, 30 neighbours); `"pca"`,
#'   the first two principal components, which preserve distances between
#'   groups; or coordinates, a numeric matrix of cells x 2 (further columns are
#'   ignored), matched by row names if all cells are among them. Give
#'   coordinates, such as `uwot::umap(embedding(fit))`, to draw several plots
#'   with the same layout.
#' @param label Label the groups at their medians instead of in a legend. Best
#'   with the package ggrepel. Default FALSE.
#' @param size Size of the points; NULL, the default, depends on the number of
#'   cells.
#' @param seed Whole number that determines the UMAP layout; R's random number
#'   generator is neither used nor changed. Default 1.
#' @param name Name of a reduction of the object: one with a fit, as in
#'   [get_fit()], or any other, such as `"lsi"`, for comparison.
#' @return A ggplot object. Cells are drawn in a random order, the same each
#'   time, so that no group hides another.
#' @references McInnes, Healy and Melville (2018), arXiv:1802.03426. Cao (2023),
#'   section 2.2.5, figures 2.4 and 2.5.
#' @examples
#' sim <- simulate_atac(n_cells = 150, n_peaks = 300, n_types = 3, seed = 1)
#' fit <- sailer(sim$counts,
#'   batch = sim$cells$batch, hidden = 16, n_latent = 4,
#'   control = train_control(epochs = 10, verbose = FALSE)
#' )
#' plot_embedding(fit, sim$cells$cell_type, layout = "pca")
#' plot_depth(fit)
#' @order 1
#' @export
plot_embedding <- function(x, colour = NULL, layout = "umap", label = FALSE,
                           size = NULL, seed = 1, name = NULL) {
  check_flag(label)
  check_number(seed, whole = TRUE)
  shown <- embedded_cells(x, name)
  n_cells <- nrow(shown$values)
  size <- size %||% point_size(n_cells)
  check_number(size, min = 0)
  title <- if (rlang::is_string(colour)) colour
  logarithm <- identical(colour, "depth")
  if (!is.null(colour)) colour <- cell_values(colour, "colour", shown)
  numeric <- is.numeric(colour)
  if (!is.null(colour) && !numeric) colour <- droplevels(as.factor(colour))
  places <- cell_places(layout, shown, seed)
  points <- data.frame(x = places[, 1], y = places[, 2])
  points$colour <- colour
  drawn <- draw_cells(points, size, !is.null(colour)) +
    ggplot2::labs(
      x = colnames(places)[1], y = colnames(places)[2], colour = title
    )
  if (is.null(colour)) {
    drawn
  } else if (numeric) {
    options <- list(na.value = "grey80")
    name <- argument_name(ggplot2::continuous_scale, "transform", "trans")
    if (logarithm) options[[name]] <- "log10"
    drawn + do.call(ggplot2::scale_colour_viridis_c, options)
  } else {
    n <- nlevels(colour)
    guide <- ggplot2::guide_legend(
      override.aes = list(size = 3), ncol = ceiling(n / 20)
    )
    if (label) guide <- "none"
    drawn + scale_of_groups("colour", n, na.value = "grey80", guide = guide) +
      if (label) names_of_groups(points)
  }
}

cell_places <- function(layout, shown, seed) {
  if (!is.numeric(layout) && length(dim(layout)) < 2) {
    return(lay_out(shown$values, layout, seed))
  }
  places <- measured_matrix(layout, "layout")
  abort_if(ncol(places) < 2, "{.arg layout} must have two columns, not one.")
  places <- match_cells(places, shown$cells, "layout", n = nrow(shown$values))
  names <- colnames(places)[1:2] %||% c("x", "y")
  matrix(places[, 1:2], ncol = 2, dimnames = list(NULL, names))
}

draw_cells <- function(points, size, coloured) {
  points <- points[thin_cells(nrow(points), nrow(points)), , drop = FALSE]
  # Cells without a value are drawn first, below the others.
  if (coloured) points <- points[order(!is.na(points$colour)), , drop = FALSE]
  look <- list(size = size, shape = 16)
  if (!coloured) look$colour <- "grey40"
  ggplot2::ggplot(points, ggplot2::aes(.data$x, .data$y)) +
    (if (coloured) ggplot2::aes(colour = .data$colour)) +
    do.call(ggplot2::geom_point, look) +
    picture_theme() +
    ggplot2::theme(
      aspect.ratio = 1, panel.grid = ggplot2::element_blank(),
      axis.text = ggplot2::element_blank(),
      axis.title = ggplot2::element_text(hjust = 0)
    )
}

names_of_groups <- function(points, repel = is_installed("ggrepel")) {
  points <- points[!is.na(points$colour), ]
  middle <- function(x) c(tapply(x, points$colour, stats::median))
  middles <- data.frame(
    x = middle(points$x), y = middle(points$y), name = levels(points$colour)
  )
  mapping <- ggplot2::aes(.data$x, .data$y, label = .data$name)
  if (repel) {
    return(ggrepel::geom_label_repel(
      mapping, middles,
      inherit.aes = FALSE, size = 3, label.size = 0, fill = "#FFFFFFCC",
      seed = 1, max.overlaps = Inf, min.segment.length = 0
    ))
  }
  # ggplot2 4 takes the width of the border as an aesthetic.
  known <- names(formals(ggplot2::geom_label))
  border <- if ("border.colour" %in% known) "linewidth" else "label.size"
  do.call(ggplot2::geom_label, c(
    list(mapping, middles, inherit.aes = FALSE, size = 3, fill = "#FFFFFFCC"),
    rlang::set_names(list(0), border)
  ))
}
