# A plan: everything that a training run needs besides the counts. It is made
# once and kept in the checkpoint folder and, in part, in the fit, so that the
# run can be resumed.

new_plan <- function(call, options, control, cells, layout, depth, confounders,
                     device) {
  list(
    call = short_call(call), options = options, control = control,
    origin = cells$origin, peaks = layout$peaks,
    chromosomes = layout$chromosomes, group_sizes = layout$group_sizes,
    frequencies = layout$frequencies, n_peaks_given = layout$n_given,
    cells = cells$cells, depth = stats::setNames(depth, cells$cells),
    confounders = confounders[c("labels", "numbers")],
    batches = confounders$batches, reference = NULL, device = device
  )
}

# Returns the plan of a fit whose training can continue; throws if it cannot.
plan_of_fit <- function(fit) {
  if (is.null(fit$progress)) {
    control <- class(fit$control)[1]
    abort(c(
      "The training of this fit {fit$status}, so it cannot be continued.",
      i = "Only interrupted fits can be continued. To train a finished
           one further, set {.arg checkpoint} in {.fn {control}} and resume from
           that folder with more {.arg epochs}."
    ))
  }
  if (inherits(fit, "expresser_fit")) {
    return(c(list(model = "expresser"), fit[c(
      "call", "options", "control", "genes", "sources", "n_cells", "n_nonzeros",
      "fingerprint", "device"
    )]))
  }
  c(
    fit[c(
      "call", "options", "control", "origin", "peaks", "chromosomes",
      "group_sizes", "frequencies", "n_peaks_given", "batches", "device"
    )],
    fit$progress[c("cells", "depth", "confounders", "reference")]
  )
}

# Joins the other processes, if any, and writes the plan to the checkpoint
# folder. Returns list(run = what the core's trainer takes; device; first =
# whether this is the first process; processes = their number). `n_cells`:
# number of cells in the run.
prepare_training <- function(plan, state, n_cells) {
  control <- plan$control
  folder <- control$checkpoint
  processes <- join_processes(control, plan$device)
  first <- processes$rank == 0
  if (first && control$verbose) {
    note_slow_blas(processes$device)
    if (is.null(state)) note_start(plan, n_cells)
  }
  if (!is.null(folder) && first) {
    tell_others_of_failure(write_plan(plan, folder))
  }
  run <- list(
    checkpoint = if (is.null(folder)) "" else state_file(folder),
    every = control$every, state = state, folder = tempdir(),
    together = processes$size > 1
  )
  list(
    run = run, device = processes$device, first = first,
    processes = processes$size
  )
}

# Announces a start that may take minutes before the first progress is reported.
note_start <- function(plan, n_cells) {
  cold <- isFALSE(plan$options$warm_start) ||
    identical(plan$options$token_start, "random") || !is.null(plan$initial)
  if (n_cells >= 50000 && !cold) {
    note("Computing starting values for training from {big(n_cells)} cells with
          the linear method; this can take minutes.")
  }
}

# Trains as planned, from the start or from `state`, and returns the fit. `map`:
# index in the model of each feature of `cells`.
run_plan <- function(plan, cells, map, state = NULL,
                     report = progress_reporter(plan$control$verbose)) {
  prepared <- prepare_training(plan, state, ncol(cells))
  plan[c("device", "processes")] <- prepared[c("device", "processes")]
  trained <- with_threads(
    plan$control$threads,
    tell_others_of_failure(core_sailer_train(
      cells$source, map, plan$group_sizes, plan$frequencies,
      c(list(depth = as.numeric(plan$depth)), plan$confounders),
      plan$reference, current_options(plan$options),
      core_control(plan$control), plan$device, prepared$run,
      if (prepared$first) report
    ))
  )
  fit <- new_fit(trained, plan)
  report_end(trained, plan, fit)
  fit
}

# Warns if training did not end as planned. If the user interrupted it, the
# calling code is interrupted as well; see interrupt().
report_end <- function(trained, plan, fit) {
  done <- nrow(trained$history)
  folder <- plan$control$checkpoint
  if (nzchar(trained$unsaved)) warn_unsaved(trained, done, folder)
  if (nzchar(trained$lost)) {
    # Another process is gone or has failed, but this one has the same state.
    core_leave_processes("")
    cli::cli_warn(c(
      "Training ended after {done} whole epoch{?s}; the fit so far is
       returned.",
      x = "{trained$lost}",
      i = if (is.null(folder)) {
        "To continue it, save the fit, restart all processes and call
         {.code resume(fit, x)}."
      } else {
        "Restart all processes: the same call continues from the checkpoint in
         {.path {folder}}, and so does {.code resume({dQuote(folder, FALSE)},
         x)}."
      }
    ), class = "sailer_interrupted")
  } else if (trained$status == "interrupted" && !nzchar(trained$unsaved)) {
    interrupt(fit, c(
      "Training was interrupted after {done} whole epoch{?s}.",
      i = "{.code resume(fit, x)} continues with the fit so far."
    ))
  } else if (trained$status == "diverged") {
    report_divergence(trained, plan, done)
  } else if ("embedding" %in% names(trained) && is.null(trained$embedding)) {
    interrupt(fit, c(
      "Training finished, but embedding the cells was interrupted.",
      i = "{.code predict(fit, x)} embeds them."
    ))
  }
}

# Warns that a checkpoint could not be written, because the disk is full or the
# folder is gone. The fit so far is returned.
warn_unsaved <- function(trained, done, folder) {
  stopped <- trained$status == "interrupted"
  again <- paste0("resume(", dQuote(folder, FALSE), ", x)")
  cli::cli_warn(c(
    if (stopped) {
      "Training ended after {done} whole epoch{?s} because its checkpoint could
       not be written; the fit so far is returned."
    } else {
      "Training finished, but its last checkpoint could not be
       written."
    },
    x = as_literal(trained$unsaved),
    i = if (stopped) {
      "Free space in {.path {folder}}: {.code resume(fit, x)} then continues
       this fit, and {.code {again}} the previous checkpoint."
    } else {
      "The fit is complete; {.path {folder}} still has the previous checkpoint."
    }
  ), class = c("sailer_checkpoint_failed", if (stopped) "sailer_interrupted"))
}

# Throws if there is no good state to return; otherwise warns, and the fit is
# returned.
report_divergence <- function(trained, plan, done) {
  cells <- plan$cells[trained$diverged_cells]
  folder <- plan$control$checkpoint
  rate <- plan$control$learning_rate
  from <- if (is.null(folder)) "fit" else dQuote(folder, FALSE)
  again <- paste0("resume(", from, ", x, learning_rate = ", rate / 10, ")")
  found <- "The loss or a gradient was no longer finite in epoch
     {trained$diverged_epoch}, in the minibatch of {length(cells)} cell{?s}
     {few(cells)}."
  if (done == 0) {
    smaller <- if (!is.null(plan$options$omega)) {
      paste0(
        " or a smaller `omega` (it is ", signif(plan$options$omega, 3), ")"
      )
    }
    abort(c(
      found, i = "Try a smaller {.arg learning_rate} (it is {rate}){smaller}."
    ), class = "numeric", call = NULL)
  }
  cli::cli_warn(c(
    found,
    "Training stopped and went back to the last good state, after {done}
     epoch{?s}; that fit is returned.",
    i = "Continue with a smaller learning rate: {.code {again}}."
  ), class = "sailer_diverged")
}
