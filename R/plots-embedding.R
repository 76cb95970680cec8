# Cells in two dimensions, coloured by what is known of them.

#' Two dimensions of an embedding, to draw
#'
#' @param x A fit, a Seurat or SingleCellExperiment object with one
#'   ([get_fit()]), or a numeric matrix of cells x dimensions. Of a fit of
#'   [sailerx()] the embedding at unit length is taken.
#' @param method `"umap"`, by the package uwot, or `"pca"`, the first two
#'   principal components, which keep distances between far groups. NULL, the
#'   default, takes UMAP where uwot is installed.
#' @param neighbors,min_dist Options of UMAP: the number of neighbours (more
#'   show the coarse structure, fewer the fine) and how near points may come.
#'   Default 30 and 0.3.
#' @param seed Whole number that decides the layout of UMAP; R's own random
#'   numbers are neither used nor changed. Default 1.
#' @param name Name of the reduction, as in [get_fit()].
#' @return Numeric matrix of cells x 2 with the cells' names. Its columns are
#'   named as the axes are to be: `UMAP 1`, or `PC 1 (32 %)` with its share of
#'   the variance.
#' @section Errors: `sailer_argument_error` when an argument is out of range or
#'   uwot is asked for and not installed.
#' @references McInnes, Healy and Melville (2018), arXiv:1802.03426. Cao (2023),
#'   section 2.2.5, for its use.
#' @seealso [plot_embedding()], which takes it as `layout`.
#' @examples
#' sim <- simulate_atac(n_cells = 100, n_peaks = 300, n_types = 2, seed = 1)
#' fit <- sailer(sim$counts,
#'   hidden = 16, control = train_control(epochs = 5, verbose = FALSE)
#' )
#' places <- layout_embedding(fit, "pca")
#' plot_embedding(fit, sim$cells$cell_type, layout = places)
#' plot_embedding(fit, "depth", layout = places)
#' @export
layout_embedding <- function(x, method = NULL, neighbors = 30, min_dist = 0.3,
                             seed = 1, name = NULL) {
  method <- choose_layout(method)
  check_number(neighbors, min = 2, whole = TRUE)
  check_number(min_dist, min = 0)
  check_number(seed, whole = TRUE)
  lay_out(pictured_cells(x, name), method, neighbors, min_dist, seed)
}

choose_layout <- function(method, call = rlang::caller_env()) {
  if (is.null(method)) {
    known <- requireNamespace("uwot", quietly = TRUE)
    return(if (known) "umap" else "pca")
  }
  if (!rlang::is_string(method, c("umap", "pca"))) {
    found <- if (rlang::is_string(method)) {
      dQuote(method, FALSE)
    } else {
      cli::format_inline("{.obj_type_friendly {method}}")
    }
    abort(
      "A layout is {.val umap} or {.val pca}, not {found}.",
      call = call
    )
  }
  if (method == "umap") need_package("uwot", "for UMAP", call)
  method
}

lay_out <- function(shown, method, neighbors = 30, min_dist = 0.3, seed = 1) {
  values <- shown$values
  places <- if (method == "umap") {
    lay_out_umap(values, neighbors, min_dist, seed)
  } else {
    lay_out_pca(values)
  }
  rownames(places) <- shown$cells
  places
}

# One thread: with more, the same seed gives other places.
lay_out_umap <- function(values, neighbors, min_dist, seed) {
  places <- with_own_seed(seed, uwot::umap(
    unname(values),
    n_neighbors = min(neighbors, nrow(values) - 1), min_dist = min_dist,
    n_threads = 1, n_sgd_threads = 1, verbose = FALSE
  ))
  colnames(places) <- c("UMAP 1", "UMAP 2")
  places
}

lay_out_pca <- function(values) {
  parts <- stats::prcomp(values)
  places <- cbind(parts$x, 0, 0)[, 1:2]
  share <- (c(parts$sdev, 0)^2 / max(sum(parts$sdev^2), 1e-300))[1:2]
  colnames(places) <- sprintf("PC %d (%.0f %%)", 1:2, 100 * share)
  places
}

#' Plot an embedding, coloured by what is known of the cells
#'
#' @inheritParams layout_embedding
#' @param colour What the colours tell: a vector with one value per cell,
#'   matched by name if named; the name of a column of the object's metadata; or
#'   `"depth"`, the open peaks of each cell, on a logarithmic scale. Numbers get
#'   a continuous scale, others (turn codes into a factor) a colour each, which
#'   also readers without red, green or blue cones tell apart for up to 20
#'   groups; with more, set `label`. NA is grey. NULL, the default, draws all
#'   cells alike.
#' @param layout Where the cells stand: NULL, `"umap"` or `"pca"`, as the
#'   `method` of [layout_embedding()]; or coordinates, a numeric matrix of cells
#'   x 2 (or more, of which the first two are taken), matched by row names
#'   where all cells are among them. Give what [layout_embedding()] returned to
#'   draw several pictures without computing it again.
#' @param label Write the names of the groups at their medians in place of a
#'   legend. Best with the package ggrepel, by which they do not overlap.
#'   Default FALSE.
#' @param size Size of the points; NULL, the default, decides by the number of
#'   cells.
#' @return A ggplot object. The axes tell what they are; cells are drawn in a
#'   random order, the same each time, so that no group hides another.
#' @section Errors: `sailer_argument_error` when `colour` or `layout` do not fit
#'   the cells, or a column is not there (the nearest are listed).
#' @references Cao (2023), figures 2.4 and 2.5.
#' @examples
#' sim <- simulate_atac(n_cells = 150, n_peaks = 300, n_types = 3, seed = 1)
#' fit <- sailer(sim$counts,
#'   batch = sim$cells$batch, hidden = 16,
#'   control = train_control(epochs = 10, verbose = FALSE)
#' )
#' plot_embedding(fit, sim$cells$cell_type, layout = "pca")
#' @export
plot_embedding <- function(x, colour = NULL, layout = NULL, label = FALSE,
                           size = NULL, seed = 1, name = NULL) {
  check_flag(label)
  check_number(seed, whole = TRUE)
  shown <- pictured_cells(x, name)
  n_cells <- nrow(shown$values)
  size <- size %||% point_size(n_cells)
  check_number(size, min = 0)
  title <- if (rlang::is_string(colour)) colour
  logarithm <- identical(colour, "depth")
  if (!is.null(colour)) colour <- pictured_values(colour, "colour", shown)
  numeric <- is.numeric(colour)
  if (!is.null(colour) && !numeric) colour <- droplevels(as.factor(colour))
  places <- pictured_places(layout, shown, seed)
  points <- data.frame(x = places[, 1], y = places[, 2])
  points$colour <- colour
  drawn <- draw_cells(points, size, !is.null(colour)) +
    ggplot2::labs(
      x = colnames(places)[1], y = colnames(places)[2], colour = title
    )
  if (is.null(colour)) {
    drawn
  } else if (numeric) {
    drawn + scale_of_numbers(logarithm)
  } else {
    drawn + scale_of_cells(nlevels(colour), label) +
      if (label) names_of_groups(points)
  }
}

pictured_places <- function(layout, shown, seed, call = rlang::caller_env()) {
  if (is.null(layout) || is.character(layout)) {
    return(lay_out(shown, choose_layout(layout, call), seed = seed))
  }
  places <- measured_matrix(layout, "layout", call)
  if (ncol(places) < 2) {
    abort("{.arg layout} must have two columns, not one.", call = call)
  }
  if (all_named(shown$cells, rownames(places))) {
    places <- places[match(shown$cells, rownames(places)), , drop = FALSE]
  }
  if (nrow(places) != nrow(shown$values)) {
    abort(
      "{.arg layout} must have one row for each of the {nrow(shown$values)}
       cells, not {nrow(places)}.",
      call = call
    )
  }
  names <- colnames(places)[1:2] %||% c("x", "y")
  matrix(places[, 1:2], ncol = 2, dimnames = list(NULL, names))
}

draw_cells <- function(points, size, coloured) {
  points <- points[thin_cells(nrow(points), nrow(points)), , drop = FALSE]
  # Cells of which nothing is known lie below the others.
  if (coloured) points <- points[order(!is.na(points$colour)), , drop = FALSE]
  mapping <- if (coloured) {
    ggplot2::aes(.data$x, .data$y, colour = .data$colour)
  } else {
    ggplot2::aes(.data$x, .data$y)
  }
  drawn <- if (coloured) {
    ggplot2::geom_point(size = size, shape = 16)
  } else {
    ggplot2::geom_point(size = size, shape = 16, colour = "grey40")
  }
  ggplot2::ggplot(points, mapping) +
    drawn +
    picture_theme() +
    ggplot2::theme(
      aspect.ratio = 1, panel.grid = ggplot2::element_blank(),
      axis.text = ggplot2::element_blank(),
      axis.title = ggplot2::element_text(hjust = 0)
    )
}

scale_of_numbers <- function(logarithm) {
  options <- list(na.value = "grey80")
  name <- argument_name(ggplot2::continuous_scale, "transform", "trans")
  if (logarithm) options[[name]] <- "log10"
  do.call(ggplot2::scale_colour_viridis_c, options)
}

scale_of_cells <- function(n, label) {
  guide <- if (label) {
    "none"
  } else {
    ggplot2::guide_legend(
      override.aes = list(size = 3), ncol = ceiling(n / 20)
    )
  }
  scale_of_groups("colour", n, na.value = "grey80", guide = guide)
}

names_of_groups <- function(points, repel = is_installed("ggrepel")) {
  points <- points[!is.na(points$colour), ]
  middle <- function(x) c(tapply(x, points$colour, stats::median))
  middles <- data.frame(
    x = middle(points$x), y = middle(points$y),
    name = levels(points$colour)
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
    list(
      mapping, middles, inherit.aes = FALSE, size = 3, fill = "#FFFFFFCC"
    ),
    rlang::set_names(list(0), border)
  ))
}
