# Runs the tests for R CMD check. A test that calls something deprecated fails.
# If the environment variable SAILER_TEST_REPORT names a file, the numbers of
# passed, failed and skipped tests are appended to it (tools/test sums them up).
library(testthat)
library(sailer)

# Matrix does not report its deprecated coercions by default.
options(Matrix.warnDeprecatedCoerce = 1)

results <- test_dir(
  "testthat",
  package = "sailer", reporter = check_reporter(),
  load_package = "installed", stop_on_failure = FALSE
)

# The deprecation warnings of a test, except those that lifecycle attributes to
# another package's calls.
deprecations <- function(test) {
  warnings <- Filter(
    function(result) inherits(result, "expectation_warning"), test$results
  )
  messages <- vapply(warnings, conditionMessage, "")
  own <- !grepl("likely used in the [^ ]+ package", gsub("\\s+", " ", messages))
  messages[own & grepl("deprecated|defunct", messages)]
}
deprecated <- lapply(results, deprecations)

tests <- as.data.frame(results)
failed <- tests$failed > 0 | tests$error | lengths(deprecated) > 0
skipped <- tests$skipped & !failed

cat("Slowest tests, in seconds:\n")
slowest <- head(tests[order(-tests$real), ], 20)
cat(sprintf("%6.1f  %s: %s\n", slowest$real, slowest$file, slowest$test),
    sep = "")

report <- Sys.getenv("SAILER_TEST_REPORT")
if (nzchar(report)) {
  counts <- c(sum(!failed & !skipped), sum(failed), sum(skipped))
  cat(counts, "testthat\n", file = report, append = TRUE)
}
if (any(failed)) {
  writeLines(unique(unlist(deprecated)))
  stop("Tests failed: ", paste(unique(tests$test[failed]), collapse = "; "))
}
