# The alignment's weight (thesis figure 3.2): SAILERX is fitted again for each
# of a grid of weights, and the elbow found beyond which more brings nothing.

#' Alignment, likelihood and clusters against the weight of the alignment
#'
#' Fits [sailerx()] once for each weight and tells what it buys (figure 3.2 of
#' the thesis): how far the similarities of the cells in the embedding are from
#' those in the reference, how well the open peaks are still explained, and,
#' with `labels`, how well clusters of the embedding agree with them. Cells that
#' are held out judge the first two: the embedding is a function of the open
#' peaks alone, and a model can overfit its training cells.
#'
#' @section The elbow:
#' The thesis takes the point beyond which a further increase no longer reduces
#' the alignment term. Here it is the smallest weight whose term is at most
#' `lowest + tolerance * (highest - lowest)`, of the lowest and the highest on
#' the path. The term is that of the held-out cells; of the training cells
#' where none are (`validation = 0` in [train_control()]). The labels have no
#' say in it.
#'
#' @section From a warm start:
#' Fits that begin at the reference (`warm_start` of [sailerx()]) are near it
#' whatever the weight, and their encoder moves late. To see what the weight
#' alone does give `warm_start = FALSE`, as the thesis has it.
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
  check_path_options(list(...), sailerx, "alignment", "weights")
  weights <- check_weights(weights)
  check_number(resolution, min = 1e-6)
  check_number(tolerance, min = 0, max = 1)
  check_flag(verbose)
  clustering <- choose_clustering(clustering)
  control <- path_control(control)
  cells <- as_cells(x)
  labels <- path_labels(labels, cells$cells, ncol(cells))
  table <- walk_path(
    path_runs(weights, "alignment", control, 1),
    fit = function(run) {
      sailerx(
        cells, reference,
        alignment = run$value, control = run$control, ...
      )
    },
    row = function(run, fit) {
      alignment_row(run$value, fit, labels, clustering, resolution)
    },
    tell = if (verbose) {
      function(row, place) tell_of_weight(row, place, length(weights))
    }
  )
  new_path(table, tolerance, if (!is.null(labels)) clustering)
}

alignment_row <- function(weight, fit, labels, clustering, resolution) {
  row <- cbind(
    data.frame(weight = weight),
    kept_values(fit, c(
      "alignment", "validation_alignment", "validation_log_likelihood"
    ))
  )
  clusters <- cluster_columns(fit, labels, clustering, resolution)
  if (is.null(clusters)) row else cbind(row, clusters)
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
  tell_of_run("Weight", row$weight, place, n_weights, c(
    sprintf("alignment %.4f", row$alignment),
    if (!is.na(row$validation_alignment)) {
      sprintf("kept back %.4f", row$validation_alignment)
    },
    if (!is.null(row$adjusted_rand_index)) {
      sprintf("ARI %.3f", row$adjusted_rand_index)
    }
  ))
}

#' @export
print.alignment_path <- function(x, ...) {
  print_path(
    x, paste0("<alignment_path> ", nrow(x), " weights"), "weight", "elbow", ...
  )
}

#' @export
plot.alignment_path <- function(x, ...) {
  refuse_others(list(...), plot.alignment_path)
  lines <- data.frame(
    column = c(
      "alignment", "validation_alignment", "validation_log_likelihood",
      "adjusted_rand_index", "normalized_mutual_information"
    ),
    line = c(
      "training cells", "cells kept back", "cells kept back", "ARI", "NMI"
    ),
    panel = c(
      "alignment", "alignment", "validation log-likelihood", "clusters",
      "clusters"
    )
  )
  plot_path(
    x, lines, log_places(x$weight), vapply(x$weight, format, "", digits = 3),
    x$elbow, "weight of the alignment (dashed: elbow)"
  )
}
