# Runs `code`, lines of R, in a separate process and returns what it prints.
in_another_r <- function(code) {
  script <- withr::local_tempfile(fileext = ".R")
  libraries <- paste(deparse(.libPaths()), collapse = "")
  writeLines(c(sprintf(".libPaths(%s)", libraries), code), script)
  suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"), c("--vanilla", shQuote(script)),
    stdout = TRUE, stderr = TRUE
  ))
}

# The value of the expression `value` there after running `code`.
value_in_another_r <- function(code, value) {
  result <- withr::local_tempfile(fileext = ".rds")
  output <- in_another_r(
    c(code, sprintf("saveRDS(%s, %s)", value, deparse(result)))
  )
  testthat::expect_true(file.exists(result), info = output)
  readRDS(result)
}

# A line for such code: defines peak(), the process' peak memory in bytes.
peak_memory <- "peak <- function() {
  line <- grep('^VmHWM', readLines('/proc/self/status'), value = TRUE)
  as.numeric(gsub('[^0-9]', '', line)) * 1024
}"

# Starts `lines` of R and returns the process; its output goes to `log`.
start_child <- function(lines, log, envir = parent.frame()) {
  testthat::skip_on_os("windows")
  testthat::skip_if_not_installed("processx")
  script <- withr::local_tempfile(
    fileext = ".R", lines = lines, .local_envir = envir
  )
  libraries <- paste(.libPaths(), collapse = .Platform$path.sep)
  # A process that a shell starts with "&" ignores SIGINT, and newer versions of
  # R keep it ignored.
  command <- c(file.path(R.home("bin"), "Rscript"), script)
  listens <- c("--default-signal=INT", command)
  if (system2("env", c(listens[1], "true"), FALSE, FALSE) == 0) {
    command <- c("env", listens)
  }
  child <- processx::process$new(
    command[1], command[-1],
    stdout = log, stderr = "2>&1", env = c("current", R_LIBS = libraries)
  )
  withr::defer(child$kill(), envir = envir)
  child
}

# Waits until `log` has a line that matches `pattern`.
child_said <- function(log, pattern, seconds = 60) {
  for (k in seq_len(seconds * 10)) {
    if (file.exists(log) && any(grepl(pattern, readLines(log, warn = FALSE)))) {
      return(TRUE)
    }
    Sys.sleep(0.1)
  }
  FALSE
}

# The value of `code` in another R, in which Ctrl-C stopped it after it printed
# a line that matches `begun`: list(value, said = its output, by lines). `...`:
# named values that the code needs.
after_ctrl_c <- function(code, begun, ...) {
  code <- deparse(substitute(code))
  result <- withr::local_tempfile(fileext = ".rds")
  log <- withr::local_tempfile()
  given <- list(...)
  child <- start_child(c(
    sprintf("%s <- %s", names(given), vapply(given, deparse1, "")),
    "suppressMessages(library(sailer))", "value <-", code,
    sprintf("saveRDS(value, %s)", deparse(result)), 'cat("saved\n")'
  ), log)
  testthat::expect_true(child_said(log, begun))
  child$interrupt()
  testthat::expect_true(child_said(log, "saved"))
  list(value = readRDS(result), said = readLines(log, warn = FALSE))
}

# Waits until the child has saved a checkpoint in `folder` or has ended.
child_saved <- function(folder, child, seconds = 60) {
  for (k in seq_len(seconds * 20)) {
    state <- file.path(folder, "state.safetensors")
    if (file.exists(state) || !child$is_alive()) {
      return(invisible(TRUE))
    }
    Sys.sleep(0.05)
  }
  invisible(FALSE)
}
