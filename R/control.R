# Training options. Their defaults, ranges and help are in the core
# (train_options.h); NULL stands for the default.

#' Training options
#'
#' These options can be given directly as arguments of [sailer()], [sailerx()],
#' [RunSAILER()] and [RunSAILERX()], as in `RunSAILER(object, epochs = 100)`, or
#' together as `control`. `NULL` selects the default given below.
#'
#' @eval option_params("training/train_options.h")
#' @param checkpoint Folder in which the run saves its state during training, so
#'   that [resume()], or the same call again, can continue after a crash. It is
#'   created if it does not exist. A checkpoint is replaced as a whole, so there
#'   is always a complete one, even if the run is killed while saving. It takes
#'   three times the size of the model, and twice that while it is replaced. If
#'   it can no longer be written, for example because the disk is full, training
#'   ends as if it had been interrupted, with a warning of class
#'   `sailer_checkpoint_failed`. NULL, the default, saves none.
#' @param every Number of epochs between checkpoints, above 0; a fraction such
#'   as 0.1 saves several per epoch. Default 1.
#' @param device `"auto"` (a GPU if LibTorch finds one), `"cpu"`, `"cuda"` (the
#'   first GPU) or a GPU by its number from 0, such as `"cuda:1"` for the
#'   second. If that GPU is not available, training stops with an error that
#'   says whether LibTorch was built without CUDA or what else is missing; see
#'   also [sailer_sitrep()].
#' @param threads Number of threads per operation on the CPU; NULL keeps
#'   LibTorch's choice (see [sailer_sitrep()]). A process forked from another R
#'   process (`parallel::mclapply()`, BiocParallel's `MulticoreParam`) always
#'   computes with one thread, with a message, and without the GPU if its parent
#'   has used it. With LibTorch 2, or a GPU, it cannot train at all once its
#'   parent has trained: this is a `sailer_process_error`. Processes started by
#'   `parallel::makePSOCKcluster()` and `SnowParam` have neither limitation.
#' @param verbose Whether to show progress: a bar in a terminal, occasional
#'   lines elsewhere. FALSE is silent.
#' @param processes `"auto"`: if this script was started in several processes at
#'   once, they train one model together (see below). `"none"`: each process
#'   trains its own model. Default `"auto"`.
#' @return An object of class `"train_control"`, a list of these options with
#'   the defaults filled in.
#' @section Several machines:
#' Start the same script several times, on one machine or several, with
#' `torchrun --no_python`, `mpirun` or `srun`: each process is given the same
#' cells and options, and together they train one model. `vignette("clusters")`
#' has scripts. It also explains what the number of processes changes, which
#' variables tell processes how to find each other, and what happens if one
#' fails.
#' @references Cao (2023), section 2.2.2.
#' @examples
#' train_control(epochs = 20, seed = 7)
#' @export
train_control <- function(epochs = NULL, batch_size = NULL,
                          learning_rate = NULL, learning_rate_decay = NULL,
                          weight_decay = NULL, warmup = NULL, period = NULL,
                          validation = NULL, patience = NULL, seed = NULL,
                          checkpoint = NULL, every = 1, precision = NULL,
                          device = "auto", threads = NULL, verbose = TRUE,
                          processes = "auto", steps = NULL, frozen = NULL) {
  new_control(as.list(environment()), core_train_options, "train_control")
}

# `check`: the core function that checks the options known to its models.
new_control <- function(options, check, class) {
  own <- check(given_options(core_control(options)))
  structure(c(own, check_run_options(options)), class = class)
}

# Returns the options of the core that were given, which the core will check. NA
# is an error: the core uses it for choices that are left open.
given_options <- function(given) {
  given <- given[!vapply(given, is.null, NA)]
  for (name in names(given)) {
    if (is.atomic(given[[name]]) && anyNA(given[[name]])) {
      abort("{.arg {name}} must not be NA.")
    }
  }
  given
}

# Checks the options of a run that the core's models do not know.
check_run_options <- function(options) {
  options <- options[run_options]
  if (!is.null(options$checkpoint)) {
    check_text(options$checkpoint, "checkpoint")
    # The core does not expand "~", and the working directory may change.
    options$checkpoint <- normalizePath(options$checkpoint, mustWork = FALSE)
  }
  check_number(options$every, "every", min = 1e-6)
  must_be(
    rlang::is_string(options$device), options$device, "a string", "device",
    "It is \"auto\", \"cpu\", \"cuda\" or a GPU number, counted from 0, such as
     \"cuda:1\" for the second. This machine has {.val {core_list_devices()}}."
  )
  core_check_device(options$device)
  if (!is.null(options$threads)) {
    check_number(options$threads, "threads", min = 1, max = 1024, whole = TRUE)
  }
  check_flag(options$verbose, "verbose")
  must_be_among(options$processes, c("auto", "none"), "processes")
  options
}

run_options <- c(
  "checkpoint", "every", "device", "threads", "verbose", "processes"
)

#' @export
print.train_control <- function(x, ...) {
  shown <- vapply(x, function(value) {
    if (is.null(value)) {
      "not set"
    } else if (is.na(value)) {
      "depends on the number of cells"
    } else {
      format(value)
    }
  }, character(1))
  cat("<", class(x)[1], ">\n", sep = "")
  cat(paste0("  ", format(names(x)), "  ", shown), sep = "\n")
  invisible(x)
}

# Returns a control made by train_control(), or by another function named
# `class`. Takes such a control, or a plain list of its options.
as_control <- function(control, class = "train_control") {
  if (inherits(control, class)) {
    return(control)
  }
  if (!rlang::is_bare_list(control)) {
    abort("{.arg control} must come from {.fn {class}}.")
  }
  make <- match.fun(class)
  check_options(control, names(formals(make)))
  # NA in a control stands for a choice that is left open.
  open <- vapply(control, function(value) {
    length(value) == 1 && is.atomic(value) && is.na(value)
  }, logical(1))
  do.call(make, control[!open])
}

# Splits options into list(training, others), the others being those of a model.
split_training <- function(options, make = train_control) {
  training <- rlang::names2(options) %in% names(formals(make))
  list(training = options[training], others = options[!training])
}

# Adds training options that were given among those of a model to `control`.
join_control <- function(control, given, class = "train_control") {
  control <- as_control(control, class)
  if (length(given) == 0) {
    return(control)
  }
  known <- utils::modifyList(unclass(control), given, keep.null = TRUE)
  as_control(known, class)
}

# Fills in what was left to the core (NA), for a number of cells and the options
# of a model.
resolve_control <- function(control, n_cells, options) {
  decided <- core_train_options(core_control(control), n_cells, options)
  control[names(decided)] <- decided
  control
}

# Replaces bf16 where it is not fast: it would be slower and less exact.
usable_precision <- function(control, device) {
  if (control$precision == "bf16" && !core_bf16_is_fast(device)) {
    cli::cli_warn(c(
      "{.val bf16} is not fast on this {if (device == 'cpu') 'processor' else
       'device'}: training uses {.val float32}.",
      i = "It needs AVX512-BF16 or AMX, or an Ampere or newer GPU."
    ), class = "sailer_note")
    control$precision <- "float32"
  }
  control
}

# Returns the options that the core's trainer reads. Runs of version 0.1.0 may
# also have the two options that are named here.
core_control <- function(control) {
  others <- c(run_options, "reconstruction", "sampled_share")
  control[setdiff(names(control), others)]
}

# Runs `code` with the given number of threads, and restores the old number. In
# a forked process the core always uses one thread, and a message says so once.
with_threads <- function(threads, code) {
  more <- is.null(threads) || threads > 1
  if (more && core_is_forked() && !identical(process$warned, Sys.getpid())) {
    process$warned <- Sys.getpid()
    note("This process was forked from another R process: sailer uses only one
          thread in it.")
  }
  if (!is.null(threads)) {
    old <- core_get_threads()
    on.exit(core_set_threads(old))
    core_set_threads(as.integer(threads))
  }
  code
}

process <- new.env(parent = emptyenv())
