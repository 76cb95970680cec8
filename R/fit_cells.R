# Between the cells of an object and the fit: train or continue, and make sure
# that there is an embedding to write.

# `resume` is NULL, a fit or the folder of a checkpoint; `guide` what SAILERX
# takes of the RNA (new_guide()).
fit_cells <- function(counts, batch, covariates, resume, options, guided,
                      guide) {
  fit <- if (goes_on(resume)) {
    check_resumed(resume, guided)
    rlang::inject(resume(resume, counts, !!!options))
  } else if (!guided) {
    rlang::inject(sailer(
      counts, batch = batch, covariates = covariates, !!!options
    ))
  } else {
    # Depths that the user gives come before those of the object.
    if (!"rna_depth" %in% names(options)) options$rna_depth <- guide$depth
    if (!is.null(guide$values)) options$reference <- guide$values
    rlang::inject(sailerx(
      counts, batch = batch, covariates = covariates, !!!options
    ))
  }
  complete_embedding(fit, counts)
}

goes_on <- function(resume) !is.null(resume) && !rlang::is_false(resume)

# What is gone on with must be of the model that was asked for.
check_resumed <- function(from, guided) {
  found <- if (inherits(from, "sailer_fit")) {
    inherits(from, "sailerx_fit")
  } else {
    !is.null(read_plan(checkpoint_folder(from))$reference)
  }
  if (found == guided) {
    return(invisible(TRUE))
  }
  name <- function(is_guided) if (is_guided) "SAILERX" else "SAILER"
  verb <- paste0("Run", name(found))
  abort(c(
    "{.arg resume} is a training of {name(found)}, not of {name(guided)}.",
    i = "{.fn {verb}} continues it."
  ))
}

# After an interruption the cells may not be embedded yet: done now, unless
# interrupted once more. Then the fit goes without.
complete_embedding <- function(fit, cells) {
  if (is.null(fit$embedding)) {
    note("Embedding the {length(fit$cells)} cells with the fit so far.")
    fit$embedding <- tryCatch(
      embed_cells(
        fit, cells, match_peaks(cells, fit$peaks, "object"),
        if (sees_reference(fit)) fit$progress$reference
      ),
      interrupt = function(cnd) NULL
    )
  }
  fit
}

warn_of_no_embedding <- function(fit) {
  again <- if (inherits(fit, "expresser_fit")) {
    "resume(get_fit(object), object)"
  } else {
    paste0(verb_of(fit), "(object, resume = TRUE)")
  }
  cli::cli_warn(c(
    "The cells were not embedded: the object has the fit, but no embedding.",
    i = "{.fn get_fit} finds it; {.code {again}} continues it."
  ), class = "sailer_interrupted")
}
