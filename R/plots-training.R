# Training curves of one or several fits.

#' Plot, print and summarise fits
#'
#' `plot()` shows whether training was long enough: the validation curves should
#' be flat at the end. A validation likelihood that rises and then falls again
#' shows overfitting. Panels are limited to the range of values after the first
#' 5 % of the epochs.
#'
#' @param x,object A fit of [sailer()], [sailerx()] or [expresser()], also from
#'   [get_fit()].
#' @param ... Further fits to draw in the same panels, named for the legend:
#'   `plot(fit, "lambda 0" = other)`.
#' @return `plot()` returns a ggplot object: columns of `fit$history` against
#'   the epoch. These are the loss, its parts, the weight of the KL terms, the
#'   log-likelihood and evidence lower bound of the held-out cells, and, for
#'   [sailerx()], the alignment term of the training cells and of the held-out
#'   cells; for [expresser()], the loss and the mean absolute error of both, and
#'   the correlation on the held-out cells. Where a measure is drawn for both,
#'   the line of the held-out cells is dashed. A dotted line marks the epoch
#'   whose parameters were kept. `print()` returns `x`, invisibly;
#'   `summary()` a list of class `"summary.sailer_fit"` with the options, the
#'   last epoch of the history, and the mean, standard deviation and correlation
#'   with log depth of each latent dimension.
#' @references Cao (2023), section 2.2.2.
#' @examples
#' sim <- simulate_atac(n_cells = 100, n_peaks = 300, n_types = 2, seed = 1)
#' train <- function(lambda) {
#'   sailer(sim$counts,
#'     hidden = 16, lambda = lambda,
#'     control = train_control(epochs = 6, verbose = FALSE)
#'   )
#' }
#' fit <- train(1)
#' summary(fit)
#' plot(fit, "lambda 0" = train(0))
#' @order 1
#' @export
plot.sailer_fit <- function(x, ...) {
  fits <- lapply(list(x, ...), get_fit)
  names <- rlang::names2(list(x, ...))
  unnamed <- names == ""
  names[unnamed] <- paste("fit", seq_along(fits))[unnamed]
  draw_training(stats::setNames(fits, make.unique(names, " ")))
}

#' @rdname plot.sailer_fit
#' @export
plot.expresser_fit <- plot.sailer_fit

# Titles of the panels, in their order, by column of the history.
training_parts <- c(
  loss = "loss", reconstruction = "reconstruction", kl = "KL to the prior",
  marginal = "KL to the aggregate posterior", alignment = "alignment",
  validation_alignment = "alignment",
  validation_log_likelihood = "validation log-likelihood",
  validation_elbo = "validation ELBO", beta = "beta",
  validation_loss = "loss", absolute_error = "mean absolute error",
  validation_absolute_error = "mean absolute error",
  validation_correlation = "validation correlation"
)

# Measured on held-out cells, and drawn with the same measure of training cells.
dashed_parts <- c(
  "validation_alignment", "validation_loss", "validation_absolute_error"
)

training_curves <- function(history) {
  parts <- intersect(names(training_parts), names(history))
  # A column is all NA if no cells were held out, or none of them has a
  # reference.
  parts <- parts[!vapply(history[parts], function(x) all(is.na(x)), TRUE)]
  do.call(rbind, lapply(parts, function(column) {
    value <- history[[column]]
    late <- history$epoch > max(history$epoch) / 20
    # Values of early epochs beyond the range of later ones are cut off.
    range <- range(value[late], na.rm = TRUE)
    margin <- 0.05 * diff(range)
    inside <- value >= range[1] - margin & value <= range[2] + margin
    data.frame(
      epoch = history$epoch, part = training_parts[[column]], value = value,
      cells = if (column %in% dashed_parts) "held out" else "all",
      inside = inside
    )
  }))
}

draw_training <- function(fits) {
  empty <- vapply(fits, function(fit) nrow(fit$history) == 0, TRUE)
  if (any(empty)) {
    abort("There is nothing to plot: training ended within the first epoch.")
  }
  long <- do.call(rbind, lapply(names(fits), function(name) {
    cbind(training_curves(fits[[name]]$history), fit = name)
  }))
  long <- long[!is.na(long$value), ]
  present <- intersect(unique(training_parts), long$part)
  long$part <- factor(long$part, levels = present)
  long$fit <- factor(long$fit, levels = names(fits))
  kept <- data.frame(
    epoch = vapply(fits, function(fit) as.numeric(fit$best_epoch), 0),
    fit = factor(names(fits), names(fits))
  )
  several <- length(fits) > 1
  ggplot2::ggplot(long, ggplot2::aes(
    .data$epoch, .data$value, colour = .data$fit, linetype = .data$cells
  )) +
    ggplot2::geom_vline(
      ggplot2::aes(xintercept = .data$epoch, colour = .data$fit), kept,
      linetype = "dotted", show.legend = FALSE
    ) +
    ggplot2::geom_line(data = function(curves) curves[curves$inside, ]) +
    ggplot2::facet_wrap(
      ggplot2::vars(.data$part), scales = "free_y",
      labeller = ggplot2::label_wrap_gen(22)
    ) +
    scale_of_groups(
      "colour", length(fits), guide = if (several) "legend" else "none"
    ) +
    ggplot2::scale_linetype_manual(
      values = c(all = "solid", `held out` = "dashed"), guide = "none"
    ) +
    ggplot2::labs(x = "epoch (dotted: kept)", y = NULL, colour = NULL) +
    picture_theme() +
    ggplot2::theme(legend.position = "bottom")
}
