# Runs `code`, lines of R, in a process of its own and returns what it prints.
in_another_r <- function(code) {
  script <- withr::local_tempfile(fileext = ".R")
  libraries <- paste(deparse(.libPaths()), collapse = "")
  writeLines(c(sprintf(".libPaths(%s)", libraries), code), script)
  suppressWarnings(system2(
    file.path(R.home("bin"), "Rscript"), c("--vanilla", shQuote(script)),
    stdout = TRUE, stderr = TRUE
  ))
}
