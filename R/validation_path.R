# Options of the model by the likelihood of cells that are kept back.

#' Validation likelihood against an option of the model
#'
#' Fits [sailer()] once for each value of one option, such as the latent size,
#' and tells how well cells that are kept back are explained: the thesis chooses
#' its hyperparameters so (section 2.2.2). The measure is the evidence lower
#' bound with the KL at full weight, a bound on the log-likelihood that pays for
#' dimensions that are not needed. All fits keep the same cells back.
#'
#' Use it for the latent size, the width of the network, dropout and the like.
#' Not for `lambda`: the penalty costs likelihood by design, see
#' [lambda_path()]. Not for `epochs`, for which one long fit is enough: see
#' [best_epochs()]. Not for what changes the peaks, since likelihoods of other
#' peaks cannot be compared.
#'
#' @section The suggested value:
#' The first value, in the order of the path, whose bound is at least
#' `best - max(tolerance * (best - worst), noise)`. Numbers are put in
#' increasing order, so that it is the smallest that is good enough; other
#' values keep theirs: give the simplest first. The noise is the standard error
#' of a difference between two values, known with `repeats` of 2 or more only;
#' each repeat keeps other cells back and starts from other parameters. Labels
#' have no say in it.
#'
#' @inheritParams lambda_path
#' @param option Name of the option: `"n_latent"`, the default, `"hidden"`,
#'   `"decoder"`, `"architecture"`, `"marginal"`, `"omega"`, `"beta"`,
#'   `"dropout"`, `"thinning"`, `"input_scale"`, `"warm_start"` or, with a
#'   `reference`, `"alignment"`; or one of [train_control()]: `"batch_size"`,
#'   `"learning_rate"`, `"learning_rate_decay"`, `"weight_decay"`, `"frozen"`,
#'   `"warmup"` or `"period"`.
#' @param values At least two values of the option: a vector, or a list where a
#'   value has several parts, as of `hidden`. Default 4, 8, 16 and 32, for
#'   `"n_latent"`.
#' @param repeats Fits for each value, with seeds from the one of `control` on;
#'   their means are shown. Default 1.
#' @param tolerance Share of the range of the bound that is as good as the best,
#'   0 to 1. Default 0.05.
#'
#' @return A data frame of class `"validation_path"`, one row per value:
#'   `value` (text where values are no numbers); `fits`, those that succeeded;
#'   `validation_elbo` and `validation_log_likelihood`, in nats per cell (see
#'   [history()]; the latter at the posterior mean, which grows with the latent
#'   size and is no measure of it); `epochs`, those of the parameters kept;
#'   `seconds` of training; with `labels` the number of `clusters`,
#'   `adjusted_rand_index` and `normalized_mutual_information`; `suggested`,
#'   TRUE in one row. The attributes `"suggested"`, `"noise"`, `"runs"`,
#'   `"option"` and `"clustering"` hold the value suggested, the noise (NA with
#'   one fit each), a table of the single fits, and what their names say.
#'   `plot()` returns a ggplot object. Checkpoints, interruptions and fits that
#'   diverge are as of [lambda_path()].
#' @section Errors:
#' Those of [sailer()]; `sailer_argument_error` when the option cannot be chosen
#' so, when `values` has fewer than two different ones, or when no cells are
#' kept back (`validation = 0` in [train_control()]).
#' @references Cao (2023), section 2.2.2, table 2.2 and figure 2.2.
#' @examples
#' sim <- simulate_atac(
#'   n_cells = 300, n_peaks = 400, n_types = 3, depth = 60,
#'   type_specific = 0.1, seed = 1
#' )
#' path <- validation_path(
#'   sim$counts, "n_latent", c(1, 2, 4),
#'   batch = sim$cells$batch, hidden = 32,
#'   control = train_control(epochs = 40, batch_size = 25, threads = 1),
#'   verbose = FALSE
#' )
#' path
#' plot(path)
#' attr(path, "suggested")
#' @export
validation_path <- function(x, option = "n_latent", values = c(4, 8, 16, 32),
                            batch = NULL, covariates = NULL, labels = NULL,
                            reference = NULL, repeats = 1, ...,
                            control = train_control(), clustering = NULL,
                            resolution = 1, tolerance = 0.05, verbose = TRUE) {
  check_validated_option(option, reference)
  model <- path_model(reference)
  check_path_options(list(...), model, option, "values")
  values <- check_values(values)
  check_number(repeats, min = 1, max = 1000, whole = TRUE)
  check_number(resolution, min = 1e-6)
  check_number(tolerance, min = 0, max = 1)
  check_flag(verbose)
  clustering <- choose_clustering(clustering)
  control <- path_control(control)
  if (isTRUE(control$validation == 0)) {
    abort("{.arg control} must keep cells back: set {.arg validation} above 0.")
  }
  cells <- as_cells(x)
  labels <- path_labels(labels, cells$cells, ncol(cells))
  options <- c(list(batch = batch, covariates = covariates), list(...))
  if (!is.null(reference)) options$reference <- reference
  runs <- path_runs(values, option, control, repeats)
  table <- walk_path(
    runs,
    fit = function(run) {
      do.call(model, c(list(cells), options, validated(run, option)))
    },
    row = function(run, fit) {
      validation_row(run, fit, labels, clustering, resolution)
    },
    tell = if (verbose) {
      function(row, place) tell_of_value(row, option, place, length(runs))
    },
    unit = "fits"
  )
  new_validation_path(
    table, values, option, tolerance, if (!is.null(labels)) clustering
  )
}

validated_options <- c(
  "n_latent", "hidden", "decoder", "architecture", "marginal", "omega", "beta",
  "dropout", "thinning", "input_scale", "warm_start"
)

validated_controls <- c(
  "batch_size", "learning_rate", "learning_rate_decay", "weight_decay",
  "frozen", "warmup", "period"
)

check_validated_option <- function(option, reference,
                                   call = rlang::caller_env()) {
  known <- c(
    validated_options, if (!is.null(reference)) "alignment", validated_controls
  )
  if (rlang::is_string(option, known)) {
    return(invisible())
  }
  hint <- if (identical(option, "lambda")) {
    "The likelihood does not tell {.arg lambda}: see {.fn lambda_path}."
  } else if (identical(option, "epochs")) {
    "One long fit is enough: see {.fn best_epochs}."
  } else {
    "It can be {.val {known}}."
  }
  abort(
    c(
      "{.arg option} must name an option to choose by the likelihood, not
       {.val {option}}.",
      i = hint
    ),
    call = call
  )
}

# A list of values, numbers from the smallest on.
check_values <- function(values, call = rlang::caller_env()) {
  good <- is.list(values) || (is.atomic(values) && !is.null(values))
  if (good) values <- unique(as.list(values))
  if (!good || length(values) < 2 || anyNA(values)) {
    abort(
      "{.arg values} must hold at least two different values of the option, none
       of them NA.",
      call = call
    )
  }
  single <- vapply(values, function(x) is.numeric(x) && length(x) == 1, TRUE)
  if (all(single)) values <- values[order(unlist(values))]
  unname(values)
}

# The arguments that make the run: the value as an option or in the control.
validated <- function(run, option) {
  control <- run$control
  if (option %in% validated_controls) {
    # What is left to the core is NA there.
    unset <- vapply(control, function(x) length(x) == 1 && is.na(x), TRUE)
    control <- unclass(control)[!unset]
    control[[option]] <- run$value
    return(list(control = as_control(control)))
  }
  c(
    stats::setNames(list(run$value), option), list(control = control)
  )
}

validation_row <- function(run, fit, labels, clustering, resolution) {
  row <- cbind(
    data.frame(value = run$shown, place = run$place, seed = run$seed),
    kept_values(fit, c("validation_elbo", "validation_log_likelihood")),
    data.frame(
      epochs = if (is.null(fit)) NA_real_ else as.numeric(fit$best_epoch),
      seconds = if (is.null(fit)) NA_real_ else sum(fit$history$seconds)
    )
  )
  clusters <- cluster_columns(fit, labels, clustering, resolution)
  if (is.null(clusters)) row else cbind(row, clusters)
}

new_validation_path <- function(runs, values, option, tolerance, clustering) {
  columns <- setdiff(names(runs), c("value", "place", "seed"))
  table <- mean_by_place(runs, columns)
  noise <- noise_of_repeats(runs$validation_elbo, runs$place, runs$seed)
  place <- find_elbow(
    -table$validation_elbo, tolerance, if (is.na(noise)) 0 else noise
  )
  done <- values[table$place]
  single <- vapply(values, function(x) is.numeric(x) && length(x) == 1, TRUE)
  shown <- if (all(single)) {
    unlist(done)
  } else {
    runs$value[match(table$place, runs$place)]
  }
  table <- cbind(value = shown, table[setdiff(names(table), "place")])
  table$suggested <- seq_len(nrow(table)) %in% place
  structure(
    table,
    suggested = if (is.na(place)) NA else done[[place]], noise = noise,
    runs = runs[setdiff(names(runs), "place")], option = option,
    clustering = clustering, class = c("validation_path", "data.frame")
  )
}

tell_of_value <- function(row, option, place, n) {
  tell_of_run(option, row$value, place, n, c(
    sprintf("validation ELBO %.2f", row$validation_elbo),
    if (!is.null(row$adjusted_rand_index)) {
      sprintf("ARI %.3f", row$adjusted_rand_index)
    }
  ))
}

#' @export
print.validation_path <- function(x, ...) {
  option <- attr(x, "option")
  head <- paste0("<validation_path> ", nrow(x), " values of ", option)
  print_path(x, head, "value", "suggested", ...)
  numbers <- is.numeric(x$value) && !is.null(x$suggested) && nrow(x) > 1
  if (numbers && isTRUE(x$suggested[nrow(x)])) {
    cat("The likelihood still rises at the largest value: try larger ones.\n")
  }
  invisible(x)
}

#' @export
plot.validation_path <- function(x, ...) {
  refuse_others(list(...), plot.validation_path)
  lines <- data.frame(
    column = c(
      "validation_elbo", "adjusted_rand_index", "normalized_mutual_information"
    ),
    line = c("validation ELBO", "ARI", "NMI"),
    panel = c("validation ELBO, nats per cell", "clusters", "clusters")
  )
  numbers <- is.numeric(x$value)
  # Sizes and rates go by factors.
  place <- if (!numbers) {
    seq_len(nrow(x))
  } else if (all(x$value > 0)) {
    log10(x$value)
  } else {
    x$value
  }
  labels <- if (numbers) vapply(x$value, format, "", digits = 3) else x$value
  plot_path(
    x, lines, place, labels, x$suggested,
    paste(attr(x, "option"), "(dashed: suggested)")
  )
}
