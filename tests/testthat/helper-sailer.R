# Small data and short training runs shared by the tests.

tiny_simulation <- function() {
  simulate_atac(
    n_cells = 150, n_peaks = 400, n_types = 3, n_batches = 2, depth = 60,
    seed = 11
  )
}

# Uses a schedule that does not depend on the number of epochs.
quick <- function(...) {
  do.call(train_control, utils::modifyList(
    list(
      epochs = 3, verbose = FALSE, threads = 1, patience = 0, frozen = 0,
      learning_rate = 1e-3, learning_rate_decay = 0.995,
      weight_decay = 5e-4, validation = 0.1
    ),
    list(...)
  ))
}

# Uses the default schedule, for any number of epochs.
usual <- function(...) train_control(verbose = FALSE, threads = 1, ...)

# A fit that takes a few seconds, regardless of the defaults.
quick_fit <- function(counts, ..., hidden = c(16, 8), control = quick()) {
  sailer(counts, hidden = hidden, control = control, ...)
}

# Replaces RNA: noisy coordinates of the types, in 4 dimensions.
reference_like_types <- function(sim) {
  n <- nrow(sim$cells)
  values <- withr::with_seed(5, {
    stats::model.matrix(~ 0 + cell_type, sim$cells)[, 1:2] %*%
      matrix(stats::rnorm(8), 2) + matrix(stats::rnorm(4 * n, sd = 0.2), n)
  })
  rownames(values) <- colnames(sim$counts)
  values
}
