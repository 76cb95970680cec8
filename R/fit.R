# What training returns. A fit is a model: parameters as raw vectors, peaks,
# scaling, levels, options, history. The core's model is made from them when
# needed and kept in `cache`, so a fit works after saveRDS() and in other
# processes. For users who train on a matrix, a fit also holds the result of the
# training: the training cells and their embedding. Objects keep only the model
# (as_model()), because they already have the cells.

new_fit <- function(trained, plan) {
  embedding <- trained$embedding
  if (!is.null(embedding)) {
    dimnames(embedding) <- list(
      plan$cells, paste0("sailer_", seq_len(ncol(embedding)))
    )
  }
  confounders <- plan$confounders
  labels <- stats::setNames(
    confounders$labels, column_names(confounders$labels)
  )
  # The level of each training cell, counted from 1.
  codes <- lapply(labels, function(label) label$codes)
  levels <- lapply(labels, function(label) label$levels)
  # It may have been left open.
  plan$options$n_latent <- trained$n_latent
  history <- trained$history
  # Only SAILERX has an alignment. On held-out cells it is measured only if at
  # least two of them have a reference.
  if (is.null(plan$reference)) {
    history[c("alignment", "validation_alignment")] <- NULL
  } else if (sum(plan$reference$present[trained$validation_cells]) < 2) {
    history$validation_alignment <- rep(NA_real_, nrow(history))
  }
  structure(c(
    plan[setdiff(names(plan), c("confounders", "reference"))],
    list(
      labels = levels, codes = codes,
      level_counts = count_levels(levels, codes, plan$batches, plan$depth),
      numbers = column_names(confounders$numbers),
      scaling = trained$scaling, n_confounders = trained$n_confounders,
      state = trained$state, embedding = embedding,
      held_out = some_held_out(embedding, trained$validation_cells),
      history = history,
      status = trained$status, best_epoch = trained$best_epoch,
      n_cells = length(plan$cells),
      n_validation = length(trained$validation_cells),
      validation_cells = plan$cells[trained$validation_cells],
      # What resume() needs, if training can continue.
      progress = if (length(trained$progress) > 0) {
        list(
          state = trained$progress, cells = plan$cells, depth = plan$depth,
          confounders = confounders, reference = plan$reference
        )
      },
      n_reference = if (!is.null(plan$reference)) ncol(plan$reference$values),
      version = utils::packageVersion("sailer"),
      cache = new.env(parent = emptyenv())
    )
  ), class = c(if (!is.null(plan$reference)) "sailerx_fit", "sailer_fit"))
}

# The result of training, as opposed to the model.
result_fields <- c("cells", "depth", "codes", "embedding", "validation_cells")

# Returns a fit without its cells. A fit of Expresser has none.
as_model <- function(fit) {
  if (!inherits(fit, "sailer_fit")) {
    return(fit)
  }
  kept <- setdiff(names(fit), result_fields)
  structure(unclass(fit)[kept], class = class(fit))
}

# Returns, for each combination of batches among the training cells, in the
# order of their levels, the number of cells and their median depth, and for the
# other labels the number of cells of each level: the basis of default levels.
count_levels <- function(levels, codes, batches, depth) {
  count <- function(name) tabulate(codes[[name]], length(levels[[name]]))
  others <- setdiff(names(levels), batches)
  found <- if (length(batches) > 0) {
    group <- interaction(codes[batches], drop = TRUE, lex.order = TRUE)
    first <- match(levels(group), group)
    c(
      lapply(codes[batches], function(code) code[first]),
      list(
        n_cells = as.numeric(table(group)),
        median_depth = as.numeric(tapply(depth, group, stats::median))
      )
    )
  }
  list(others = lapply(stats::setNames(nm = others), count), batches = found)
}

# Returns posterior means with which mapping_quality() compares new cells: of
# held-out cells or, if these are few, of all; at most `n_most`, without names.
some_held_out <- function(embedding, places, n_least = 30, n_most = 1000) {
  if (is.null(embedding)) {
    return(NULL)
  }
  if (length(places) < n_least) places <- seq_len(nrow(embedding))
  if (length(places) > n_most) {
    places <- places[round(seq(1, length(places), length.out = n_most))]
  }
  unname(embedding[places, , drop = FALSE])
}

# Returns the call as written, without large values that do.call() put into it:
# otherwise the fit would hold the counts.
short_call <- function(call) {
  for (k in seq_along(call)[-1]) {
    if (utils::object.size(call[[k]]) > 1e4) call[[k]] <- quote(...)
  }
  call
}

# Returns the core's model of a fit, made again if the pointer is dead.
fit_model <- function(fit) {
  live_model(fit, core_sailer_model(
    fit$state, fit$group_sizes, fit$n_confounders,
    current_options(fit$options), device_here(fit$device)
  ))
}

# A pointer dies with its process. A forked process inherits it, but cannot use
# it on a GPU. `code` is evaluated only if the model has to be made.
live_model <- function(fit, code) {
  cache <- fit$cache
  usable <- !is.null(cache$model) && core_model_alive(cache$model) &&
    (fit$device == "cpu" || identical(cache$process, Sys.getpid()))
  if (!usable) {
    cache$model <- code
    cache$process <- Sys.getpid()
  }
  cache$model
}

# Models of version 0.1.0 have no warm start, and were trained without `mixing`.
current_options <- function(options) {
  options$warm_start <- options$warm_start %||% FALSE
  options$mixing <- options$mixing %||% 0
  options
}

#' Embedding of training cells and new cells
#'
#' `embedding()` returns the posterior means of the cells that [sailer()] or
#' [sailerx()] was trained on (2.2.3), including held-out cells, each scaled to
#' length 1. Objects store the same values in their reduction; the model that
#' [get_fit()] returns holds no cells. `predict()` encodes new cells in the same
#' way. The encoder reads neither batch nor covariates, and the embedding of a
#' cell depends only on its own peaks (and its reference, with `joint = TRUE`):
#' other cells change it at most by rounding errors.
#'
#' The posterior mean of a cell with few open peaks is shrunk towards 0, the
#' prior mean: its length depends on depth, its direction on cell type. After
#' scaling to length 1, the Euclidean distances that `FindNeighbors()` and UMAP
#' use compare directions.
#'
#' @param fit The result of [sailer()], [sailerx()] or [map_query()].
#' @param ... For `predict()`: location of the counts in an object (`assay`,
#'   `layer`, `assay.type`, `altexp`). An unknown name is an error.
#' @return Numeric matrix, cells x latent dimensions, with cell names as row
#'   names and columns `sailer_1`, `sailer_2`, ... If training was interrupted
#'   before the cells were embedded, `predict()` with the counts embeds them.
#' @references Cao (2023), section 2.2.3.
#' @examples
#' sim <- simulate_atac(n_cells = 120, n_peaks = 300, n_types = 2, seed = 1)
#' fit <- sailer(
#'   sim$counts[, 1:100],
#'   hidden = 16, epochs = 2, verbose = FALSE
#' )
#' embedding(fit)[1:3, 1:2]
#' predict(fit, sim$counts[, 101:120])[1:3, 1:2]
#' @export
embedding <- function(fit, ...) {
  must_be(
    inherits(fit, c("sailer_fit", "sailer_query")), fit,
    "the result of {.fn sailer} or {.fn sailerx}",
    hint = "In objects, the embedding is one of the reductions."
  )
  refuse_others(list(...), embedding)
  if (inherits(fit, "sailer_query")) {
    return(fit$embedding)
  }
  unit_rows(training_means(fit))
}

# Returns the posterior means of the training cells; throws if there are none.
training_means <- function(fit) {
  if (!is.null(fit$embedding)) {
    return(fit$embedding)
  }
  abort_if(is.null(fit$cells), c(
    "This fit is a model without cells, as stored in an object.",
    i = "The embedding is in the object: give functions that need the cells
         the object instead of its fit.",
    i = "{.code predict(fit, x)} embeds the cells with the counts {.code x}."
  ))
  abort(c(
    "The cells were not embedded: training or embedding was interrupted.",
    i = "Call {.code predict(fit, x)} with the counts, or continue with
         {.code resume(fit, x)}."
  ))
}

#' @rdname embedding
#' @param object A fit of [sailer()] or [sailerx()], also from [get_fit()].
#' @param newdata New cells: counts of peaks x cells in any form that
#'   [as_cells()] accepts, or an object. The peaks of the model are matched by
#'   name; others are ignored.
#' @param reference For models of [sailerx()] with `joint = TRUE`: the reference
#'   embedding of the new cells, given as for [sailerx()] and in the same space
#'   as in training, such as the same PCA applied to their RNA. Cells without
#'   one (missing by name, or with NA in their row) are embedded from their
#'   peaks alone.
#' @importFrom stats predict
#' @export
predict.sailer_fit <- function(object, newdata, reference = NULL, ...) {
  if (missing(newdata)) {
    refuse_others(list(...), predict.sailer_fit)
    return(embedding(object))
  }
  where <- list(...)
  check_options(where, c(
    options_of(predict.sailer_fit), "assay", "layer", "assay.type", "altexp"
  ))
  cells <- read_input(newdata, where)$counts
  unit_rows(embed_counts(object, cells, reference))
}

# Returns q(z | x) of the cells of a handle. `reference`: from as_reference(),
# or NULL.
cell_posteriors <- function(fit, cells, map, reference = NULL) {
  with_threads(
    fit$control$threads,
    core_sailer_posterior(fit_model(fit), cells$source, map, reference)
  )
}

embed_cells <- function(fit, cells, map, reference = NULL) {
  out <- cell_posteriors(fit, cells, map, reference)$mean
  dimnames(out) <- list(cells$cells, paste0("sailer_", seq_len(ncol(out))))
  out
}

# Returns the index in the model of each peak of `cells`, NA for unknown ones.
# Throws an error if `cells` lacks peaks of the model.
match_peaks <- function(cells, peaks, arg = "newdata") {
  missing <- setdiff(peaks, cells$peaks)
  abort_if(length(missing) > 0, c(
    "{length(missing)} of the {length(peaks)} peaks of the model
     {cli::qty(length(missing))}{?is/are} not in {.arg {arg}}: {few(missing)}.",
    i = "Count the cells in the peaks that the model was trained on."
  ), class = "data")
  match(cells$peaks, peaks)
}

#' @rdname plot.sailer_fit
#' @export
print.sailer_fit <- function(x, ...) {
  cat(format_fit(x), sep = "\n")
  invisible(x)
}

format_fit <- function(fit) {
  fit <- complete_model(fit)
  removed <- c("depth", names(fit$labels), fit$numbers)
  last <- utils::tail(fit$history, 1)
  c(
    paste0(
      "<", class(fit)[1], "> ", fit$options$architecture, " architecture, ",
      big(fit$n_cells), " cells x ", big(length(fit$peaks)), " peaks (of ",
      big(fit$n_peaks_given), ") -> ", fit$options$n_latent, " dimensions"
    ),
    paste0("  removed: ", paste(removed, collapse = ", ")),
    if (inherits(fit, "sailerx_fit")) {
      paste0("  aligned with a reference, weight ", big(fit$options$alignment))
    },
    training_line(fit, digits = 2),
    if (nrow(last) > 0 && !is.na(last$validation_log_likelihood)) {
      sprintf(
        "  validation log-likelihood %.2f per cell (%d cells)",
        fit$history$validation_log_likelihood[max(1, fit$best_epoch)],
        fit$n_validation
      )
    }
  )
}

# Says how training ended, for any fit.
training_line <- function(fit, digits) {
  last <- utils::tail(fit$history, 1)
  n <- nrow(fit$history)
  paste0(
    cli::pluralize("  training {fit$status} after {n} epoch{?s}"),
    if (nrow(last) > 0) sprintf(
      " (kept: %d), loss %.*f", as.integer(fit$best_epoch), digits, last$loss
    )
  )
}

#' @rdname plot.sailer_fit
#' @export
summary.sailer_fit <- function(object, ...) {
  values <- if (!is.null(object$embedding)) embedding(object)
  dimensions <- if (!is.null(values)) {
    data.frame(
      mean = colMeans(values), sd = apply(values, 2, stats::sd),
      correlation_with_log_depth = correlation(values, log(object$depth))
    )
  }
  structure(list(
    lines = format_fit(object), options = object$options,
    last_epoch = utils::tail(object$history, 1), dimensions = dimensions
  ), class = "summary.sailer_fit")
}

#' @export
print.summary.sailer_fit <- function(x, ...) {
  cat(x$lines, sep = "\n")
  cat("\nOptions:\n")
  cat(paste0(
    "  ", format(names(x$options)), "  ",
    vapply(x$options, function(v) paste(format(v), collapse = ", "), "")
  ), sep = "\n")
  if (!is.null(x$dimensions)) {
    cat("\nLatent dimensions:\n")
    print(round(x$dimensions, 3))
  }
  # For fits of expresser().
  if (!is.null(x$sources)) {
    cat("\nSources:\n")
    print(x$sources, row.names = FALSE)
  }
  invisible(x)
}
