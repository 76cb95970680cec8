# The weight of the mutual-information penalty (thesis 2.2.2, table 2.1): SAILER
# is fitted again for each of a grid, and the point found beyond which the
# embedding tells no less of the confounders.

#' Mutual information with the confounders against lambda
#'
#' Fits [sailer()] once for each `lambda` and tells what it buys (section 2.2.2
#' and table 2.1 of the thesis): how much the embedding still tells of depth,
#' batch and covariates, and how well the open peaks of cells that are kept back
#' are still explained.
#'
#' Use it when clusters or a picture ([plot_depth()], [plot_mixing()]) show that
#' depth or batch is left in the embedding, or to show that the default of 1 is
#' enough. For everything else that can be chosen see [validation_path()].
#'
#' @section The suggested point:
#' The thesis takes the point beyond which increasing lambda no longer leads to
#' a significant drop of the mutual information. Here a curve that never rises
#' is laid through the values (isotonic regression), since what rises again is
#' noise. The suggested lambda is the smallest at which that curve is at most
#' `lowest + max(tolerance * (highest - lowest), noise)`. With `repeats` above 1
#' the noise is the standard error of a difference between two values of lambda;
#' with one fit each it is the standard deviation of the values about the curve,
#' 0 where they never rise. Labels and likelihood have no say in it.
#'
#' Where the suggestion is the largest lambda of the path, the information still
#' drops there, and `print()` says so; where it is the smallest, the penalty
#' takes out nothing that can be told from noise. Fits with different seeds
#' differ: with few cells set `repeats` to 3 or more before you trust a small
#' difference.
#'
#' @inheritParams sailer
#' @param lambdas Values of `lambda`, at least two, in any order; each is fitted
#'   `repeats` times. 0 is a conditional VAE.
#' @param labels The class of each cell, such as its type: a vector with one
#'   value per cell, matched by name if named. Cells with NA are embedded and
#'   clustered, but not compared. NULL, the default, leaves clusters out.
#' @param reference NULL, the default, fits [sailer()]; a reference embedding
#'   fits [sailerx()] with it.
#' @param repeats Fits for each lambda, with seeds from the one of `control` on.
#'   More are needed where seeds differ much, as with few cells; their means are
#'   shown. Default 1.
#' @param ... Further arguments of [sailer()] (or [sailerx()]), by their names.
#' @param clustering `"kmeans"`, with as many clusters as there are classes, or
#'   `"leiden"`, communities in the graph of the 15 nearest neighbours by
#'   modularity, which needs the package igraph. NULL, the default, takes Leiden
#'   where igraph is installed.
#' @param resolution Resolution of Leiden: larger gives more clusters. Default
#'   1.
#' @param tolerance Share of the range of the mutual information that is as good
#'   as the lowest, 0 to 1. Default 0.1.
#' @param verbose Tell of each fit. The progress within fits is not shown.
#'
#' @return A data frame of class `"lambda_path"`, one row per lambda from the
#'   smallest on: `lambda`; `fits`, those that succeeded; `mutual_information`,
#'   the sum of the columns that follow, one per confounder, such as `mi_depth`
#'   and `mi_batch`: the mean over the latent dimensions of
#'   [mutual_information()] in nats (with the logarithm of depth), over all
#'   cells; `validation_elbo` and `validation_log_likelihood` of the cells kept
#'   back, NA without any (see [history()]); with `labels` the number of
#'   `clusters`, `adjusted_rand_index` and `normalized_mutual_information`;
#'   `suggested`, TRUE in one row. The attributes `"suggested"`, `"noise"`,
#'   `"curve"`, `"runs"` and `"clustering"` hold the lambda suggested, the noise
#'   and the falling curve of the section above, a table of the single fits, and
#'   the way of clustering. `print()` marks the suggestion, `plot()` returns a
#'   ggplot object with a dashed line there.
#'
#'   Where `control` has a `checkpoint`, each fit has a folder of its own in it,
#'   and the same call goes on after a crash. After an interruption (Ctrl-C) the
#'   fits done so far are returned with a warning. A lambda at which training
#'   diverged in its first epoch has NA, with a warning.
#' @section Errors:
#' Those of [sailer()]; `sailer_argument_error` when `lambdas`, `labels` or
#' another argument is out of its range.
#' @references Cao (2023), section 2.2.2, table 2.1 and figure 2.2.
#' @seealso [sailer()] with `lambda` set to the suggestion.
#' @examples
#' sim <- simulate_atac(
#'   n_cells = 300, n_peaks = 400, n_types = 3, depth = 60,
#'   type_specific = 0.1, seed = 1
#' )
#' path <- lambda_path(
#'   sim$counts,
#'   lambdas = c(0, 1, 4), batch = sim$cells$batch,
#'   labels = sim$cells$cell_type, hidden = 32, n_latent = 4,
#'   control = train_control(epochs = 40, batch_size = 25, threads = 1),
#'   verbose = FALSE
#' )
#' path
#' plot(path)
#' attr(path, "suggested")
#' @export
lambda_path <- function(x, lambdas = c(0, 0.25, 0.5, 1, 2, 4, 8), batch = NULL,
                        covariates = NULL, labels = NULL, reference = NULL,
                        repeats = 1, ..., control = train_control(),
                        clustering = NULL, resolution = 1, tolerance = 0.1,
                        verbose = TRUE) {
  model <- path_model(reference)
  check_path_options(list(...), model, "lambda", "lambdas")
  lambdas <- check_weights(lambdas, "lambdas")
  check_number(repeats, min = 1, max = 1000, whole = TRUE)
  check_number(resolution, min = 1e-6)
  check_number(tolerance, min = 0, max = 1)
  check_flag(verbose)
  clustering <- choose_clustering(clustering)
  control <- path_control(control)
  cells <- as_cells(x)
  labels <- path_labels(labels, cells$cells, ncol(cells))
  confounders <- confounder_values(batch, covariates, cells$cells)
  options <- list(...)
  if (!is.null(reference)) options$reference <- reference
  runs <- path_runs(lambdas, "lambda", control, repeats)
  table <- walk_path(
    runs,
    fit = function(run) {
      do.call(model, c(
        list(
          cells,
          batch = batch, covariates = covariates, lambda = run$value,
          control = run$control
        ),
        options
      ))
    },
    row = function(run, fit) {
      lambda_row(run, fit, confounders, labels, clustering, resolution)
    },
    tell = if (verbose) {
      function(row, place) tell_of_lambda(row, place, length(runs))
    },
    unit = "fits"
  )
  new_lambda_path(table, tolerance, if (!is.null(labels)) clustering)
}

# With a reference it is SAILERX.
path_model <- function(reference) {
  if (is.null(reference)) sailer else sailerx
}

# What depth is taken out with: list of factors and numbers, by their names.
confounder_values <- function(batch, covariates, cells,
                              call = rlang::caller_env()) {
  # The first fit has the notes.
  known <- suppressMessages(
    collect_confounders(batch, covariates, cells, call),
    classes = "sailer_note"
  )
  labels <- lapply(known$labels, function(label) {
    factor(label$codes, seq_len(label$n_levels), label$levels)
  })
  numbers <- lapply(known$numbers, function(number) number$values)
  columns <- c(known$labels, known$numbers)
  stats::setNames(
    c(labels, numbers), vapply(columns, function(column) column$name, "")
  )
}

lambda_row <- function(run, fit, confounders, labels, clustering, resolution) {
  depth <- if (!is.null(fit)) log(fit$depth)
  values <- c(list(depth = depth), confounders)
  information <- vapply(values, function(value) {
    if (is.null(fit)) {
      return(NA_real_)
    }
    mutual_information(fit$embedding, value)$mean
  }, 0)
  # A covariate may be called depth as well.
  names(information) <- make.unique(paste0("mi_", names(values)))
  row <- cbind(
    data.frame(
      lambda = run$value, place = run$place, seed = run$seed,
      mutual_information = sum(information)
    ),
    as.list(information),
    kept_values(fit, c("validation_elbo", "validation_log_likelihood"))
  )
  clusters <- cluster_columns(fit, labels, clustering, resolution)
  if (is.null(clusters)) row else cbind(row, clusters)
}

new_lambda_path <- function(runs, tolerance, clustering) {
  columns <- setdiff(names(runs), c("lambda", "place", "seed"))
  table <- mean_by_place(runs, columns)
  table <- cbind(
    lambda = runs$lambda[match(table$place, runs$place)],
    table[setdiff(names(table), "place")]
  )
  found <- find_end_of_fall(
    table$mutual_information, tolerance,
    noise_of_repeats(runs$mutual_information, runs$place, runs$seed)
  )
  table$suggested <- seq_len(nrow(table)) %in% found$place
  structure(
    table,
    suggested = table$lambda[found$place], noise = found$noise,
    curve = found$curve, runs = runs[setdiff(names(runs), "place")],
    clustering = clustering, class = c("lambda_path", "data.frame")
  )
}

# The first place from which a curve that never rises, laid through the values,
# falls no further. Without repeats (`noise` NA) the noise is what the values
# deviate from that curve.
find_end_of_fall <- function(values, tolerance, noise = NA_real_) {
  known <- which(!is.na(values))
  curve <- rep(NA_real_, length(values))
  if (length(known) > 0) curve[known] <- -stats::isoreg(-values[known])$yf
  if (is.na(noise)) {
    freedom <- length(known) - length(unique(curve[known]))
    squares <- sum((values[known] - curve[known])^2)
    noise <- if (freedom > 0) sqrt(squares / freedom) else 0
  }
  list(
    place = find_elbow(curve, tolerance, noise), curve = curve, noise = noise
  )
}

tell_of_lambda <- function(row, place, n) {
  tell_of_run("Lambda", row$lambda, place, n, c(
    sprintf("I(z, c) %.4f", row$mutual_information),
    if (!is.na(row$validation_elbo)) {
      sprintf("validation ELBO %.2f", row$validation_elbo)
    },
    if (!is.null(row$adjusted_rand_index)) {
      sprintf("ARI %.3f", row$adjusted_rand_index)
    }
  ))
}

#' @export
print.lambda_path <- function(x, ...) {
  print_path(
    x, paste0("<lambda_path> ", nrow(x), " values of lambda"), "lambda",
    "suggested", ...
  )
  end <- if (!is.null(x$suggested)) which(x$suggested)
  if (length(end) == 1 && nrow(x) > 1) {
    if (end == nrow(x)) {
      cat("I(z, c) still drops at the largest lambda: try larger ones.\n")
    } else if (end == 1) {
      cat("No lambda lowers I(z, c) by more than tolerance and noise.\n")
    }
  }
  invisible(x)
}

#' @export
plot.lambda_path <- function(x, ...) {
  refuse_others(list(...), plot.lambda_path)
  singles <- grep("^mi_", names(x), value = TRUE)
  lines <- data.frame(
    column = c(
      singles, "validation_elbo", "validation_log_likelihood",
      "adjusted_rand_index", "normalized_mutual_information"
    ),
    line = c(
      sub("^mi_", "", singles), "ELBO", "log-likelihood", "ARI", "NMI"
    ),
    panel = c(
      rep("mutual information with", length(singles)),
      rep("cells kept back, nats per cell", 2), rep("clusters", 2)
    )
  )
  plot_path(
    x, lines, log_places(x$lambda), vapply(x$lambda, format, "", digits = 3),
    x$suggested, "lambda (dashed: suggested)"
  )
}
