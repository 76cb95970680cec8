# Progress of training: a bar where the terminal can draw one, a line for every
# tenth of the epochs elsewhere (logs, notebooks), nothing when not asked for.

progress_reporter <- function(verbose, envir = parent.frame()) {
  if (!verbose) {
    return(NULL)
  }
  if (cli::is_dynamic_tty()) bar_reporter(envir) else line_reporter()
}

bar_reporter <- function(envir) {
  bar <- NULL
  function(p) {
    # Read by the bar's format, in this frame.
    extra <- describe_progress(p)
    epoch <- paste0(p$epoch, "/", p$epochs)
    if (is.null(bar)) {
      bar <<- cli::cli_progress_bar(
        total = p$epochs * p$cells, clear = TRUE, .envir = envir,
        format = paste(
          "Epoch {cli::pb_extra$epoch} {cli::pb_bar}", "{cli::pb_extra$text}"
        ),
        extra = list(epoch = epoch, text = extra)
      )
    }
    cli::cli_progress_update(
      set = (p$epoch - 1) * p$cells + p$done, id = bar, .envir = envir,
      extra = list(epoch = epoch, text = extra), force = TRUE
    )
    NULL
  }
}

line_reporter <- function() {
  last <- 0
  function(p) {
    every <- max(1, p$epochs %/% 10)
    due <- p$epoch == 1 || p$epoch %% every == 0 || p$epoch == p$epochs
    if (p$done >= p$cells && due && p$epoch > last) {
      last <<- p$epoch
      message("Epoch ", p$epoch, "/", p$epochs, "  ", describe_progress(p))
    }
    NULL
  }
}

# The loss with its parts. Small losses have more digits. (Of SAILER's
# parts the alignment is that of SAILERX alone, and is not shown.)
describe_progress <- function(p) {
  number <- if (abs(p$loss) < 10) "%.3f" else "%.1f"
  parts <- p$parts[names(p$parts) != "alignment"]
  shown <- paste(names(parts), sprintf(number, parts), collapse = ", ")
  paste0(
    "loss ", sprintf(number, p$loss),
    if (length(parts) > 0) paste0(" (", shown, ")"),
    "  ", big(round(p$speed)), " cells/s  ",
    format_seconds(p$seconds_left), " left"
  )
}

# A bar, if wanted, where a terminal can draw one.
pass_reporter <- function(what, n_cells, verbose = TRUE,
                          envir = parent.frame()) {
  if (!verbose || !cli::is_dynamic_tty()) {
    return(NULL)
  }
  bar <- cli::cli_progress_bar(
    what, total = n_cells, clear = TRUE, .envir = envir
  )
  function(p) {
    cli::cli_progress_update(set = p$done, id = bar, .envir = envir)
    NULL
  }
}

format_seconds <- function(seconds) {
  if (seconds < 90) {
    paste(round(seconds), "s")
  } else if (seconds < 5400) {
    paste(round(seconds / 60), "min")
  } else {
    paste(round(seconds / 3600, 1), "h")
  }
}
