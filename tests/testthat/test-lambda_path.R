sim <- tiny_simulation()
counts <- sim$counts
types <- sim$cells$cell_type

trace_lambda <- function(lambdas = c(2, 0, 0.5), ..., control = quick()) {
  lambda_path(counts,
    lambdas = lambdas, ..., batch = sim$cells$batch, hidden = 8, n_latent = 3,
    control = control, verbose = FALSE
  )
}

fit_lambda <- function(lambda, control = quick()) {
  sailer(counts,
    batch = sim$cells$batch, lambda = lambda, hidden = 8, n_latent = 3,
    control = control
  )
}

# As long as no value of the tests is negative.
on_path <- function(information, tolerance = 0.1) {
  runs <- data.frame(
    lambda = seq_along(information), place = seq_along(information), seed = 1,
    mutual_information = information
  )
  new_lambda_path(runs, tolerance, NULL)
}

test_that("noise does not hide where the fall ends: table 2.1 of the thesis", {
  thesis <- c(0.071, 0.053, 0.045, 0.040, 0.043, 0.046, 0.040)
  found <- find_end_of_fall(thesis, 0.1)
  # lambda = 1, which the thesis takes; what rises after it is pooled.
  expect_identical(found$place, 4L)
  expect_equal(found$curve, c(0.071, 0.053, 0.045, 0.043, 0.043, 0.043, 0.04))
  # Residuals -3, 0 and 3 thousandths, 7 values less 5 steps.
  expect_equal(found$noise, sqrt(18e-6 / 2))
  # Without the noise and the tolerance it is the very last.
  expect_identical(find_end_of_fall(thesis, 0, 0)$place, 7L)
})

test_that("a curve that falls to the end, not at all, or is unknown", {
  falling <- find_end_of_fall(c(8, 4, 2, 1), 0.1)
  expect_identical(falling$place, 4L)
  expect_identical(falling$noise, 0)
  expect_identical(find_end_of_fall(c(1, 2, 3), 0.1)$place, 1L)
  expect_identical(find_end_of_fall(c(8, NA, 1, 1), 0.1)$place, 3L)
  expect_identical(find_end_of_fall(c(NA, NA), 0.1)$place, NA_integer_)
  # The noise of repeats is taken where it is known.
  expect_identical(find_end_of_fall(c(8, 2, 1), 0, noise = 1)$place, 2L)
  expect_output(print(on_path(c(8, 4, 1))), "still drops at the largest")
  expect_output(print(on_path(c(1, 2, 3))), "No lambda lowers")
  expect_false(any(grepl(
    "drops|lowers", capture.output(print(on_path(c(8, 1, 1))))
  )))
})

test_that("rows are those of single fits, from the smallest lambda on", {
  path <- trace_lambda(labels = types, clustering = "kmeans")
  expect_s3_class(path, c("lambda_path", "data.frame"), exact = TRUE)
  expect_identical(path$lambda, c(0, 0.5, 2))
  for (k in 1:3) {
    fit <- fit_lambda(path$lambda[k])
    values <- embedding(fit)
    last <- utils::tail(fit$history, 1)
    depth <- mutual_information(values, log(fit$depth))$mean
    batch <- mutual_information(values, sim$cells$batch)$mean
    expect_identical(path$mi_depth[k], depth)
    expect_identical(path$mi_batch[k], batch)
    expect_equal(path$mutual_information[k], depth + batch)
    expect_identical(path$validation_elbo[k], last$validation_elbo)
    expect_identical(
      path$validation_log_likelihood[k], last$validation_log_likelihood
    )
    cluster <- find_clusters(values, "kmeans", 3, 1)
    expect_identical(
      path$adjusted_rand_index[k], adjusted_rand_index(cluster, types)
    )
  }
  expect_identical(path$fits, rep(1L, 3))
  expect_identical(attr(path, "clustering"), "kmeans")
  expect_identical(
    which(path$suggested), find_end_of_fall(path$mutual_information, 0.1)$place
  )
  expect_identical(attr(path, "suggested"), path$lambda[path$suggested])
})

test_that("repeats are fits with the next seeds, and their spread the noise", {
  path <- trace_lambda(lambdas = c(0, 3), repeats = 2)
  expect_identical(path$fits, c(2L, 2L))
  runs <- attr(path, "runs")
  expect_equal(runs$seed, c(1, 1, 2, 2))
  second <- fit_lambda(3, quick(seed = 2))
  expect_identical(
    runs$mi_depth[4],
    mutual_information(embedding(second), log(second$depth))$mean
  )
  expect_equal(path$mi_depth[2], mean(runs$mi_depth[c(2, 4)]))
  expect_equal(attr(path, "noise"), noise_of_repeats(
    runs$mutual_information, c(1, 2, 1, 2), runs$seed
  ))
})

test_that("every confounder has its column, constant ones none", {
  extra <- data.frame(
    age = sqrt(1:150), sex = rep(c("f", "m", "f"), 50), same = 1
  )
  expect_message(
    path <- trace_lambda(lambdas = c(0, 1), covariates = extra), "same"
  )
  expect_identical(
    grep("^mi_", names(path), value = TRUE),
    c("mi_depth", "mi_batch", "mi_sex", "mi_age")
  )
  fit <- sailer(counts,
    batch = sim$cells$batch, covariates = extra[1:2], lambda = 1, hidden = 8,
    n_latent = 3, control = quick()
  )
  expect_identical(
    path$mi_age[2], mutual_information(embedding(fit), extra$age)$mean
  )
  expect_identical(
    path$mi_sex[2], mutual_information(embedding(fit), extra$sex)$mean
  )
  named_depth <- data.frame(depth = sqrt(1:150))
  again <- trace_lambda(lambdas = c(0, 1), covariates = named_depth)
  expect_true(all(c("mi_depth", "mi_depth.1") %in% names(again)))
})

test_that("a reference makes it a path of SAILERX", {
  rna <- withr::with_seed(1, matrix(rnorm(450), 150))
  path <- trace_lambda(lambdas = c(0, 1), reference = rna, alignment = 100)
  fit <- sailerx(counts, rna,
    alignment = 100, batch = sim$cells$batch, lambda = 1, hidden = 8,
    n_latent = 3, control = quick()
  )
  expect_identical(
    path$validation_elbo[2], utils::tail(fit$history$validation_elbo, 1)
  )
})

test_that("each fit has its checkpoint, and the same call goes on", {
  folder <- withr::local_tempfile(pattern = "checkpoint-")
  control <- quick(checkpoint = folder)
  first <- trace_lambda(lambdas = c(0, 0.5), repeats = 2, control = control)
  expect_setequal(list.files(folder), c(
    "lambda-0", "lambda-0.5", "lambda-0-seed-2", "lambda-0.5-seed-2"
  ))
  expect_message(
    again <- trace_lambda(lambdas = c(0, 0.5), repeats = 2, control = control),
    "Going on"
  )
  expect_identical(again, first)
})

test_that("a lambda that diverges is a row of NA with a warning", {
  expect_warning(
    expect_warning(
      path <- trace_lambda(
        lambdas = c(0, 1), labels = types,
        control = quick(learning_rate = 1e30, batch_size = 10)
      ),
      "lambda = 0", class = "sailer_diverged"
    ),
    "lambda = 1", class = "sailer_diverged"
  )
  expect_true(all(is.na(path$mutual_information)))
  expect_identical(path$fits, c(0L, 0L))
  expect_identical(path$suggested, c(FALSE, FALSE))
  expect_output(print(path), "NA")
})

test_that("notes come once, and progress for each fit", {
  heard <- capture_messages(
    lambda_path(counts,
      lambdas = c(0, 1), batch = rep("one", 150), hidden = 8, n_latent = 3,
      control = quick(verbose = TRUE)
    )
  )
  expect_identical(sum(grepl("for all cells", heard)), 1L)
  expect_identical(sum(grepl("Lambda 1 \\(2/2\\): I\\(z, c\\)", heard)), 1L)
  expect_length(heard, 3)
})

test_that("Ctrl-C returns the fits that are done", {
  skip_if_not_installed("processx")
  result <- withr::local_tempfile(fileext = ".rds")
  log <- withr::local_tempfile()
  child <- start_child(c(
    sprintf("result <- %s", deparse(result)),
    'suppressMessages(library(sailer))
     sim <- simulate_atac(
       n_cells = 150, n_peaks = 400, n_types = 3, depth = 60, seed = 11
     )
     path <- lambda_path(sim$counts,
       lambdas = c(0, 1, 2), hidden = 8, n_latent = 3,
       control = train_control(epochs = 500, batch_size = 20, threads = 1)
     )
     saveRDS(path, result)
     cat("saved\n")'
  ), log)
  expect_true(child_said(log, "Lambda 0 .1/3."))
  child$interrupt()
  expect_true(child_said(log, "saved"))
  path <- readRDS(result)
  expect_gte(nrow(path), 1)
  expect_lt(nrow(path), 3)
  expect_identical(sum(path$suggested), 1L)
  expect_match(
    paste(readLines(log), collapse = " "),
    "Interrupted after [12] of the 3 fits"
  )
})

test_that("print() and plot() mark the suggestion", {
  path <- trace_lambda(labels = types, clustering = "kmeans")
  lines <- capture.output(print(path))
  expect_match(lines[1], "<lambda_path> 3 values of lambda", fixed = TRUE)
  expect_length(grep("<-", lines, value = TRUE), 1)
  expect_output(print(path[1:2, c("lambda", "mi_depth")]), "0.5")
  picture <- plot(path)
  built <- ggplot2::ggplot_build(picture)
  places <- c(log10(0.5) - 0.5, log10(0.5), log10(2))
  expect_equal(sort(unique(built$data[[2]]$x)), places)
  expect_equal(built$data[[1]]$xintercept[1], places[path$suggested])
  expect_identical(levels(picture$data$panel), c(
    "mutual information with", "cells kept back, nats per cell", "clusters"
  ))
  of <- function(line) picture$data$value[picture$data$line == line]
  expect_equal(of("depth"), path$mi_depth)
  expect_equal(of("batch"), path$mi_batch)
  expect_equal(of("ELBO"), path$validation_elbo)
  expect_equal(of("NMI"), path$normalized_mutual_information)
})

test_that("what does not fit is refused by name", {
  refuse <- function(pattern, ...) {
    expect_error(trace_lambda(...), pattern, class = "sailer_argument_error")
  }
  refuse("lambdas", lambdas = 3)
  refuse("lambdas", lambdas = c(-1, 3))
  refuse("lambdas", lambdas = "3")
  expect_error(
    lambda_path(counts, lambdas = c(0, 1), lambda = 3), "give `lambdas`",
    class = "sailer_argument_error"
  )
  refuse("dropout", dropuot = 0.2)
  refuse("alignment", alignment = 3)
  refuse("repeats", repeats = 0)
  refuse("labels.*150", labels = types[-1])
  refuse("tolerance", tolerance = 2)
})
