# Progress of training: a bar if the terminal can draw one, otherwise (logs,
# notebooks) a line for every tenth of the epochs, and nothing if not wanted.

progress_reporter <- function(verbose, envir = parent.frame()) {
  if (!verbose) {
    return(NULL)
  }
  if (cli::is_dynamic_tty()) bar_reporter(envir) else line_reporter()
}

bar_reporter <- function(envir) {
  bar <- NULL
  function(p) {
    # Everything must fit into 80 columns.
    extra <- list(
      epoch = paste0(p$epoch, "/", p$epochs), text = describe_progress(p, TRUE)
    )
    if (is.null(bar)) {
      bar <<- cli::cli_progress_bar(
        total = p$epochs * p$cells, clear = TRUE, .envir = envir, extra = extra,
        format = "{cli::pb_extra$epoch} {cli::pb_bar} {cli::pb_extra$text}"
      )
    }
    cli::cli_progress_update(
      set = (p$epoch - 1) * p$cells + p$done, id = bar, .envir = envir,
      extra = extra, force = TRUE
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

# Returns the loss, speed and time left as text and, unless `brief`, the parts
# of the loss, but not the alignment, which only SAILERX has. Small losses get
# more digits.
describe_progress <- function(p, brief = FALSE) {
  number <- if (abs(p$loss) < 10) "%.3f" else "%.1f"
  parts <- p$parts[!brief & names(p$parts) != "alignment"]
  parts <- paste(names(parts), sprintf(number, parts), collapse = ", ")
  paste0(
    "loss ", sprintf(number, p$loss),
    if (nzchar(parts)) paste0(" (", parts, ")"),
    "  ", big(round(p$speed)), " cells/s  ", format_seconds(p$seconds_left),
    if (!brief) " left"
  )
}

# Returns a function that draws a bar; NULL if not `verbose`, or if the terminal
# cannot draw one.
pass_reporter <- function(what, n_cells, verbose = TRUE,
                          envir = parent.frame()) {
  if (verbose && cli::is_dynamic_tty()) {
    bar <- cli::cli_progress_bar(
      what, total = n_cells, clear = TRUE, .envir = envir
    )
    function(p) {
      cli::cli_progress_update(
        set = p$done, id = bar, .envir = envir, force = TRUE
      )
      NULL
    }
  }
}

format_seconds <- function(seconds) {
  unit <- if (seconds < 90) "s" else if (seconds < 5400) "min" else "h"
  size <- c(s = 1, min = 60, h = 3600)[[unit]]
  paste(round(seconds / size, unit == "h"), unit)
}
