# The alignment's weight (thesis figure 3.2): SAILERX is fitted again for each
# of a grid of weights, and the elbow found beyond which more brings nothing.

#' Alignment, likelihood and clusters against the weight of the alignment
#'
#' Fits [sailerx()] once for each weight and tells what it buys (figure 3.2 of
#' the thesis): how far the similarities of the cells in the embedding are from
#' those in the reference, how well the open peaks are still explained, and,
#' with `labels`, how well clusters of the embedding agree with them. Cells that
#' are kept back judge the first two: the embedding is a function of the open
#' peaks alone, and the training cells can be learned by heart.
#'
#' @section The elbow:
#' The thesis takes the point beyond which a further increase no longer reduces
#' the alignment term. Here it is the smallest weight whose term is at most
#' `lowest + tolerance * (highest - lowest)`, of the lowest and the highest on
#' the path. The term is that of the cells kept back; of the training cells
#' where none are (`validation = 0` in [train_control()]). The labels have no
#' say in it.
#'
#' @inheritParams sailerx
#' @param weights Values of `alignment` of [sailerx()], at least two, in any
#'   order; each is fitted once, the smallest first. 0 is SAILER.
#' @param labels The class of each cell, such as its type: a vector with one
#'   value per cell, matched by name if named. Cells with NA are embedded and
#'   clustered, but not compared. NULL, the default, leaves clusters out.
#' @param ... Further arguments of [sailerx()], by their names, such as `batch`
#'   and `rna_depth`; not `alignment`.
#' @param clustering `"kmeans"`, with as many clusters as there are classes, or
#'   `"leiden"`, communities in the graph of the 15 nearest neighbours by
#'   modularity, which needs the package igraph. NULL, the default, takes Leiden
#'   where igraph is installed.
#' @param resolution Resolution of Leiden: larger gives more clusters. Default
#'   1.
#' @param tolerance Share of the range of the alignment that is as good as the
#'   lowest, 0 to 1. Default 0.05.
#' @param verbose Tell of each fit. The progress within fits is not shown.
#'
#' @return A data frame of class `"alignment_path"`, one row per weight from the
#'   smallest on: `weight`; `alignment`, the term of the training cells before
#'   it is multiplied by the weight, in the last epoch (with `patience`, in the
#'   one that was kept);
#'   `validation_alignment` and `validation_log_likelihood` of the cells kept
#'   back, NA without any; with `labels` the number of `clusters`,
#'   `adjusted_rand_index` and `normalized_mutual_information`; `elbow`, TRUE in
#'   one row. The attributes `"elbow"`, `"measure"` and `"clustering"` hold the
#'   weight of the elbow, the column that decided and the way of clustering.
#'   `print()` marks the elbow, `plot()` returns a ggplot object with a dashed
#'   line there.
#'
#'   Where `control` has a `checkpoint`, each weight has a folder of its own in
#'   it, and the same call goes on after a crash. After an interruption (Ctrl-C)
#'   the weights done so far are returned with a warning. A weight at which
#'   training diverged in its first epoch has NA, with a warning.
#' @section Errors:
#' Those of [sailerx()]; `sailer_argument_error` when `weights`, `labels` or
#' another argument is out of its range.
#' @references Cao (2023), section 3.2.2 and figure 3.2.
#' @seealso [sailerx()] with `alignment` set to the elbow.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#' # A stand-in for a PCA of RNA: noisy coordinates of the types.
#' set.seed(1)
#' rna <- stats::model.matrix(~ 0 + cell_type, sim$cells) + rnorm(600, sd = 0.3)
#' path <- alignment_path(
#'   sim$counts, rna,
#'   weights = c(0, 1e3, 1e4), labels = sim$cells$cell_type,
#'   batch = sim$cells$batch, hidden = 16, n_latent = 4,
#'   control = train_control(epochs = 40, threads = 1), verbose = FALSE
#' )
#' path
#' plot(path)
#' attr(path, "elbow")
#' @export
alignment_path <- function(x, reference,
                           weights = c(0, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5),
                           labels = NULL, ..., control = train_control(),
                           clustering = NULL, resolution = 1, tolerance = 0.05,
                           verbose = TRUE) {
  check_path_options(list(...))
  weights <- check_weights(weights)
  check_number(resolution, min = 1e-6)
  check_number(tolerance, min = 0, max = 1)
  check_flag(verbose)
  clustering <- choose_clustering(clustering)
  control <- as_control(control)
  control["verbose"] <- list(FALSE)
  cells <- as_cells(x)
  labels <- path_labels(labels, cells$cells, ncol(cells))
  rows <- list()
  for (weight in weights) {
    fit <- fit_at(
      weight, length(rows) == 0, cells, reference,
      control = control_at(control, weight), ...
    )
    if (identical(fit$status, "interrupted")) {
      tell_of_stopped_path(length(rows), length(weights))
      break
    }
    row <- path_row(weight, fit, labels, clustering, resolution)
    if (verbose) tell_of_weight(row, length(rows) + 1, length(weights))
    rows <- c(rows, list(row))
  }
  new_path(do.call(rbind, rows), tolerance, if (!is.null(labels)) clustering)
}

check_path_options <- function(others, call = rlang::caller_env()) {
  if ("alignment" %in% names(others)) {
    abort(
      "{.arg alignment} is what the path goes over: give {.arg weights}.",
      call = call
    )
  }
  check_option_names(
    names(others), setdiff(names(formals(sailerx)), "..."), call
  )
  if (length(others) > 0 && is.null(names(others))) {
    abort("Options of {.fn sailerx} must be named.", call = call)
  }
}

check_weights <- function(weights, call = rlang::caller_env()) {
  good <- is.numeric(weights) && all(is.finite(weights) & weights >= 0)
  if (!good || length(unique(weights)) < 2) {
    abort(
      c(
        "{.arg weights} must hold at least two different numbers, none below
         0.",
        x = "Found {.val {weights}}."
      ),
      call = call
    )
  }
  sort(unique(as.numeric(weights)))
}

choose_clustering <- function(clustering, call = rlang::caller_env()) {
  if (is.null(clustering)) {
    known <- requireNamespace("igraph", quietly = TRUE)
    return(if (known) "leiden" else "kmeans")
  }
  if (!rlang::is_string(clustering, c("kmeans", "leiden"))) {
    abort(
      '{.arg clustering} must be "kmeans" or "leiden",
       not {.val {clustering}}.',
      call = call
    )
  }
  if (clustering == "leiden") {
    need_package("igraph", "for Leiden clusters", call)
  }
  clustering
}

# A factor in the order of the cells, with NA for cells to leave out.
path_labels <- function(labels, cells, n_cells, call = rlang::caller_env()) {
  if (is.null(labels)) {
    return(NULL)
  }
  named <- !is.null(names(labels)) && !is.null(cells) &&
    all(cells %in% names(labels))
  if (named) labels <- labels[match(cells, names(labels))]
  measured_length(labels, n_cells, "labels", "cell", call)
  labels <- droplevels(as.factor(labels))
  if (nlevels(labels) < 2) {
    abort(
      "{.arg labels} must have at least two classes, not {nlevels(labels)}.",
      call = call
    )
  }
  labels
}

# Every weight its own checkpoint.
control_at <- function(control, weight) {
  if (!is.null(control$checkpoint)) {
    name <- paste0("alignment-", format(weight, digits = 15))
    control$checkpoint <- file.path(control$checkpoint, name)
  }
  control
}

# NULL where training diverged at once. What every fit has to tell, the first
# one tells.
fit_at <- function(weight, first, cells, reference, ...) {
  tryCatch(
    withCallingHandlers(
      sailerx(cells, reference, alignment = weight, ...),
      sailer_note = function(cnd) {
        if (!first) tryInvokeRestart("muffleMessage")
        if (!first) tryInvokeRestart("muffleWarning")
      },
      # It speaks of one fit, and of going on with it.
      sailer_interrupted = function(cnd) tryInvokeRestart("muffleWarning")
    ),
    sailer_numeric_error = function(cnd) {
      cli::cli_warn(
        "No fit with {.code alignment = {weight}}: training diverged.",
        parent = cnd, class = "sailer_diverged"
      )
      NULL
    }
  )
}

path_row <- function(weight, fit, labels, clustering, resolution) {
  kept <- if (!is.null(fit)) fit$history[max(1, fit$best_epoch), ]
  of <- function(name) if (is.null(kept)) NA_real_ else kept[[name]]
  row <- data.frame(
    weight = weight, alignment = of("alignment"),
    validation_alignment = of("validation_alignment"),
    validation_log_likelihood = of("validation_log_likelihood")
  )
  if (is.null(labels)) {
    return(row)
  }
  cluster <- if (!is.null(fit)) {
    find_clusters(fit$embedding, clustering, nlevels(labels), resolution)
  }
  known <- !is.na(labels)
  compare <- function(measure) {
    if (is.null(fit)) NA_real_ else measure(cluster[known], labels[known])
  }
  row$clusters <- if (is.null(fit)) NA_integer_ else length(unique(cluster))
  row$adjusted_rand_index <- compare(adjusted_rand_index)
  row$normalized_mutual_information <- compare(normalized_mutual_information)
  row
}

# The cluster of each cell, by the same random numbers whenever it is called.
find_clusters <- function(embedding, clustering, n_classes, resolution,
                          neighbors = 15) {
  if (clustering == "kmeans") {
    return(with_own_seed(1, stats::kmeans(
      embedding, min(n_classes, nrow(embedding) - 1),
      iter.max = 100, nstart = 10
    ))$cluster)
  }
  near <- nearest_neighbors(embedding, min(neighbors, nrow(embedding) - 1))
  graph <- igraph::make_graph(
    rbind(c(col(near$index)), c(near$index) + 1),
    n = nrow(embedding), directed = FALSE
  )
  graph <- igraph::simplify(graph)
  with_own_seed(1, igraph::membership(igraph::cluster_leiden(
    graph,
    objective_function = "modularity", n_iterations = 10,
    resolution_parameter = resolution
  )))
}

# Place of the first weight that is as good as the best, NA where none is known.
find_elbow <- function(values, tolerance) {
  if (all(is.na(values))) {
    return(NA_integer_)
  }
  range <- range(values, na.rm = TRUE)
  which(values <= range[1] + tolerance * (range[2] - range[1]))[1]
}

new_path <- function(table, tolerance, clustering) {
  measure <- if (all(is.na(table$validation_alignment))) {
    "alignment"
  } else {
    "validation_alignment"
  }
  elbow <- find_elbow(table[[measure]], tolerance)
  table$elbow <- seq_len(nrow(table)) %in% elbow
  structure(
    table,
    elbow = table$weight[elbow], measure = measure, clustering = clustering,
    class = c("alignment_path", "data.frame")
  )
}

tell_of_weight <- function(row, place, n_weights) {
  parts <- c(
    sprintf("alignment %.4f", row$alignment),
    if (!is.na(row$validation_alignment)) {
      sprintf("kept back %.4f", row$validation_alignment)
    },
    if (!is.null(row$adjusted_rand_index)) {
      sprintf("ARI %.3f", row$adjusted_rand_index)
    }
  )
  cli::cli_inform(
    "Weight {row$weight} ({place}/{n_weights}):
     {paste(parts, collapse = ', ')}.",
    class = "sailer_note"
  )
}

# With nothing to return, an interruption is what it always is in R.
tell_of_stopped_path <- function(done, n_weights) {
  if (done == 0) rlang::interrupt()
  cli::cli_warn(
    "Interrupted after {done} of the {n_weights} weights, which are returned.",
    class = "sailer_interrupted"
  )
}

#' @export
print.alignment_path <- function(x, ...) {
  shown <- x
  class(shown) <- "data.frame"
  cat("<alignment_path> ", nrow(x), " weights\n", sep = "")
  if (!is.null(shown$elbow)) {
    shown$elbow <- ifelse(shown$elbow, "<-", "")
  }
  shorter <- c(
    validation_alignment = "kept_back",
    validation_log_likelihood = "log_likelihood", adjusted_rand_index = "ARI",
    normalized_mutual_information = "NMI"
  )
  known <- names(shown) %in% names(shorter)
  names(shown)[known] <- shorter[names(shown)[known]]
  if (!is.null(shown$weight)) {
    shown$weight <- vapply(shown$weight, format, "", digits = 6)
  }
  print(shown, digits = 4, row.names = FALSE, ...)
  invisible(x)
}

#' @export
plot.alignment_path <- function(x, ...) {
  lines <- data.frame(
    column = c(
      "alignment", "validation_alignment", "validation_log_likelihood",
      "adjusted_rand_index", "normalized_mutual_information"
    ),
    line = c("training cells", "cells kept back", "cells kept back", "ARI",
             "NMI"),
    panel = c(
      "alignment", "alignment", "validation log-likelihood", "clusters",
      "clusters"
    )
  )
  lines <- lines[lines$column %in% names(x), ]
  # Weights stand on a logarithmic axis, 0 a step to the left of it.
  place <- log10(x$weight)
  zero <- x$weight == 0
  place[zero] <- min(place[!zero]) - 0.5
  long <- do.call(rbind, lapply(seq_len(nrow(lines)), function(k) {
    data.frame(
      place = place, value = x[[lines$column[k]]], line = lines$line[k],
      panel = lines$panel[k]
    )
  }))
  long <- long[!is.na(long$value), ]
  long$panel <- factor(long$panel, unique(lines$panel))
  long$line <- factor(long$line, unique(lines$line))
  ggplot2::ggplot(
    long, ggplot2::aes(.data$place, .data$value, colour = .data$line)
  ) +
    ggplot2::geom_vline(xintercept = place[x$elbow], linetype = "dashed") +
    ggplot2::geom_line() +
    ggplot2::geom_point() +
    ggplot2::facet_wrap(
      ggplot2::vars(.data$panel), ncol = 1, scales = "free_y"
    ) +
    ggplot2::scale_x_continuous(
      breaks = place, labels = vapply(x$weight, format, "", digits = 3),
      minor_breaks = NULL
    ) +
    ggplot2::labs(
      x = "weight of the alignment (dashed: elbow)", y = NULL, colour = NULL
    ) +
    ggplot2::theme_minimal()
}
