# The decoder for other parts of the package: probabilities of peaks at points
# of the latent space, with confounders held at fixed values (thesis 2.2.4).

# Returns the probabilities of `peaks` (indices in fit$peaks, in any order) at
# the rows of `z`: peaks x cells. `confounders` come from fixed_confounders(),
# one row for all cells or one for each. Memory besides the result is bounded;
# the result is not, so callers should pass cells in blocks.
decode_block <- function(fit, z, confounders, peaks, calibrated = TRUE) {
  with_threads(fit$control$threads, core_sailer_decode(
    fit_model(fit), z, confounders, peaks, decode_shift(fit, calibrated)
  ))
}

# Returns the correction of the logits: in training, open peaks count omega
# times, which makes the decoder's odds too large by that factor.
decode_shift <- function(fit, calibrated) {
  if (calibrated) -log(fit$options$omega) else 0
}

# Encodes the confounders of `n` cells as the core does
# (core/data/confounders.h): depth, the levels of each label in turn, numbers.
# `labels` and `numbers` are lists of values of the cells, by name. What is not
# given is at its mean, which for a label is the average of all its levels.
encode_confounders <- function(fit, n, depth = NULL, labels = list(),
                               numbers = list()) {
  scaled <- function(values, scaling) {
    if (is.null(values)) {
      return(numeric(n))
    }
    (unname(values) - scaling[["mean"]]) / scaling[["sd"]]
  }
  levels <- lapply(names(fit$labels), function(name) {
    vectors <- level_vectors(fit, name)
    given <- labels[[name]] %||% rep(NA, n)
    rows <- vectors[match(given, rownames(vectors)), , drop = FALSE]
    replace(rows, is.na(rows), 1 / ncol(vectors))
  })
  values <- Map(function(name, scaling) {
    scaled(numbers[[name]], scaling)
  }, fit$numbers, fit$scaling$numbers)
  depth <- scaled(if (!is.null(depth)) log(depth), fit$scaling$log_depth)
  unname(do.call(cbind, c(list(depth), levels, values)))
}

# Returns the vectors that encode the levels of a label, one per row. A batch
# that was added later is a point between those of the known ones.
level_vectors <- function(fit, name) {
  known <- fit$labels[[name]]
  added <- Filter(function(vector) {
    name %in% batch_labels(fit) && length(vector) == length(known) &&
      identical(attr(vector, "column") %||% name, name)
  }, as.list(fit$extra_batches))
  vectors <- diag(length(known))
  rownames(vectors) <- known
  rbind(vectors, do.call(rbind, added[setdiff(names(added), known)]))
}

# Returns one row for all cells. By default numbers are at their means, batches
# at the one with the highest median depth, other labels at the most frequent
# level.
fixed_confounders <- function(fit, batch = NULL, depth = NULL,
                              covariates = NULL) {
  levels <- fixed_levels(fit, batch, covariates)
  if (!is.null(depth)) check_number(depth, min = 1)
  numbers <- as.list(covariates)
  numbers <- numbers[intersect(names(numbers), fit$numbers)]
  for (name in names(numbers)) {
    check_number(numbers[[name]], name)
  }
  encode_confounders(fit, 1, depth, levels, numbers)
}

# Returns the labels that are batches. Older fits do not say which.
batch_labels <- function(fit) fit$batches %||% names(fit$labels)

# Returns a list with the level of each label, by name.
fixed_levels <- function(fit, batch, covariates) {
  others <- given_covariates(fit, covariates)
  others <- others[names(others) %in% names(fit$labels)]
  given <- c(given_batches(fit, batch), check_levels(fit, others))
  levels <- usual_levels(fit, given)
  levels[names(given)] <- given
  levels
}

# Returns `batch` as a list of levels, named by batch column.
given_batches <- function(fit, batch) {
  if (is.null(batch)) {
    return(list())
  }
  columns <- batch_labels(fit)
  abort_if(length(columns) == 0, c(
    "{.arg batch}: this model was trained without batches.",
    i = "Leave {.arg batch} out: there is nothing to hold fixed."
  ))
  if (is.null(names(batch))) {
    first <- vapply(fit$labels[columns], function(levels) levels[1], "")
    example <- paste(columns, "=", dQuote(first, FALSE), collapse = ", ")
    abort_if(length(columns) > 1 || length(batch) != 1, c(
      "{.arg batch} must name one level of each batch column that it fixes, such
       as {.code c({example})}.",
      i = "The batch column{?s} of the model {?is/are} {.val {columns}}."
    ))
    names(batch) <- columns
  }
  check_known(names(batch), columns, "batch column", "batch", "the model")
  check_levels(fit, as.list(batch))
}

# Returns `covariates` as a named list of single values.
given_covariates <- function(fit, covariates) {
  if (is.null(covariates)) {
    return(list())
  }
  given <- as.list(covariates)
  if (!rlang::is_dictionaryish(given) || any(lengths(given) != 1)) {
    abort("{.arg covariates} must be a named list with one value for each
           covariate that it fixes.")
  }
  known <- c(setdiff(names(fit$labels), fit$batches), fit$numbers)
  check_known(names(given), known, "covariate", "covariates", "the model")
  given
}

# Returns `levels`, a list by label, as text; throws if the model lacks a level.
check_levels <- function(fit, levels) {
  for (name in names(levels)) {
    arg <- if (name %in% batch_labels(fit)) "batch" else "covariates"
    level <- levels[[name]]
    if (length(level) != 1 || is.na(level)) {
      abort("{.arg {arg}} must hold one level of {.val {name}}.")
    }
    levels[[name]] <- label_text(level)
    known <- rownames(level_vectors(fit, name))
    abort_if(!levels[[name]] %in% known, c(
      "{.arg {arg}}: {.val {name}} has no level {.val {level}} in the model.",
      i = "It has {few(known, 20)}."
    ))
  }
  levels
}

# For batches: of the combinations in the training cells that agree with
# `given`, the one with the highest median depth. Otherwise: the most frequent.
usual_levels <- function(fit, given) {
  others <- names(fit$level_counts$others)
  usual <- lapply(stats::setNames(nm = others), function(name) {
    fit$labels[[name]][which.max(fit$level_counts$others[[name]])]
  })
  seen <- fit$level_counts$batches
  agrees <- rep(TRUE, length(seen$n_cells))
  batches <- setdiff(names(fit$labels), others)
  for (name in intersect(names(given), batches)) {
    agrees <- agrees &
      seen[[name]] == match(given[[name]], fit$labels[[name]], nomatch = 0)
  }
  if (!any(agrees)) agrees[] <- TRUE
  best <- which(agrees)[which.max(seen$median_depth[agrees])]
  for (name in batches) usual[[name]] <- fit$labels[[name]][seen[[name]][best]]
  usual
}
