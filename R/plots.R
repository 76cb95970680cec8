# Pictures of a fit: ggplot objects, to be changed as the user likes.

#' Plot the training of a fit
#'
#' @param x What [sailer()] returned.
#' @param ... Not used.
#' @return A ggplot object: each loss part and the validation log-likelihood
#'   against the epoch, with a dashed line at the epoch whose parameters were
#'   kept.
#' @references Cao (2023), section 2.2.2.
#' @examples
#' sim <- simulate_atac(n_cells = 100, n_peaks = 300, n_types = 2, seed = 1)
#' fit <- sailer(sim$counts,
#'   hidden = 16, control = train_control(epochs = 3, verbose = FALSE)
#' )
#' plot(fit)
#' @export
plot.sailer_fit <- function(x, ...) {
  curves <- x$history
  if (nrow(curves) == 0) {
    abort("There is nothing to plot: training ended within the first epoch.")
  }
  shown <- c(
    loss = "loss", reconstruction = "reconstruction", kl = "KL to the prior",
    marginal = "KL to the aggregate posterior", beta = "beta",
    validation_log_likelihood = "validation log-likelihood",
    validation_elbo = "validation ELBO"
  )
  long <- do.call(rbind, lapply(names(shown), function(part) {
    data.frame(
      epoch = curves$epoch, part = shown[[part]], value = curves[[part]]
    )
  }))
  long <- long[!is.na(long$value), ]
  long$part <- factor(long$part, levels = shown)
  ggplot2::ggplot(long, ggplot2::aes(.data$epoch, .data$value)) +
    ggplot2::geom_line() +
    ggplot2::geom_vline(xintercept = x$best_epoch, linetype = "dashed") +
    ggplot2::facet_wrap(ggplot2::vars(.data$part), scales = "free_y") +
    ggplot2::labs(x = "epoch", y = NULL) +
    ggplot2::theme_minimal()
}
