# Small data and short trainings that the tests share.

tiny_simulation <- function() {
  simulate_atac(
    n_cells = 150, n_peaks = 400, n_types = 3, n_batches = 2, depth = 60,
    seed = 11
  )
}

quick <- function(..., epochs = 3, verbose = FALSE) {
  train_control(epochs = epochs, verbose = verbose, threads = 1, ...)
}

# A fit of a few seconds, whatever the defaults are.
quick_fit <- function(counts, ..., hidden = c(16, 8), control = quick()) {
  sailer(counts, hidden = hidden, control = control, ...)
}
