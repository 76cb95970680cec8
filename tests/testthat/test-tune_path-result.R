# What tune_path() makes from the measures of its fits: the suggestion, the
# table, its print method and its plot.

# A path of fits that have these measures.
path_of <- function(..., option, values = NULL, tolerance = 0.05, entropy = 0) {
  runs <- data.frame(...)
  runs$mutual_information <- runs$mutual_information %||% 1
  values <- values %||% seq_len(nrow(runs))
  runs <- cbind(value = values, place = seq_len(nrow(runs)), seed = 1, runs)
  new_tune_path(runs, as.list(values), option, tolerance, entropy)
}

test_that("noise does not hide the end of the fall: table 2.1 of the thesis", {
  thesis <- c(0.071, 0.053, 0.045, 0.040, 0.043, 0.046, 0.040)
  found <- find_end_of_fall(thesis, 0.1)
  # lambda = 1, as in the thesis; the values that rise after it are pooled.
  expect_identical(found$place, 4L)
  expect_equal(found$curve, c(0.071, 0.053, 0.045, 0.043, 0.043, 0.043, 0.04))
  # Residuals of -3, 0 and 3 thousandths; 7 values minus 5 steps.
  expect_equal(found$noise, sqrt(18e-6 / 2))
  # Without noise and tolerance it is the last value.
  expect_identical(find_end_of_fall(thesis, 0, 0)$place, 7L)
})

test_that("a curve may fall to the end, not at all, or be unknown", {
  falling <- find_end_of_fall(c(8, 4, 2, 1), 0.1)
  expect_identical(falling$place, 4L)
  expect_identical(falling$noise, 0)
  expect_identical(find_end_of_fall(c(1, 2, 3), 0.1)$place, 1L)
  expect_identical(find_end_of_fall(c(8, NA, 1, 1), 0.1)$place, 3L)
  expect_identical(find_end_of_fall(c(NA, NA), 0.1)$place, NA_integer_)
  # The noise of repeats is used if it is known.
  expect_identical(find_end_of_fall(c(8, 2, 1), 0, noise = 1)$place, 2L)
})

test_that("the elbow is the first value nearly as good as the best", {
  # 5 % of 10 - 2 above the lowest value is 2.4.
  expect_identical(find_elbow(c(10, 5, 2.41, 2.4, 2, 2.2), 0.05), 4L)
  expect_identical(find_elbow(c(10, 5, 2.41, 2.4, 2, 2.2), 0), 5L)
  expect_identical(find_elbow(c(10, 5, 2.41, 2.4, 2, 2.2), 0.4), 2L)
  expect_identical(find_elbow(c(3, 1, 7), 0.05), 2L)
  expect_identical(find_elbow(c(3, 3, 3), 0.05), 1L)
  expect_identical(find_elbow(c(3, NA, 1), 0.05), 3L)
  expect_identical(find_elbow(c(NA, NaN), 0.05), NA_integer_)
  # Noise widens the range of acceptable values.
  expect_identical(find_elbow(c(10, 4, 3.5, 3), 0, noise = 0.5), 3L)
  expect_identical(find_elbow(c(10, 4, 3.5, 3), 0, noise = 1), 2L)
  expect_identical(find_elbow(c(10, 4, 3.5, 3), 0.2, noise = 0.5), 2L)
})

test_that("the noise of repeats is not explained by values and seeds", {
  # A two-way layout by hand: residuals of +-1 in a 2 x 2 table with one degree
  # of freedom. So their standard deviation is 2, and that of a difference
  # between means of two is 2 * sqrt(2 / 2).
  values <- c(10, 20, 30, 40) + c(1, -1, -1, 1)
  expect_equal(noise_of_repeats(values, c(1, 1, 2, 2), c(1, 2, 1, 2)), 2)
  # A shift of one seed is not noise.
  shifted <- values + c(0, 100, 0, 100)
  expect_equal(noise_of_repeats(shifted, c(1, 1, 2, 2), c(1, 2, 1, 2)), 2)
  expect_identical(noise_of_repeats(1:3, 1:3, c(1, 1, 1)), NA_real_)
  expect_identical(
    noise_of_repeats(c(NA, 1, 2, 3), c(1, 1, 2, 2), c(1, 2, 1, 2)), NA_real_
  )
})

test_that("every option has its own rule", {
  suggest <- function(...) attr(path_of(...), "suggested")
  # Held-out bound: 5 % of 100 below the best is -105.
  bound <- function(x, ...) {
    suggest(validation_elbo = x, option = "n_latent", ...)
  }
  expect_identical(bound(c(-200, -106, -105, -100, -102)), 3L)
  expect_identical(bound(c(-200, -106, -105, -100), tolerance = 0), 4L)
  expect_identical(bound(c(NA, -101, -100)), 3L)
  expect_identical(
    bound(c(-2, -1), values = c("linear", "mirrored")), "mirrored"
  )
  expect_identical(bound(c(NA_real_, NA_real_)), NA)
  # Mutual information: the end of the fall, although it rises again.
  expect_identical(suggest(
    mutual_information = c(8, 1, 3, 1), validation_elbo = -(4:1),
    option = "lambda", values = c(0, 1, 2, 4)
  ), 1)
  # Alignment of held-out cells, or of all cells if none are held out.
  aligned <- function(held_out) {
    suggest(
      alignment = c(3, 2, 1), validation_alignment = held_out,
      option = "alignment", values = c(0, 10, 100)
    )
  }
  expect_identical(aligned(c(3, 1, 2)), 10)
  expect_identical(aligned(c(NA_real_, NA, NA)), 100)
  # Mixing: the largest value that lowers the bound by at most the labels'
  # entropy.
  mixed <- function(bound, entropy) {
    suggest(
      ilisi = c(1.2, 1.9, 2.1, 2.2), validation_elbo = bound,
      option = "mixing", values = c(0, 50, 150, 400), entropy = entropy
    )
  }
  expect_identical(mixed(c(-100, -100.5, -101, -103), log(3)), 150)
  expect_identical(mixed(c(-100, -100.5, -101, -103), log(2)), 50)
  expect_identical(mixed(c(-100, -99, -98, -97), log(2)), 400)
  expect_identical(mixed(c(NA, -101, NA, -100), 0), 400)
  expect_identical(mixed(rep(NA_real_, 4), 1), NA)
})

test_that("print() and plot() mark the suggestion", {
  path <- path_of(
    mutual_information = c(8, 1, 1), mi_depth = c(6, 1, 1),
    mi_batch = c(2, 0, 0), ilisi = c(1, 2, 3), validation_elbo = c(-3, -2, -4),
    validation_log_likelihood = -(1:3), ari = c(0.2, 0.3, 0.1),
    nmi = c(0.5, 0.6, 0.4), option = "lambda", values = c(0, 0.5, 1e5)
  )
  lines <- capture.output(print(path))
  expect_match(lines[1], "<tune_path> 3 values of lambda", fixed = TRUE)
  expect_length(grep("0.5  *<-", lines), 1)
  expect_false(any(grepl("larger", lines)))
  expect_output(print(path[1:2, c("value", "mi_depth")]), "0.5")
  picture <- plot(path)
  built <- ggplot2::ggplot_build(picture)
  places <- c(log10(0.5) - 0.5, log10(0.5), 5)
  expect_equal(sort(unique(built$data[[2]]$x)), places)
  expect_equal(built$data[[1]]$xintercept[1], places[2])
  expect_identical(levels(picture$data$panel), c(
    "mutual information with", "batch mixing",
    "held-out cells, nats per cell", "clusters"
  ))
  of <- function(line) picture$data$value[picture$data$line == line]
  expect_equal(of("depth"), path$mi_depth)
  expect_equal(of("batch"), path$mi_batch)
  expect_equal(of("iLISI"), path$ilisi)
  expect_equal(of("ELBO"), path$validation_elbo)
  expect_equal(of("NMI"), path$nmi)
  words <- path_of(
    validation_elbo = -2:-1, option = "decoder",
    values = c("linear", "mirrored")
  )
  expect_silent(ggplot2::ggplot_build(plot(words)))
})

test_that("print() reports a suggestion at an end of the path", {
  bound <- function(x) path_of(validation_elbo = x, option = "n_latent")
  expect_output(print(bound(c(-9, -5, -1))), "try larger ones")
  expect_output(print(bound(c(-1, -5, -9))), "No larger value is better")
  fall <- path_of(mutual_information = c(8, 4, 1), option = "lambda")
  expect_output(print(fall), "try larger ones")
})

test_that("0 is drawn left of the smallest number", {
  expect_equal(axis_places(c(0, 0.1, 10)), c(-1.5, -1, 1))
  expect_equal(axis_places(c(1, 100)), c(0, 2))
  expect_true(is.finite(axis_places(0)))
  expect_identical(axis_places(c("b", "a")), 1:2)
})

test_that("means over seeds leave out diverged fits", {
  runs <- data.frame(
    value = "x", place = c(1, 2, 3, 1, 2, 3), seed = 1,
    mutual_information = c(1, NA, NA, 3, 5, NA), b = 1:6
  )
  expect_equal(mean_by_place(runs), data.frame(
    place = 1:3, fits = c(2, 1, 0), mutual_information = c(2, 5, NA),
    b = c(2.5, 3.5, 4.5)
  ))
})
