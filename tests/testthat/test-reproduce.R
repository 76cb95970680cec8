# How reproduce.R judges claims and writes its report.

benchmarks <- function(...) {
  own <- new.env(parent = globalenv())
  for (file in c(...)) {
    path <- system.file("benchmarks", file, package = "sailer")
    sys.source(path, own)
  }
  own
}

# ARI of our method and two rivals for three seeds; one does not depend on the
# seed.
rows_of <- function(ours, rival, fixed = NULL) {
  seeds <- seq_along(ours)
  rows <- data.frame(
    data = "cells", measure = "ARI",
    method = rep(c("ours", "rival"), each = length(seeds)),
    value = c(ours, rival), seed = rep(seeds, 2)
  )
  if (!is.null(fixed)) {
    rows <- rbind(rows, data.frame(
      data = "cells", measure = "ARI", method = "fixed", value = fixed,
      seed = NA
    ))
  }
  rows
}

test_that("a claim holds if the interval of the difference supports it", {
  claims <- benchmarks("claims.R")
  verdict <- function(..., lower = FALSE) {
    claim <- claims$claim("c", "ARI", "ours", c("rival", "fixed"), lower)
    claims$judge(claim, rows_of(...))$verdict
  }
  expect_identical(verdict(c(.7, .71, .72), c(.5, .5, .53)), "holds")
  expect_identical(
    verdict(c(.7, .71, .72), c(.5, .5, .53), lower = TRUE), "does not hold"
  )
  # The mean is higher, but the differences are .1, .4 and -.1.
  expect_identical(verdict(c(.6, .9, .4), c(.5, .5, .5)), "undecided")
  # By hand: mean .1, sd .01, 4.303 * .01 / sqrt(3) = .0248.
  claim <- claims$claim("c", "ARI", "ours", "rival")
  judged <- claims$judge(claim, rows_of(c(.60, .61, .62), c(.51, .51, .51)))
  expect_match(judged$evidence, "better by .100 ± .025 (95 %, 3 seeds)",
               fixed = TRUE)
  # The best rival counts, even if it does not depend on the seed.
  expect_identical(
    verdict(c(.7, .71, .72), c(.5, .5, .53), fixed = .8), "does not hold"
  )
  expect_identical(verdict(.7, .6), "one seed: in favour")
  expect_identical(verdict(.5, .6), "one seed: against")
})

test_that("a claim without rows is not measured", {
  claims <- benchmarks("claims.R")
  rows <- rows_of(c(.7, .71, .72), c(.5, .5, .53))
  judged <- claims$judge(claims$claim("c", "NMI", "ours", "rival"), rows)
  expect_identical(judged$verdict, "not measured")
  expect_identical(judged$evidence, "no NMI of ours, rival")
  absent <- claims$judge(claims$claim("c", "ARI", "ours", "harmony"), rows)
  expect_identical(absent$evidence, "no ARI of harmony")
  failing <- claims$claim_by("c", function(rows) stop("no such rows"))
  expect_match(claims$judge(failing, rows)$evidence, "no such rows")
})

test_that("the report has values, those of the thesis, and figures", {
  made <- benchmarks("claims.R", "html.R", "report.R")
  folder <- withr::local_tempdir()
  figures <- made$save_figures(
    list(ggplot2::ggplot(), NULL), folder, "clusters"
  )
  expect_length(figures, 1)
  experiments <- list(
    clusters = made$experiment(
      "clusters", "Table 9: clusters & depth", "Some cells.", NULL,
      list(made$claim("ours is < none", "ARI", "ours", "rival")),
      made$thesis_values("atlas", "ours", ARI = 0.575),
      not_here = "the atlas."
    ),
    other = made$experiment("other", "Table 10: other", "None.", NULL, list())
  )
  rows <- cbind(experiment = "clusters", rows_of(c(.6, .7), c(.3, .4)))
  path <- file.path(folder, "report.html")
  made$write_report(
    path, experiments, rows, list(clusters = figures),
    list(other = "seed 1: no package"), "About."
  )
  html <- paste(readLines(path, encoding = "UTF-8"), collapse = "\n")
  expect_match(html, "Table 9: clusters &amp; depth", fixed = TRUE)
  expect_match(html, ".650 ± .071", fixed = TRUE)
  expect_match(html, "ours (thesis)</td><td class='number'>.575", fixed = TRUE)
  expect_match(html, "Not done here: the atlas.", fixed = TRUE)
  expect_match(html, "ours is &lt; none", fixed = TRUE)
  expect_match(html, "Stopped: seed 1: no package", fixed = TRUE)
  # The figure itself is embedded in the file.
  tag <- regmatches(html, regexpr("base64,[A-Za-z0-9+/=]+", html))
  expect_identical(
    jsonlite::base64_dec(sub("base64,", "", tag)),
    readBin(figures, "raw", file.size(figures))
  )
})

test_that("versions are one string each", {
  skip_if_not(file.exists("/proc/cpuinfo"), "no /proc/cpuinfo")
  found <- benchmarks("report.R")$versions()
  expect_true(all(vapply(found, rlang::is_string, NA)))
  expect_named(found, c("sailer", "r", "libtorch", "blas", "processor"))
})

test_that("a report can be written without any rows", {
  made <- benchmarks("claims.R", "html.R", "report.R")
  path <- withr::local_tempfile(fileext = ".html")
  none <- made$experiment("none", "Table 11: none", "None.", NULL, list())
  made$write_report(
    path, list(none = none), data.frame(experiment = character(0)), list(),
    list(none = "seed 1: no data"), "About."
  )
  expect_match(readLines(path), "Stopped: seed 1: no data", all = FALSE)
  # Missing measures of a method give no rows, and seconds give no row names.
  rows <- made$rows_of("a", "b", c(ARI = 0.5, NMI = NA), NULL, c(x = NA_real_))
  expect_identical(rows$measure, "ARI")
  expect_identical(rownames(rows), "1")
})
