# Paths: a model is fitted again for each value of an option, and a value is
# suggested. What alignment_path(), lambda_path() and validation_path() share.

# Options that the path itself gives, and names that the model does not have.
check_path_options <- function(others, fn, own, grid,
                               call = rlang::caller_env()) {
  taken <- intersect(names(others), own)
  if (length(taken) > 0) {
    abort(
      "{.arg {taken[1]}} is what the path goes over: give {.arg {grid}}.",
      call = call
    )
  }
  check_options(others, setdiff(names(formals(fn)), "..."), call)
}

# Weights of a path, without repetition, the smallest first.
check_weights <- function(weights, arg = "weights",
                          call = rlang::caller_env()) {
  good <- is.numeric(weights) && all(is.finite(weights) & weights >= 0)
  if (!good || length(unique(weights)) < 2) {
    abort(
      c(
        "{.arg {arg}} must hold at least two different numbers, none below 0.",
        x = "Found {.val {weights}}."
      ),
      call = call
    )
  }
  sort(unique(as.numeric(weights)))
}

# Every fit of a path is silent and has a checkpoint of its own.
path_control <- function(control, call = rlang::caller_env()) {
  control <- as_control(control, call)
  control["verbose"] <- list(FALSE)
  control
}

control_at <- function(control, name) {
  if (!is.null(control$checkpoint)) {
    control$checkpoint <- file.path(control$checkpoint, name)
  }
  control
}

# Fits each of `runs` by `fit(run)` and binds the rows that `row(run, fit)`
# makes of them; `tell(row, place)` reports. An interruption, of a training or
# between two, ends the walk with the rows so far. A run has a `label`, such as
# "lambda = 2".
walk_path <- function(runs, fit, row, tell = NULL, unit = "weights") {
  rows <- list()
  for (run in runs) {
    first <- length(rows) == 0
    added <- tryCatch(
      {
        fitted <- path_fit(fit(run), run$label, first)
        if (!identical(fitted$status, "interrupted")) row(run, fitted)
      },
      interrupt = function(cnd) NULL
    )
    if (is.null(added)) {
      tell_of_stopped_path(length(rows), length(runs), unit)
      break
    }
    rows <- c(rows, list(added))
    if (!is.null(tell)) tell(added, length(rows))
  }
  do.call(rbind, rows)
}

# NULL where training diverged at once. What every fit has to tell, the first
# one tells.
path_fit <- function(code, label, first) {
  tryCatch(
    withCallingHandlers(
      code,
      sailer_note = function(cnd) {
        if (!first) tryInvokeRestart("muffleMessage")
        if (!first) tryInvokeRestart("muffleWarning")
      },
      # It speaks of one fit, and of going on with it.
      sailer_interrupted = function(cnd) {
        if (!inherits(cnd, "sailer_checkpoint_failed")) {
          tryInvokeRestart("muffleWarning")
        }
      }
    ),
    sailer_numeric_error = function(cnd) {
      cli::cli_warn(
        "No fit with {.code {label}}: training diverged.",
        parent = cnd, class = "sailer_diverged"
      )
      NULL
    }
  )
}

# Columns of the history in the epoch that was kept, NA without a fit.
kept_values <- function(fit, columns) {
  kept <- if (!is.null(fit)) fit$history[max(1, fit$best_epoch), ]
  values <- lapply(columns, function(name) {
    if (is.null(kept)) NA_real_ else kept[[name]]
  })
  as.data.frame(stats::setNames(values, columns))
}

# With nothing to return, an interruption is what it always is in R.
tell_of_stopped_path <- function(done, n, unit = "weights") {
  if (done == 0) rlang::interrupt()
  cli::cli_warn(
    "Interrupted after {done} of the {n} {unit}, which are returned.",
    class = "sailer_interrupted"
  )
}

tell_of_run <- function(name, value, place, n, parts) {
  cli::cli_inform(
    "{name} {value} ({place}/{n}): {paste(parts, collapse = ', ')}.",
    class = "sailer_note"
  )
}

# The place of the first value that is as good as the lowest, NA where none is
# known: at most a share `tolerance` of the range above it, or by no more than
# `noise`.
find_elbow <- function(values, tolerance, noise = 0) {
  if (all(is.na(values))) {
    return(NA_integer_)
  }
  range <- range(values, na.rm = TRUE)
  allowed <- max(tolerance * (range[2] - range[1]), noise)
  # An exact tie must not be lost to rounding.
  slack <- 1e-12 * max(abs(range))
  which(values <= range[1] + allowed + slack)[1]
}

# The standard error of a difference between the means of two values of a path
# whose fits were repeated with several seeds: what is left when the means of
# the values and of the seeds are taken away. NA with a single seed.
noise_of_repeats <- function(values, place, seed) {
  known <- !is.na(values)
  place <- factor(place[known])
  seed <- factor(seed[known])
  repeats <- nlevels(seed)
  freedom <- sum(known) - nlevels(place) - repeats + 1
  if (repeats < 2 || nlevels(place) < 2 || freedom < 1) {
    return(NA_real_)
  }
  model <- stats::lm(values[known] ~ place + seed)
  stats::sigma(model) * sqrt(2 / repeats)
}

# Runs of a path: every value with the first seed, then with the next, so that
# an interrupted path still spans all values.
path_runs <- function(values, option, control, repeats) {
  seeds <- control$seed + seq_len(repeats) - 1
  runs <- lapply(seeds, function(seed) {
    lapply(seq_along(values), function(place) {
      shown <- paste(number_text(values[[place]]), collapse = "-")
      name <- paste0(option, "-", shown)
      if (seed != control$seed) {
        name <- paste0(name, "-seed-", number_text(seed))
      }
      own <- control_at(control, name)
      own$seed <- seed
      list(
        place = place, value = values[[place]], seed = seed, control = own,
        label = paste(option, "=", shown), shown = shown
      )
    })
  })
  unlist(runs, recursive = FALSE)
}

# One row per value: means over the seeds of the numeric `columns`.
mean_by_place <- function(runs, columns) {
  places <- sort(unique(runs$place))
  means <- lapply(columns, function(name) {
    vapply(places, function(place) {
      values <- runs[[name]][runs$place == place]
      if (all(is.na(values))) NA_real_ else mean(values, na.rm = TRUE)
    }, 0)
  })
  means <- as.data.frame(stats::setNames(means, columns), optional = TRUE)
  fits <- vapply(places, function(place) {
    of <- runs$place == place
    sum(of & !is.na(runs[[columns[1]]]))
  }, 0L)
  cbind(data.frame(place = places, fits = fits), means)
}

# Shorter names for print(); columns that are not there are left out.
shorter_names <- c(
  validation_alignment = "kept_back",
  validation_log_likelihood = "log_likelihood", validation_elbo = "ELBO",
  adjusted_rand_index = "ARI", normalized_mutual_information = "NMI"
)

# `value` is the column that the path goes over, `mark` the logical one.
print_path <- function(x, head, value, mark, ...) {
  shown <- x
  class(shown) <- "data.frame"
  cat(head, "\n", sep = "")
  if (!is.null(shown[[mark]])) {
    shown[[mark]] <- ifelse(shown[[mark]], "<-", "")
  }
  known <- names(shown) %in% names(shorter_names)
  names(shown)[known] <- shorter_names[names(shown)[known]]
  if (is.numeric(shown[[value]])) {
    shown[[value]] <- vapply(shown[[value]], format, "", digits = 6)
  }
  print(shown, digits = 4, row.names = FALSE, ...)
  invisible(x)
}

# Weights stand on a logarithmic axis, 0 a step to the left of it.
log_places <- function(weights) {
  place <- log10(weights)
  zero <- weights == 0
  place[zero] <- min(place[!zero]) - 0.5
  place
}

# `lines` is a data frame of columns of x to draw: `column`, `line` (its name in
# the legend) and `panel`; `place` where each row stands on the axis, and
# `labels` what is written there.
plot_path <- function(x, lines, place, labels, marked, title) {
  lines <- lines[lines$column %in% names(x), ]
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
    ggplot2::geom_vline(xintercept = place[marked], linetype = "dashed") +
    ggplot2::geom_line() +
    ggplot2::geom_point() +
    ggplot2::facet_wrap(
      ggplot2::vars(.data$panel), ncol = 1, scales = "free_y"
    ) +
    ggplot2::scale_x_continuous(
      breaks = place, labels = labels, minor_breaks = NULL
    ) +
    scale_of_groups("colour", nlevels(long$line)) +
    ggplot2::labs(x = title, y = NULL, colour = NULL) +
    ggplot2::theme_minimal()
}
