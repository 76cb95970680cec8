# Small checks of arguments, shared by all porches. Each names the argument,
# says what was expected and what was found.

check_number <- function(x, arg = rlang::caller_arg(x), min = -Inf, max = Inf,
                         whole = FALSE, call = rlang::caller_env()) {
  if (is_number_within(x, min, max) && (!whole || x == round(x))) {
    return(invisible(x))
  }
  what <- if (whole) "a whole number" else "a number"
  range <- c(
    if (is.finite(min)) paste("of at least", min),
    if (is.finite(max)) paste("of at most", max)
  )
  range <- if (length(range)) paste0(" ", paste(range, collapse = " and "))
  found <- if (is.numeric(x) && length(x) == 1) {
    as.character(x)
  } else {
    cli::format_inline("{.obj_type_friendly {x}}")
  }
  abort("{.arg {arg}} must be {what}{range}, not {found}.", call = call)
}

is_number_within <- function(x, min, max) {
  is.numeric(x) && length(x) == 1 && is.finite(x) && x >= min && x <= max
}

check_flag <- function(x, arg = rlang::caller_arg(x),
                       call = rlang::caller_env()) {
  if (!rlang::is_bool(x)) {
    abort("{.arg {arg}} must be TRUE or FALSE.", call = call)
  }
  invisible(x)
}

# Options given as a list: all named, by names that are known.
check_options <- function(options, known, call = rlang::caller_env()) {
  check_option_names(
    names(options) %||% rep("", length(options)), known, call
  )
}

# Refuses names that no option has, with the nearest that one has.
check_option_names <- function(given, known, call = rlang::caller_env()) {
  unknown <- setdiff(given, known)
  if (length(given) > 0 && (is.null(given) || any(given == ""))) {
    abort("Options must be named.", call = call)
  }
  if (length(unknown) == 0) {
    return(invisible(TRUE))
  }
  name <- unknown[1]
  distance <- utils::adist(name, known, ignore.case = TRUE)[1, ]
  nearest <- known[which.min(distance)]
  hint <- if (min(distance) <= 3) {
    "Did you mean {.arg {nearest}}?"
  } else {
    "Known options are {.arg {known}}."
  }
  abort(c("There is no option named {.arg {name}}.", i = hint), call = call)
}
