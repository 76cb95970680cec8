sim <- tiny_simulation()
fit <- quick_fit(sim$counts, batch = sim$cells$batch)

test_that("print and summary show size, state and removed confounders", {
  expect_output(print(fit), "150 cells")
  expect_output(print(fit), "depth, batch")
  expect_output(print(fit), "completed after 3 epochs")
  expect_output(print(summary(fit)), "lambda")
  dimensions <- summary(fit)$dimensions
  expect_equal(
    dimensions$correlation_with_log_depth,
    as.vector(cor(embedding(fit), log(fit$depth)))
  )
})

test_that("a fit does not contain the counts", {
  called <- do.call(quick_fit, list(sim$counts, hidden = 4))
  expect_lt(object.size(called$call), 1e4)
})

test_that("plot shows every part by epoch", {
  picture <- plot(fit)
  expect_s3_class(picture, "ggplot")
  curves <- picture$data
  kl <- curves[curves$part == "KL to the prior", ]
  expect_equal(kl$value, fit$history$kl)
  expect_silent(ggplot2::ggplot_build(picture))
})

test_that("progress is silent, or an occasional line, on request", {
  expect_silent(quick_fit(sim$counts))
  expect_message(
    quick_fit(sim$counts, control = quick(verbose = TRUE)), "Epoch 3/3"
  )
})

test_that("progress shows the loss and its parts by name", {
  shown <- function(loss, parts) {
    describe_progress(
      list(loss = loss, parts = parts, speed = 1234, seconds_left = 5)
    )
  }
  parts <- c(reconstruction = 11.24, kl = 3, marginal = 0.06, alignment = 2)
  speed <- "  1,234 cells/s  5 s left"
  expect_identical(shown(12.34, parts), paste0(
    "loss 12.3 (reconstruction 11.2, kl 3.0, marginal 0.1)", speed
  ))
  expect_identical(shown(0.1234, numeric(0)), paste0("loss 0.123", speed))
  expect_identical(
    shown(0.5, c(values = 0.25)), paste0("loss 0.500 (values 0.250)", speed)
  )
})

test_that("the bar on a terminal has epoch, position and time left", {
  withr::local_options(
    cli.dynamic = TRUE, cli.progress_show_after = 0, cli.width = 80
  )
  state <- function(epoch, done) {
    list(
      epoch = epoch, epochs = 4, done = done, cells = 100, loss = 12.34,
      parts = c(kl = 3), speed = 1234, seconds_left = 150
    )
  }
  draw <- function() {
    report <- progress_reporter(TRUE, environment())
    report(state(1, 50))
    report(state(3, 50))
  }
  drawn <- capture_messages(draw())
  expect_match(drawn[1], "1/4", fixed = TRUE)
  expect_match(
    drawn[2], "loss 12.3  1,234 cells/s  2 min", fixed = TRUE
  )
  # 50 and 250 of 400 cells: the bar is five times as long.
  filled <- lengths(regmatches(drawn[1:2], gregexpr("[=\u25a0]", drawn[1:2])))
  expect_equal(filled[2] / filled[1], 5, tolerance = 0.2)
})

test_that("the bar of long training runs fits into 80 columns", {
  withr::local_options(
    cli.dynamic = TRUE, cli.progress_show_after = 0, cli.width = 80
  )
  draw <- function() {
    progress_reporter(TRUE, environment())(list(
      epoch = 399, epochs = 400, done = 5e5, cells = 1e6, loss = 12345.67,
      parts = c(reconstruction = 12000, kl = 300, marginal = 45.67),
      speed = 123456, seconds_left = 5399
    ))
  }
  drawn <- cli::ansi_strip(capture_messages(draw())[1])
  expect_match(
    drawn, "399/400 .*loss 12345.7  123,456 cells/s  90 min"
  )
  expect_lte(max(nchar(strsplit(drawn, "[\r\n]")[[1]])), 80)
})

test_that("a pass over cells has a bar only on a terminal", {
  expect_null(pass_reporter("Imputing", 10))
  withr::local_options(cli.dynamic = TRUE, cli.progress_show_after = 0)
  expect_null(pass_reporter("Imputing", 10, verbose = FALSE))
  draw <- function() {
    report <- pass_reporter("Imputing", 200)
    expect_null(report(list(done = 50)))
  }
  drawn <- cli::ansi_strip(paste(capture_messages(draw()), collapse = ""))
  expect_match(drawn, "Imputing.*25%")
})

test_that("the time left is in seconds, minutes or hours", {
  expect_identical(
    vapply(c(89.4, 90, 5399, 9000), format_seconds, ""),
    c("89 s", "2 min", "90 min", "2.5 h")
  )
})

# Ctrl-C as a signal from outside, while a long training runs in another R.
interrupted_lines <- c(
  "library(sailer)",
  "sim <- simulate_atac(n_cells = 300, n_peaks = 600, n_types = 2, depth = 60)",
  "train <- function() {",
  "  sailer(sim$counts, hidden = 64, epochs = 1e6, threads = 1)",
  "}"
)

test_that("an interrupt propagates through a script and keeps the fit", {
  skip_if_not_installed("withr")
  log <- withr::local_tempfile()
  child <- start_child(c(
    interrupted_lines,
    "fit <- tryCatch(train(), interrupt = function(cnd) get_fit())",
    'cat("status:", fit$status, "\n")',
    'cat("rows:", nrow(embedding(fit)), "\n")',
    'cat("epochs:", nrow(fit$history) > 0, "\n")'
  ), log)
  expect_true(child_said(log, "Epoch 1/"))
  Sys.sleep(0.5)
  child$interrupt()
  expect_true(child_said(log, "epochs:"))
  said <- readLines(log, warn = FALSE)
  expect_true("status: interrupted " %in% said, info = said)
  expect_true("rows: 300 " %in% said, info = said)
  expect_true("epochs: TRUE " %in% said, info = said)
})

test_that("a script does not continue with an interrupted fit", {
  skip_if_not_installed("withr")
  log <- withr::local_tempfile()
  child <- start_child(c(
    interrupted_lines, "fit <- train()", 'cat("went on\n")'
  ), log)
  expect_true(child_said(log, "Epoch 1/"))
  child$interrupt()
  child$wait(30000)
  expect_false(child$is_alive())
  expect_false(any(readLines(log, warn = FALSE) == "went on"))
})

test_that("the fit is returned only at the top level of a session", {
  withr::local_options(rlang_interactive = TRUE)
  expect_false(at_top_level())
  code <- '
    options(rlang_interactive = TRUE)
    stop_now <- function() sailer:::interrupt(list(status = "kept"), "Stopped.")
    environment(stop_now) <- asNamespace("sailer")
    stop_now()
    cat("returned:", get_fit()$status, "\n")
    tryCatch(identity(stop_now()), interrupt = function(cnd) cat("raised\n"))
  '
  said <- in_another_r(c("library(sailer)", code))
  expect_true("returned: kept " %in% said, info = said)
  expect_match(said, "fit so far is returned", all = FALSE)
  withr::local_options(rlang_interactive = FALSE)
  expect_warning(
    raised <- tryCatch(
      interrupt(list(status = "kept"), "Stopped."),
      interrupt = function(cnd) TRUE
    ),
    "get_fit", class = "sailer_interrupted"
  )
  expect_true(raised)
  expect_identical(get_fit()$status, "kept")
})

test_that("an interrupted embedding is reported", {
  trained <- list(
    history = data.frame(epoch = 1), unsaved = "", lost = "",
    status = "completed"
  )
  trained["embedding"] <- list(NULL)
  expect_warning(
    tryCatch(
      report_end(trained, list(control = list()), list()),
      interrupt = function(cnd) NULL
    ),
    "embedding the cells was interrupted", class = "sailer_interrupted"
  )
  trained$embedding <- matrix(0, 1, 1)
  expect_silent(report_end(trained, list(control = list()), list()))
})

test_that("only a start that takes long is announced", {
  plan <- list(options = list(warm_start = TRUE))
  expect_message(note_start(plan, 50000),
                 "starting values for training from 50,000 cells")
  expect_silent(note_start(plan, 49999))
  expect_silent(note_start(list(options = list(warm_start = FALSE)), 50000))
  expect_silent(note_start(list(options = list(token_start = "random")), 50000))
  expect_silent(note_start(c(plan, list(initial = list())), 50000))
  # As training does, unless it resumes a run.
  control <- train_control(verbose = TRUE, device = "cpu", processes = "none")
  plan$control <- control
  plan$device <- "cpu"
  expect_message(prepare_training(plan, NULL, 50000), "starting values")
  expect_no_message(
    prepare_training(plan, list(), 50000), message = "starting values"
  )
})
