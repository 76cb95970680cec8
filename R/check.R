# Small checks of arguments, shared by all functions. Errors name the argument
# and say what was expected and what was found.

# Checks the type of `x`: `what` says, as cli text, what it must be.
must_be <- function(good, x, what, arg = rlang::caller_arg(x), hint = NULL) {
  abort_if(!good, c(
    paste0("{.arg {arg}} must be ", what, ", not {.obj_type_friendly {x}}."),
    i = hint
  ))
  invisible(x)
}

# Throws an error unless `x` is one of `words`.
must_be_among <- function(x, words, arg = rlang::caller_arg(x)) {
  words <- cli::cli_vec(words, list("vec-last" = " or ", "vec-sep2" = " or "))
  what <- cli::format_inline("{.val {words}}")
  must_be(rlang::is_string(x, words), x, as_literal(what), arg)
}

check_number <- function(x, arg = rlang::caller_arg(x), min = -Inf, max = Inf,
                         whole = FALSE) {
  if (are_numbers(x, min, max, whole = whole)) {
    return(invisible(x))
  }
  what <- if (whole) "a whole number" else "a number"
  range <- if (is.finite(min) && is.finite(max)) {
    paste(" from", min, "to", max)
  } else if (is.finite(min)) {
    paste(" of at least", min)
  } else if (is.finite(max)) {
    paste(" of at most", max)
  }
  found <- if (is.numeric(x) && length(x) == 1) {
    as.character(x)
  } else {
    cli::format_inline("{.obj_type_friendly {x}}")
  }
  abort("{.arg {arg}} must be {what}{range}, not {found}.")
}

# Whether `x` is finite numbers from `min` to `max`, of one of these lengths.
are_numbers <- function(x, min, max, lengths = 1, whole = FALSE) {
  is.numeric(x) && length(x) %in% lengths && all(is.finite(x)) &&
    all(x >= min & x <= max) && (!whole || all(x == round(x)))
}

# Converts `x` to a matrix of doubles. `what`, for the error: rows x columns.
as_numeric_matrix <- function(x, arg, what) {
  if (inherits(x, "Matrix") || is.data.frame(x)) x <- as.matrix(x)
  good <- is.numeric(x) && length(dim(x)) == 2 && min(dim(x)) > 0
  must_be(good, x, paste("a numeric matrix of", what), arg)
  storage.mode(x) <- "double"
  x
}

check_text <- function(value, name, null = FALSE) {
  if (null && is.null(value)) {
    return(invisible())
  }
  what <- if (null) "one string or NULL" else "one string"
  must_be(rlang::is_string(value), value, what, name)
  check_utf8(value, paste0("value of {.arg ", name, "}"))
}

check_flag <- function(x, arg = rlang::caller_arg(x)) {
  must_be(rlang::is_bool(x), x, "TRUE or FALSE", arg)
}

# Returns the names of a function's arguments, without those in `except`.
options_of <- function(fn, except = NULL) {
  setdiff(names(formals(fn)), c("...", except))
}

# Throws an error unless all options are named, by names that are known. The
# error says what was probably meant.
check_options <- function(options, known) {
  given <- names(options) %||% rep("", length(options))
  if (any(given == "")) abort("Options must be named.")
  unknown <- setdiff(given, known)
  if (length(unknown) == 0) {
    return(invisible(TRUE))
  }
  first <- unknown[1]
  word <- unname(other_words[gsub("[._]", "", tolower(first))])
  far <- utils::adist(first, known, ignore.case = TRUE)[1, ]
  near <- min(far) <= max(1, nchar(first) %/% 3)
  meant <- if (word %in% known) word else if (near) known[which.min(far)]
  abort(c(
    "There {cli::qty(unknown)}{?is/are} no option{?s} named {.arg {unknown}}.",
    i = if (!is.null(meant)) {
      "Did you mean {.arg {meant}}?"
    } else {
      "Known options are {.arg {setdiff(known, '...')}}."
    }
  ))
}

# What other packages call these options, without dots and underscores.
other_words <- c(
  lr = "learning_rate", wd = "weight_decay", nepochs = "epochs",
  maxepochs = "epochs", maxiter = "epochs", nthreads = "threads",
  numthreads = "threads", ncores = "threads", cores = "threads",
  seeduse = "seed", randomseed = "seed", randomstate = "seed",
  earlystopping = "patience", gpu = "device", ndims = "n_latent",
  dims = "n_latent", npcs = "n_latent"
)

# Throws an error for arguments in `...` that `fn` lacks: mostly misspelt names.
refuse_others <- function(others, fn) {
  known <- names(formals(fn))
  if (length(others) > 0 && !all(rlang::have_name(others))) {
    last <- known[max(1, match("...", known) - 1)]
    abort("Arguments after {.arg {last}} must be named.")
  }
  check_options(others, setdiff(known, "..."))
}
