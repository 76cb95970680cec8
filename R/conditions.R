# Conditions of the package, and how they are signalled.

#' Errors, warnings and messages of sailer
#'
#' All of them can be caught by class, as in `tryCatch(sailer(x),
#' sailer_data_error = function(e) NULL)`. Error messages name the argument,
#' file, cell or peak, what was expected, what was found, and what to do.
#'
#' Every error has the class `sailer_error` and one of these:
#' * `sailer_argument_error`: an argument or option that does not exist, is of
#'   the wrong type or out of range, does not fit the cells or the model, or
#'   names something that does not exist (the nearest names are listed); a
#'   required package that is not installed; a result too large for memory.
#' * `sailer_data_error`: counts that are missing, infinite, negative or, for
#'   peaks, fractional; cells without an open peak; names that are missing or
#'   repeated; labels that are NA; peaks or genes that the model does not have;
#'   too few cells, peaks or genes.
#' * `sailer_file_error`: a file or folder that does not exist, exists already,
#'   is damaged, is of another kind or from a newer version of sailer, or cannot
#'   be written; a checkpoint of another run.
#' * `sailer_device_error`: a GPU that is not available, or another LibTorch in
#'   the process.
#' * `sailer_numeric_error`: a loss or gradient that is not finite in the first
#'   epoch.
#' * `sailer_process_error`: processes that train together do not find each
#'   other in time, or one of the others fails before the first step; a forked
#'   process that cannot train ([train_control()]).
#' * `sailer_memory_error`: LibTorch could not allocate memory.
#' * `sailer_internal_error`: a bug in sailer; please report it.
#'
#' Warnings have the classes `sailer_interrupted` ([get_fit()]),
#' `sailer_diverged`, `sailer_checkpoint_failed` and `sailer_batches_apart`
#' ([sailer()]); `sailer_assay` and `sailer_reference`, for an assay or a
#' reduction that looks like the wrong one; `sailer_summed`, for rows with the
#' same name, whose counts are summed ([build_corpus()]). Messages that report
#' what was found or decided have the class `sailer_note`.
#' @name sailer-conditions
NULL

#' Signal an error to the user
#'
#' @param message Character vector in the form that [cli::cli_abort()] takes:
#'   the first element is the problem, elements named `"i"` say what to do.
#' @param class Kind of the error: `"argument"`, `"data"`, `"file"`, `"device"`,
#'   `"numeric"`, `"process"`, `"memory"` or `"internal"`.
#' @param call Environment of the function for which the error is reported.
#' @noRd
abort <- function(message, class = "argument", call = called_function(),
                  .envir = parent.frame()) {
  cli::cli_abort(
    message, class = c(paste0("sailer_", class, "_error"), "sailer_error"),
    call = call, .envir = .envir
  )
}

# Calls abort() if `bad`.
abort_if <- function(bad, message, class = "argument", call = called_function(),
                     .envir = parent.frame()) {
  if (bad) abort(message, class, call, .envir)
}

# Returns the frame of the function that the user called: the first function of
# this package on the stack, not the one that checks its arguments.
called_function <- function() {
  for (k in seq_len(sys.nframe())) {
    if (identical(environment(sys.function(k)), topenv())) {
      return(sys.frame(k))
    }
  }
}

# Evaluates `code`; an error in it becomes the cause of an error with `message`.
with_context <- function(message, code, .envir = parent.frame()) {
  tryCatch(code, sailer_error = function(cnd) {
    cli::cli_abort(
      message, class = grep("^sailer_", class(cnd), value = TRUE),
      call = called_function(), parent = cnd, .envir = .envir
    )
  })
}

# Emits a message of class "sailer_note", one bullet per line.
note <- function(lines, .envir = parent.frame()) {
  names(lines) <- names(lines) %||% rep("i", length(lines))
  cli::cli_inform(lines, class = "sailer_note", .envir = .envir)
}

# Formats the first of many names, for a message.
few <- function(names, n = 3) {
  more <- length(names) > n
  commas <- if (more) list("vec-last" = ", ", "vec-sep2" = ", ") else list()
  shown <- cli::cli_vec(utils::head(names, n), commas)
  shown <- cli::format_inline("{.val {shown}}")
  paste0(shown, if (more) paste0(", ", cli::symbol$ellipsis))
}

# Evaluates `code`, without its notes unless `verbose`.
with_notes <- function(verbose, code) {
  if (verbose) code else suppressMessages(code, classes = "sailer_note")
}

# Escapes braces of finished text, so that a message does not interpolate them.
as_literal <- function(text) {
  gsub("}", "}}", gsub("{", "{{", text, fixed = TRUE), fixed = TRUE)
}

# Called by the bindings (src/bindings/errors.h). The message is finished text,
# whose braces must not be interpolated.
abort_from_core <- function(message, class) {
  rlang::abort(
    message, class = unique(c(class, "sailer_error")), call = called_function()
  )
}
