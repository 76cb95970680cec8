# Conditions of the package: every error has the class "sailer_error" and one
# that says its kind, so that callers can catch what they can handle.

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

# What the user called: the frame of the first function of this package on the
# stack, whatever it has called to check its arguments.
called_function <- function() {
  for (k in seq_len(sys.nframe())) {
    if (identical(environment(sys.function(k)), topenv())) {
      return(sys.frame(k))
    }
  }
}

# Evaluates `code`, whose errors are reported as what `message` is due to.
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

# Finished text as a part of a message: braces in it are not to be interpolated.
as_literal <- function(text) {
  gsub("}", "}}", gsub("{", "{{", text, fixed = TRUE), fixed = TRUE)
}

# Called by the bindings (src/bindings/errors.h). The message is finished text:
# braces in it are not to be interpolated.
abort_from_core <- function(message, class) {
  rlang::abort(message, class = unique(c(class, "sailer_error")), call = NULL)
}
