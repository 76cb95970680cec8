# The number of epochs by the validation curve of one fit.

#' How many epochs are enough
#'
#' Reads the validation curve of a fit: the smallest number of epochs after
#' which the evidence lower bound on the cells kept back is as good as the best,
#' within the noise of the curve. One long fit tells; no grid is needed. Epochs
#' before the KL terms have had their full weight (`beta` of [history()]) are
#' not counted: until then the model is trained for something else.
#'
#' Use it to shorten a training before many of the kind (for other seeds, or
#' along a [lambda_path()]), and to see whether one was long enough (`rising`).
#' A single training stops by itself (`patience` of [train_control()]).
#'
#' A training that is told to be shorter may anneal faster ([train_control()]),
#' so its curve is not quite the beginning of the longer one.
#'
#' @section The noise:
#' Every epoch is judged by the same cells with the same noise, so what is
#' uncertain is the training's own jitter. The curve is smoothed by running
#' medians of `window` epochs; the standard error is the standard deviation of
#' the epochs about the smooth curve over the second half of the training. The
#' number suggested is the smallest at which the smooth curve is within
#' `tolerance`, one standard error by default, of its highest point. No standard
#' error between cells is known: the history has means.
#'
#' @param fit A fit, or a Seurat or SingleCellExperiment object with one
#'   ([get_fit()]), with at least 5 epochs and cells kept back.
#' @param tolerance How far from the best is good enough, in nats per cell;
#'   NULL, the default, takes the standard error above.
#' @param window Odd number of epochs to smooth over. NULL, the default, takes a
#'   tenth of the epochs, at least 3 and at most 15.
#' @param name Name of the reduction, as in [get_fit()].
#' @return A list of class `"best_epochs"`: `epochs`, the number suggested;
#'   `best`, the epoch where the smooth curve is highest; `standard_error` and
#'   `tolerance` in nats per cell; `rising`, TRUE when the curve had not
#'   flattened at the end, so that more epochs may be better: the mean of the
#'   last tenth of the epochs is above that of the tenth before by more than the
#'   tolerance; `curve`, a data frame of `epoch`, `elbo` and `smooth`. `plot()`
#'   returns a ggplot object.
#' @section Errors: `sailer_argument_error` when there are fewer than 5 epochs,
#'   no cells were kept back, or an argument is out of range.
#' @references Cao (2023), section 2.2.2: hyperparameters are chosen according
#'   to the log-likelihood of the validation set.
#' @seealso [plot_training()], [validation_path()].
#' @examples
#' sim <- simulate_atac(
#'   n_cells = 300, n_peaks = 400, n_types = 3, depth = 60,
#'   type_specific = 0.1, seed = 1
#' )
#' fit <- sailer(sim$counts,
#'   hidden = 32, n_latent = 2,
#'   control = train_control(epochs = 60, batch_size = 25, verbose = FALSE)
#' )
#' enough <- best_epochs(fit)
#' enough
#' plot(enough)
#' shorter <- train_control(epochs = enough$epochs)
#' @export
best_epochs <- function(fit, tolerance = NULL, window = NULL, name = NULL) {
  fit <- get_fit(fit, name)
  if (!is.null(tolerance)) check_number(tolerance, min = 0)
  elbo <- fit$history$validation_elbo
  n <- length(elbo)
  if (n < 5) {
    abort("The fit must have at least 5 epochs, not {n}.")
  }
  if (anyNA(elbo)) {
    abort(c(
      "The fit has no validation curve: no cells were kept back.",
      i = "Train with {.arg validation} above 0 in {.fn train_control}."
    ))
  }
  window <- check_window(window, n)
  smooth <- as.numeric(stats::runmed(elbo, window, endrule = "median"))
  late <- seq_len(n) > n / 2
  error <- sqrt(mean((elbo - smooth)[late]^2))
  tolerance <- tolerance %||% error
  first <- which.max(fit$history$beta)
  smooth_late <- replace(smooth, seq_len(first - 1), -Inf)
  best <- which.max(smooth_late)
  last <- ceiling(n / 10)
  rise <- mean(elbo[n + 1 - seq_len(last)]) -
    mean(elbo[n + 1 - last - seq_len(last)])
  structure(
    list(
      epochs = which(smooth_late >= smooth[best] - tolerance)[1], best = best,
      standard_error = error, tolerance = tolerance,
      rising = rise > tolerance,
      curve = data.frame(epoch = fit$history$epoch, elbo = elbo,
                         smooth = smooth)
    ),
    class = "best_epochs"
  )
}

check_window <- function(window, n, call = rlang::caller_env()) {
  if (is.null(window)) {
    width <- min(15, max(3, round(n / 10)))
    return(width + 1 - width %% 2)
  }
  odd <- is_number_within(window, 1, n) && window %% 2 == 1
  if (!odd) {
    abort(
      "{.arg window} must be an odd number of epochs from 1 to {n}.",
      call = call
    )
  }
  window
}

#' @export
print.best_epochs <- function(x, ...) {
  at <- function(epoch) x$curve$smooth[epoch]
  cat(sprintf("<best_epochs> %d of %d epochs are enough\n", x$epochs,
              nrow(x$curve)))
  cat(sprintf("  validation ELBO %.2f, best %.2f in epoch %d\n", at(x$epochs),
              at(x$best), x$best))
  cat(sprintf("  tolerance %.3g nats per cell (standard error %.3g)\n",
              x$tolerance, x$standard_error))
  if (x$rising) cat("  The curve still rises: train for more epochs.\n")
  invisible(x)
}

#' @export
plot.best_epochs <- function(x, ...) {
  refuse_others(list(...), plot.best_epochs)
  late <- x$curve[x$curve$epoch > max(x$curve$epoch) / 20, ]
  ggplot2::ggplot(late, ggplot2::aes(.data$epoch)) +
    ggplot2::geom_vline(xintercept = x$epochs, linetype = "dashed") +
    ggplot2::geom_point(
      ggplot2::aes(y = .data$elbo), colour = "grey50", size = 1
    ) +
    ggplot2::geom_line(
      ggplot2::aes(y = .data$smooth), colour = group_colours[1]
    ) +
    ggplot2::labs(
      x = "epoch (dashed: enough)", y = "validation ELBO, nats per cell"
    ) +
    picture_theme()
}
