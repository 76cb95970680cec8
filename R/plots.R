# Shared by plots and measures: colours, and the cells that they show.

# Twenty colours, the first six after Okabe and Ito, chosen so that any two can
# be told apart, also by readers without red, green or blue cones
# (tests/testthat/test-plots.R measures this).
group_colours <- c(
  "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8700F0",
  "#692D0F", "#3C3C4B", "#C3D287", "#9678FF", "#F0004B", "#E1B4B4", "#4B3CB4",
  "#692D78", "#87E15A", "#69693C", "#A53C78", "#00E1F0", "#A53C0F"
)

# More than twenty colours cannot be distinguished; neighbours then look alike.
group_palette <- function(n) {
  if (n <= length(group_colours)) {
    return(group_colours[seq_len(n)])
  }
  grDevices::hcl.colors(n, "viridis")
}

scale_of_groups <- function(aesthetic, n, ...) {
  values <- group_palette(n)
  switch(aesthetic,
    colour = ggplot2::scale_colour_manual(values = values, ...),
    fill = ggplot2::scale_fill_manual(values = values, ...)
  )
}

picture_theme <- function() {
  ggplot2::theme_minimal() +
    ggplot2::theme(
      panel.grid.minor = ggplot2::element_blank(),
      plot.title.position = "plot", plot.caption.position = "plot"
    )
}

# Returns the embedding in a matrix, a fit or an object: list(values = cells x
# dimensions, cells = names or NULL, input, depth = a function, if depth is
# known).
embedded_cells <- function(x, name = NULL) {
  if (is.numeric(x) || is.data.frame(x) || inherits(x, "Matrix")) {
    values <- measured_matrix(x, "x")
    return(list(values = values, cells = rownames(values)))
  }
  other <- other_reduction(x, name)
  if (!is.null(other)) {
    return(other)
  }
  held <- read_fitted(x, name = name)
  values <- reference_cells(held)
  cells <- rownames(values)
  if (length(cells) < 2) {
    abort("Only {length(cells)} cell{?s} of the object {?is/are} in the
           embedding {.val {held$name}}.")
  }
  list(
    values = values, cells = cells, input = held$input,
    depth = function() unname(input_depth(held, cells))
  )
}

# Returns a reduction of the object without a fit, such as LSI, in the form of
# embedded_cells(); NULL if `name` is not such a reduction.
other_reduction <- function(x, name) {
  if (!isS4(x) || !rlang::is_string(name)) {
    return(NULL)
  }
  input <- read_input(x)
  values <- if (is.null(input$models[[name]])) input$embedding(name)
  if (is.null(values)) {
    return(NULL)
  }
  cells <- rownames(values)
  list(
    values = values, cells = cells, input = input,
    depth = function() unname(cell_depth(input$counts)[cells])
  )
}

# Returns one value per cell: a column of the metadata, "depth", or the values
# themselves, matched by name if named.
cell_values <- function(values, arg, shown) {
  known <- names(shown$input$table)
  if (identical(values, "depth") && !"depth" %in% known &&
        !is.null(shown$depth)) {
    return(shown$depth())
  }
  n <- nrow(shown$values)
  input_values(shown$input, values, arg, shown$cells, n = n)
}

# Returns at most `n` of the cells, always the same ones, in random order.
thin_cells <- function(n_cells, n) {
  with_own_seed(1, sample.int(n_cells, min(n_cells, n)))
}
