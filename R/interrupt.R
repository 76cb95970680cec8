# Ctrl-C during training: the fit so far is kept.

# Holds the fit of the last interrupted training, for get_fit().
kept <- new.env(parent = emptyenv())

# Keeps the fit of a training that the user interrupted, and warns. At the top
# level the caller can then return the fit; elsewhere the interrupt is raised
# again.
interrupt <- function(fit, message, .envir = parent.frame()) {
  kept$last_fit <- fit
  at_top <- at_top_level()
  message <- c(message, i = if (at_top) {
    "The fit so far is returned."
  } else {
    "{.code get_fit()} returns the fit so far."
  })
  cli::cli_warn(message, class = "sailer_interrupted", .envir = .envir)
  if (!at_top) rlang::interrupt()
}

# TRUE if a function of this package was called from the prompt.
at_top_level <- function() {
  first <- sys.function(1)
  rlang::is_interactive() && is.function(first) &&
    identical(topenv(environment(first)), topenv())
}
