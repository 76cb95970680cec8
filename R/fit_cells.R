# What RunSAILER() and RunSAILERX() do between the object's cells and the fit,
# for every class: train or go on, and see to it that there is an embedding to
# put back.

# `resume` is NULL, a fit, the folder of a checkpoint, or TRUE for the fit that
# the object holds, which `own` finds. `guided` says that the door is
# RunSAILERX(), and `guide` what it has from the RNA (new_guide()).
fit_cells <- function(cells, batch, covariates, resume, own, ...,
                      guided = FALSE, guide = NULL,
                      call = rlang::caller_env()) {
  if (goes_on(resume)) {
    if (rlang::is_true(resume)) resume <- own()
    check_door(resume, guided, call)
    fit <- resume_cells(resume, cells, ...)
  } else if (is.null(guide)) {
    fit <- sailer(cells, batch = batch, covariates = covariates, ...)
  } else {
    fit <- align_cells(
      cells, guide, batch = batch, covariates = covariates, ...
    )
  }
  complete_embedding(fit, cells)
}

# Before anything is read or computed: the options of `model`, or of resume().
# What is among them goes through `...` to fit_cells() and on from there.
check_fit_options <- function(options, resume, model,
                              call = rlang::caller_env()) {
  known <- if (goes_on(resume)) {
    c(names(formals(train_control)), "control")
  } else {
    setdiff(names(formals(model)), c("x", "reference", "..."))
  }
  check_options(options, known, call)
}

goes_on <- function(resume) !is.null(resume) && !rlang::is_false(resume)

# What is gone on with must be of the model that the door is of.
check_door <- function(from, guided, call) {
  found <- if (inherits(from, "sailer_fit")) {
    inherits(from, "sailerx_fit")
  } else {
    !is.null(read_plan(checkpoint_folder(from, call))$reference)
  }
  if (found == guided) {
    return(invisible(TRUE))
  }
  name <- function(is_guided) if (is_guided) "SAILERX" else "SAILER"
  door <- paste0("Run", name(found))
  abort(
    c(
      "{.arg resume} is a training of {name(found)}, not of {name(guided)}.",
      i = "{.fn {door}} goes on with it."
    ),
    call = call
  )
}

# Depths that the user gives come before those of the object.
align_cells <- function(cells, guide, ..., rna_depth = guide$depth) {
  sailerx(cells, guide$reference, rna_depth = rna_depth, ...)
}

# Options of training may come one by one or as `control`.
resume_cells <- function(from, cells, ..., control = NULL,
                         call = rlang::caller_env()) {
  if (!is.null(control)) {
    abort(
      c(
        "{.arg control} is not taken when a training goes on.",
        i = "Name the options to change themselves, such as
             {.code learning_rate = 1e-4}: see {.fn resume}."
      ),
      call = call
    )
  }
  resume(from, cells, ...)
}

# After an interruption the cells may not be embedded yet: done now, unless
# interrupted once more. Then the fit goes without.
complete_embedding <- function(fit, cells) {
  if (is.null(fit$embedding)) {
    cli::cli_inform(
      c(i = "Embedding the {length(fit$cells)} cells with the fit so far."),
      class = "sailer_note"
    )
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
  door <- if (inherits(fit, "sailerx_fit")) "RunSAILERX" else "RunSAILER"
  again <- if (inherits(fit, "expresser_fit")) {
    "resume(get_fit(object), object)"
  } else {
    paste0(door, "(object, resume = TRUE)")
  }
  cli::cli_warn(
    c(
      "The cells were not embedded: the object has the fit, but no embedding.",
      i = "{.fn get_fit} finds it; {.code {again}} goes on with it."
    ),
    class = "sailer_interrupted"
  )
}
