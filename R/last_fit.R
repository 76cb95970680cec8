#' The fit of an interrupted training
#'
#' Ctrl-C stops a training within a second or two, and keeps what was trained.
#' At the top level of an interactive session the call then returns the fit so
#' far (or the object with it), with a warning. Elsewhere, in a script, a loop
#' or a function, the interrupt is raised, so that no later line runs on a
#' half-trained model; `last_fit()` then returns the fit.
#'
#' @return What [sailer()], [sailerx()] or [expresser()] would have returned;
#'   [resume()] continues it, as does [RunSAILER()] with `resume = last_fit()`.
#' @section Errors: `sailer_argument_error` if no training was interrupted in
#'   this session.
#' @examples
#' # In a session where a training was interrupted:
#' try(last_fit())
#' @export
last_fit <- function() {
  kept$last_fit %||% abort(c(
    "No training was interrupted in this session.",
    i = "A run with a {.arg checkpoint} continues from its folder: see
         {.fn resume}."
  ))
}

kept <- new.env(parent = emptyenv())

# Keeps the fit of a training that the user interrupted. At the top level it is
# returned with a warning; elsewhere the interrupt is raised again.
interrupt <- function(fit, message, .envir = parent.frame()) {
  kept$last_fit <- fit
  at_top <- at_top_level()
  message <- c(message, i = if (at_top) {
    "The fit so far is returned."
  } else {
    "{.code last_fit()} has the fit so far."
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
