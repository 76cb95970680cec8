# Checkpoints: a folder with `run.safetensors`, the plan of the run, written
# once, and `state.safetensors`, which the core replaces atomically during
# training. sailer 0.1.0 wrote `run.h5` and `state.h5` instead.

run_file <- function(folder) file.path(folder, "run.safetensors")
state_file <- function(folder) file.path(folder, "state.safetensors")

# Returns the path of a file in this or the older format; NULL if there is none.
either_file <- function(file) {
  found <- Filter(file.exists, c(file, sub("safetensors$", "h5", file)))
  if (length(found) > 0) found[1]
}

has_checkpoint <- function(folder) !is.null(either_file(run_file(folder)))

write_plan <- function(plan, folder) {
  if (!dir.exists(folder)) {
    made <- suppressWarnings(dir.create(folder, recursive = TRUE))
    abort_if(!made, c(
      "The checkpoint folder {.path {folder}} could not be created.",
      i = "Is the parent folder writable?"
    ), class = "file", call = NULL)
  }
  plan["call"] <- list(plain_call(plan$call))
  write_values(run_file(folder), "training run", plan)
}

read_plan <- function(folder) {
  plan <- read_values(either_file(run_file(folder)), "training run")
  plan$control["checkpoint"] <- list(folder)
  plan
}

# Trains, or resumes if the folder holds a checkpoint of the same run. One of
# another run is an error, so that nothing trained is ever overwritten. `...`:
# other arguments of run_plan() or, for Expresser, of run_pretraining().
begin_or_continue <- function(plan, ...) {
  folder <- plan$control$checkpoint
  run <- if (is_pretraining(plan)) run_pretraining else run_plan
  # With several processes, the first looks, and sends its state to the others.
  if (is.null(folder) || !is_first_process(plan$control) ||
        !has_checkpoint(folder)) {
    return(run(plan, ...))
  }
  saved <- read_plan(folder)
  if (!is_pretraining(plan)) {
    plan$confounders <- with_levels_of(plan$confounders, saved$confounders)
  }
  different <- differences(saved, plan)
  abort_if(length(different) > 0, c(
    "{.path {folder}} holds the checkpoint of another run: it differs in
     {.field {different}}.",
    i = "Set {.arg checkpoint} to another folder, delete this one, or
         continue that run: {.code resume({dQuote(folder, FALSE)}, x)}."
  ), class = "file")
  note("Continuing from the checkpoint in {.path {folder}}.")
  run(plan, ..., state = saved_state(folder))
}

is_pretraining <- function(plan) identical(plan$model, "expresser")

# Returns a path or tensors; NULL if nothing was saved: the run starts again.
saved_state <- function(folder) {
  file <- either_file(state_file(folder))
  if (!is.null(file) && is_format1(file)) {
    return(core_read_format1(file, "training state"))
  }
  file
}

# Returns the names of what affects the result and differs between two plans.
differences <- function(old, new) {
  same <- function(a, b) {
    isTRUE(all.equal(a, b, check.attributes = FALSE, tolerance = 1e-12))
  }
  by_name <- function(a, b, names) {
    names[!vapply(names, function(n) same(a[[n]], b[[n]]), logical(1))]
  }
  c(
    by_name(old, new, c(
      "model", "cells", "peaks", "depth", "confounders", "reference", "genes",
      "fingerprint", "initial"
    )),
    by_name(old$options, new$options, names(new$options)),
    by_name(
      old$control, new$control, setdiff(names(new$control), resumable_options)
    )
  )
}

# Options that may change when a run is resumed.
resumable_options <- c(
  "epochs", "learning_rate", "learning_rate_decay", "weight_decay", "patience",
  "token_budget", "final_share", "clip", "precision", "checkpoint", "every",
  "device", "threads", "verbose", "processes"
)

#' Resume training
#'
#' Continues a training run that was interrupted (Ctrl-C), killed, or ended
#' because the loss was no longer finite. With the same options, machine and
#' number of threads, the result is identical, bit for bit, to that of an
#' uninterrupted run.
#'
#' A run with `train_control(checkpoint = )` also continues if the same call of
#' [sailer()], [RunSAILER()] or [expresser()] is repeated, for example when a
#' job is resubmitted.
#'
#' @param from A fit whose training was interrupted, or a checkpoint folder
#'   ([train_control()]). A finished run can be trained further from its folder
#'   with more `epochs`.
#' @param x The counts used for training, in any form that [sailer()] accepts:
#'   the same cells in the same order. Peaks are matched by name. Batch and
#'   covariates were saved with the run. For [expresser()], the same corpus, or
#'   the data from which it was made.
#' @param ... Options of [train_control()] to change: `epochs`, `learning_rate`,
#'   `learning_rate_decay`, `weight_decay`, `patience`, `precision`,
#'   `checkpoint`, `every`, `device`, `threads`, `verbose`, `processes`. For
#'   [expresser()], options of [pretrain_control()] to change: `epochs` and
#'   `final_share`, which determine the remaining step sizes, `token_budget`,
#'   `clip`, and any of the above that it also has. Other options cannot be
#'   changed.
#' @return An object of class `"sailer_fit"` or `"expresser_fit"`.
#' @references Cao (2023), section 2.2.2, for the training.
#' @examples
#' sim <- simulate_atac(n_cells = 100, n_peaks = 300, n_types = 2, seed = 1)
#' folder <- tempfile("checkpoint-")
#' fit <- sailer(sim$counts,
#'   hidden = 16,
#'   control = train_control(epochs = 2, checkpoint = folder, verbose = FALSE)
#' )
#' longer <- resume(folder, sim$counts, epochs = 4)
#' nrow(longer$history)
#' @export
resume <- function(from, x, ...) {
  check_one_libtorch(libtorch_record()$folder)
  if (missing(x)) {
    abort("{.arg x} is missing: give the counts that the model was trained on.")
  }
  if (inherits(from, c("sailer_fit", "expresser_fit"))) {
    plan <- plan_of_fit(from)
    state <- from$progress
    if (inherits(from, "sailer_fit")) state <- state$state
  } else {
    folder <- checkpoint_folder(from)
    plan <- read_plan(folder)
    state <- saved_state(folder)
  }
  plan$control <- change_control(plan, list(...))
  plan$device <- core_choose_device(plan$control$device)
  plan$control <- usable_precision(plan$control, plan$device)
  if (is_pretraining(plan)) {
    return(resume_pretraining(plan, x, state))
  }
  cells <- check_counts(
    as_cells(x), min_cells_of_a_model,
    folder = store_folder(plan$control$checkpoint)
  )$cells
  map <- match_plan(cells, plan)
  run_plan(plan, cells, map, state)
}

checkpoint_folder <- function(from) {
  what <- "a fit of {.fn sailer} or a checkpoint folder"
  must_be(rlang::is_string(from), from, what)
  if (!has_checkpoint(from)) {
    found <- if (dir.exists(from)) {
      "{.path {from}} holds no checkpoint: it has no
       {.file run.safetensors}."
    } else {
      "There is no folder {.path {from}}."
    }
    abort(c(
      found,
      i = "Give the folder that was set as {.arg checkpoint}."
    ), class = "file")
  }
  normalizePath(from)
}

change_control <- function(plan, changes) {
  abort_if(!is.null(changes$control), c(
    "{.arg control} is not used when training is resumed.",
    i = "Give the options to change as arguments, such as
         {.code learning_rate = 1e-4}: see {.fn resume}."
  ))
  changes$control <- NULL
  make <- if (is_pretraining(plan)) pretrain_control else train_control
  check_options(changes, names(formals(make)))
  fixed <- setdiff(names(changes), resumable_options)
  abort_if(length(fixed) > 0, c(
    "{.arg {fixed}} cannot be changed when training is resumed.",
    i = "{cli::qty(fixed)}{?It has/They have} already affected the training;
         start a new run."
  ))
  old <- unclass(plan$control)
  old[names(changes)] <- changes
  # Older runs lack the newest options.
  known <- intersect(names(formals(make)), names(old))
  do.call(make, old[known])
}

# Checks that `cells` are those of the plan, and finds its peaks among theirs.
match_plan <- function(cells, plan) {
  given <- cells$cells
  trained <- plan$cells
  strange <- setdiff(given, trained)
  abort_if(!identical(given, trained), c(
    "{.arg x} does not have the cells that the model was trained on.",
    x = if (setequal(given, trained)) {
      "The cells are the same, but in another order."
    } else {
      "It has {length(given)} cells; the model was trained on
       {length(trained)}{if (length(strange) > 0)
       paste0(', not including ', strange[1])}."
    },
    i = "Give the same counts as in the call to {.fn sailer}."
  ), class = "data")
  map <- match_peaks(cells, plan$peaks, "x")
  depth <- core_depth_within(cells$source, !is.na(map))
  first <- which(depth != plan$depth)[1]
  abort_if(!is.na(first), c(
    "{.arg x} does not have the counts that the model was trained on: cell
     {.val {trained[first]}} has {depth[first]} open peaks of the model; it had
     {plan$depth[first]}.",
    i = "Give the same counts as in the call to {.fn sailer}."
  ), class = "data")
  map
}
