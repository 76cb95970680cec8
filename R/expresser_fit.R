# What pretraining returns. Like a fit of SAILER it holds only plain R values;
# the core's model is made from them when needed and kept in `cache`.

new_expresser_fit <- function(trained, plan) {
  structure(c(
    plan[setdiff(names(plan), c("model", "initial"))],
    list(
      state = trained$state, history = trained$history,
      status = trained$status, best_epoch = trained$best_epoch,
      validation_cells = trained$validation_cells,
      # What resume() needs, if training can continue.
      progress = if (length(trained$progress) > 0) trained$progress,
      version = utils::packageVersion("sailer"),
      cache = new.env(parent = emptyenv())
    )
  ), class = "expresser_fit")
}

# Returns the core's model of a fit, made again if the pointer is dead.
expresser_model <- function(fit) {
  live_model(fit, core_expresser_model(
    fit$state, nrow(fit$genes), options_of_fit(fit), device_here(fit$device)
  ))
}

# Fits that are older than these two options are models of the thesis.
options_of_fit <- function(fit) {
  thesis <- list(expression = "binned", token_start = "random")
  c(fit$options, thesis[setdiff(names(thesis), names(fit$options))])
}

#' @export
print.expresser_fit <- function(x, ...) {
  cat(format_expresser_fit(x), sep = "\n")
  invisible(x)
}

format_expresser_fit <- function(fit) {
  last <- utils::tail(fit$history, 1)
  measured <- nrow(last) > 0 && !is.na(last$validation_loss)
  best <- fit$history[max(1, fit$best_epoch), ]
  options <- fit$options
  c(
    paste0(
      cli::pluralize("<expresser_fit> {options$n_layers} layer{?s}, "),
      big(nrow(fit$genes)), " genes x ", options$n_embedding, " dimensions",
      if (!options$decoder) ", without decoder"
    ),
    cli::pluralize(
      "  from {big(fit$n_cells)} cells of {nrow(fit$sources)} source{?s}"
    ),
    training_line(fit, digits = 3),
    if (measured) sprintf(
      "  held-out cells (%s): mean absolute error %.3f, correlation %.3f",
      big(length(fit$validation_cells)), best$validation_absolute_error,
      best$validation_correlation
    )
  )
}

#' @export
summary.expresser_fit <- function(object, ...) {
  structure(list(
    lines = format_expresser_fit(object), options = object$options,
    sources = object$sources, last_epoch = utils::tail(object$history, 1)
  ), class = "summary.sailer_fit")
}

resume_pretraining <- function(plan, x, state) {
  corpus <- as_corpus(x, plan$genes, plan$control$verbose)
  on.exit(close_corpus(corpus))
  if (!identical(core_source_fingerprint(corpus$source), plan$fingerprint)) {
    abort(c(
      "{.arg x} does not have the counts that the model was trained on: it has
       {corpus$n_cells} cells with {corpus$n_nonzeros} non-zeros, not
       {plan$n_cells} with {plan$n_nonzeros}.",
      i = "Give the same corpus, or the data it was built from, as in the call
           to {.fn expresser}."
    ), class = "data")
  }
  run_pretraining(plan, corpus, state)
}
