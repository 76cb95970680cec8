# Runs the tests for R CMD check. Where the environment variable
# SAILER_TEST_REPORT names a file, the numbers of tests that passed, failed and
# were skipped are added to it (tools/test sums them up).
library(testthat)
library(sailer)

results <- test_dir(
  "testthat",
  package = "sailer", reporter = check_reporter(),
  load_package = "installed", stop_on_failure = FALSE
)

tests <- as.data.frame(results)
failed <- tests$failed > 0 | tests$error
skipped <- tests$skipped & !failed

report <- Sys.getenv("SAILER_TEST_REPORT")
if (nzchar(report)) {
  counts <- c(sum(!failed & !skipped), sum(failed), sum(skipped))
  cat(counts, "testthat\n", file = report, append = TRUE)
}
if (any(failed)) {
  stop("Tests failed: ", paste(unique(tests$test[failed]), collapse = "; "))
}
