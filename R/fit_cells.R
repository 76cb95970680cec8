# From the cells of an object to a fit: trains or resumes, and makes sure that
# there is an embedding to write.

# `resume`: NULL or FALSE, a fit or the folder of a checkpoint; `guide`: what
# SAILERX takes of the RNA (new_guide()).
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
    # Depths given by the user take precedence over those of the object.
    if (!"rna_depth" %in% names(options)) options$rna_depth <- guide$depth
    if (!is.null(guide$values)) options$reference <- guide$values
    rlang::inject(sailerx(
      counts, batch = batch, covariates = covariates, !!!options
    ))
  }
  complete_embedding(fit, counts)
}

goes_on <- function(resume) !is.null(resume) && !rlang::is_false(resume)

# Throws an error unless the run to resume is of the requested model.
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
    "{.arg resume} is a {name(found)} run, not a {name(guided)} run.",
    i = "To continue it, use {.fn {verb}}."
  ))
}

# After an interruption the cells may not be embedded yet: embeds them now. If
# this is interrupted too, the fit has no embedding.
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
    i = "To get the fit, use {.fn get_fit}; to continue it, {.code {again}}."
  ), class = "sailer_interrupted")
}
