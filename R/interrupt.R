# Ctrl-C in a training: what was trained is kept.

# The fit of the last one, for get_fit().
kept <- new.env(parent = emptyenv())

# Keeps the fit of a training that the user interrupted. At the top level it is
# returned with a warning; elsewhere the interrupt is raised again.
interrupt <- function(fit, message, .envir = parent.frame()) {
  kept$last_fit <- fit
  at_top <- at_top_level()
  message <- c(message, i = if (at_top) {
    "The fit so far is returned."
  } else {
    "{.code get_fit()} has the fit so far."
  })
  cli::cli_warn(message, class = "sailer_interrupted", .envir = .envir)
  if (!at_top) rlang::interrupt()
}

# Was a function of this package called from the prompt?
at_top_level <- function() {
  first <- sys.function(1)
  rlang::is_interactive() && is.function(first) &&
    identical(topenv(environment(first)), topenv())
}
