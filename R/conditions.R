# Conditions of the package, and how they are signalled.

#' Errors, warnings and messages of sailer
#'
#' All can be caught by their class, as in `tryCatch(sailer(x),
#' sailer_data_error = function(e) NULL)`. Messages of errors name the argument,
#' file, cell or peak, and say what was expected and found, and what to do.
#'
#' Every error has the class `sailer_error` and one of these:
#' * `sailer_argument_error`: an argument or option that does not exist, is of
#'   the wrong type or out of its range, does not fit the cells or the model, or
#'   names what is not there (the nearest names are listed); a package that is
#'   needed and not installed; a result too large for memory.
#' * `sailer_data_error`: counts that are missing, infinite, negative or, of
#'   peaks, fractional; cells without an open peak; names that are missing or
#'   repeated; labels that are NA; peaks or genes that the model does not have;
#'   too few cells, peaks or genes.
#' * `sailer_file_error`: a file or folder that does not exist, exists already,
#'   is damaged, of another kind or of a newer version of sailer, or cannot be
#'   written; a checkpoint of another run.
#' * `sailer_device_error`: a GPU that is not there, or another LibTorch in the
#'   process.
#' * `sailer_numeric_error`: a loss or gradient that is not finite in the first
#'   epoch.
#' * `sailer_process_error`: processes that train together and do not meet in
#'   time, or of which another one fails before the first step.
#' * `sailer_memory_error`: LibTorch could not allocate memory.
#' * `sailer_internal_error`: a bug in sailer; please report it.
#'
#' Warnings have the classes `sailer_interrupted` ([get_fit()]),
#' `sailer_diverged`, `sailer_checkpoint_failed` and `sailer_batches_apart`
#' ([sailer()]); `sailer_assay` and `sailer_reference`, for an assay or a
#' reduction that looks like the wrong one; `sailer_summed`, for rows of one
#' name whose counts are summed ([build_corpus()]). Messages that report what
#' was found or decided have the class `sailer_note`.
#' @name sailer-conditions
NULL

#' Signal an error for people
#'
#' @param message Character vector in the form that [cli::cli_abort()] takes:
#'   the first element is the problem, elements named `"i"` say what to do.
#' @param class Kind of the error: `"argument"`, `"data"`, `"file"`, `"device"`,
#'   `"numeric"`, `"process"`, `"memory"` or `"internal"`.
#' @param call Environment of the function that the error is reported of.
#' @noRd
abort <- function(message, class = "argument", call = called_function(),
                  .envir = parent.frame()) {
  cli::cli_abort(
    message, class = c(paste0("sailer_", class, "_error"), "sailer_error"),
    call = call, .envir = .envir
  )
}

# The same where something is not as it must be.
abort_if <- function(bad, message, class = "argument", call = called_function(),
                     .envir = parent.frame()) {
  if (bad) abort(message, class, call, .envir)
}

# What the user called: the frame of the first function of this package on the
# stack, whatever it has called to check its arguments.
called_function <- function() {
  for (k in seq_len(sys.nframe())) {
    if (identical(environment(sys.function(k)), topenv())) {
      return(sys.frame(k))
    }
  }
}

# Evaluates `code`; an error of it is reported as the reason of `message`.
with_context <- function(message, code, .envir = parent.frame()) {
  tryCatch(code, sailer_error = function(cnd) {
    cli::cli_abort(
      message, class = grep("^sailer_", class(cnd), value = TRUE),
      call = called_function(), parent = cnd, .envir = .envir
    )
  })
}

# Messages of class "sailer_note", a line each: what was found or decided.
note <- function(lines, .envir = parent.frame()) {
  names(lines) <- names(lines) %||% rep("i", length(lines))
  cli::cli_inform(lines, class = "sailer_note", .envir = .envir)
}

# The first of many names, for a message.
few <- function(names, n = 3) {
  more <- length(names) > n
  commas <- if (more) list("vec-last" = ", ", "vec-sep2" = ", ") else list()
  shown <- cli::cli_vec(utils::head(names, n), commas)
  shown <- cli::format_inline("{.val {shown}}")
  paste0(shown, if (more) paste0(", ", cli::symbol$ellipsis))
}

# Evaluates `code`, without its notes where they are not wanted.
with_notes <- function(verbose, code) {
  if (verbose) code else suppressMessages(code, classes = "sailer_note")
}

# Finished text as a part of a message: braces in it are not to be interpolated.
as_literal <- function(text) {
  gsub("}", "}}", gsub("{", "{{", text, fixed = TRUE), fixed = TRUE)
}

# Called by the bindings (src/bindings/errors.h). The message is finished text:
# braces in it are not to be interpolated.
abort_from_core <- function(message, class) {
  rlang::abort(
    message, class = unique(c(class, "sailer_error")), call = called_function()
  )
}
