test_that("options out of range are named", {
  bad <- list(
    epochs = 0, epochs = 2.5, batch_size = 1, learning_rate = -1,
    weight_decay = NA_real_, warmup = -1, period = 0, validation = 1,
    patience = -2, seed = "one", threads = 0
  )
  for (k in seq_along(bad)) {
    expect_error(
      do.call(train_control, bad[k]), names(bad)[k],
      class = "sailer_argument_error"
    )
  }
  expect_error(
    train_control(patience = 3, validation = 0), "validation",
    class = "sailer_argument_error"
  )
  expect_error(train_control(verbose = NA), class = "sailer_argument_error")
})

test_that("an option of the wrong type is refused with the right one", {
  refused <- function(code, message) {
    error <- expect_error(code, class = "sailer_argument_error")
    expect_match(conditionMessage(error), message, fixed = TRUE)
  }
  model <- function(...) core_sailer_options(list(...))
  refused(model(decoder = 2), "`decoder` must be a single string")
  refused(
    model(decoder = "cnn"),
    '`decoder` must be one of "mirrored", "linear", not "cnn"'
  )
  refused(model(joint = NA), "`joint` must be TRUE or FALSE")
  refused(model(hidden = "a"), "`hidden` must be whole numbers")
  refused(model(hidden = c(8, 2.5)), "`hidden` must be whole numbers")
  refused(model(hidden = 0), "`hidden` must hold whole numbers of at least 1")
  refused(model(thinning = "a"), "`thinning` must be one or two shares")
  refused(model(thinning = c(0.5, 0.2)), "the smaller share first")
  refused(model(omega = "x"), '`omega` must be a number above 0, or "auto"')
  refused(model(n_latent = 2.5), "`n_latent` must be a whole number")
  refused(model(lambda = Inf), "`lambda` must be a number of at least 0")
  refused(model(widths = 3), "There is no option named `widths`")
  refused(core_sailer_options(list(3)), "must be named")
  refused(sailer(tiny_simulation()$counts, n_latent = NA), "`n_latent`")
  # For a range, one number is its upper end; NULL means not given.
  expect_identical(model(thinning = 0.5)$thinning, c(0, 0.5))
  expect_identical(model(thinning = NULL), model())
  # Automatic options are passed as NA and come back unchanged.
  expect_identical(model(n_latent = NA)$n_latent, NA_integer_)
  expect_identical(
    core_train_options(train_control()[names(core_train_options(list()))]),
    core_train_options(list())
  )
  # Options for tests and benchmarks are accepted, but not shown.
  expect_null(core_train_options(list(engine = "tensor"))$engine)
  refused(core_train_options(list(engine = "warp")), "`engine`")
})

test_that("an invalid device is refused with the available ones", {
  for (make in list(train_control, pretrain_control)) {
    for (wrong in list("gpu", "CUDA", "cuda:", 2, NA, c("cpu", "cuda"))) {
      error <- expect_error(
        make(device = wrong), "`device` must be",
        class = "sailer_argument_error"
      )
      expect_match(conditionMessage(error), '"cuda:1"', fixed = TRUE)
      expect_match(conditionMessage(error), 'This machine has "cpu"',
        fixed = TRUE
      )
    }
    # Whether the GPU exists is only checked where training runs.
    expect_identical(make(device = "cuda:7")$device, "cuda:7")
  }
})

test_that("a control contains every option and prints them", {
  control <- train_control(epochs = 7)
  expect_equal(control$epochs, 7)
  expect_setequal(names(control), names(formals(train_control)))
  expect_output(print(control), "epochs .* 7")
})

test_that("the documented defaults agree with the core", {
  documented <- function(topic) {
    rd <- tools::Rd_db("sailer")[[paste0(topic, ".Rd")]]
    skip_if(is.null(rd), "the help pages are not installed")
    text <- paste(capture.output(tools::Rd2txt(
      rd,
      options = list(underline_titles = FALSE, width = 5000)
    )), collapse = "\n")
    function(argument) {
      block <- regmatches(text, regexpr(
        paste0("\n *", argument, ": [^\n]*"), text
      ))
      sub("[.] *$", "", sub(".*Default ", "", block))
    }
  }
  said <- documented("train_control")
  defaults <- core_train_options(list())
  expect_equal(
    names(defaults)[vapply(defaults, is.na, NA)],
    c(
      "steps", "epochs", "batch_size", "learning_rate", "learning_rate_decay",
      "weight_decay", "frozen", "warmup", "period", "validation", "patience"
    )
  )
  for (name in names(defaults)[!vapply(defaults, is.na, NA)]) {
    text <- gsub("[^[:alnum:].-]", "", said(name))
    value <- defaults[[name]]
    expect_equal(methods::as(text, typeof(value)), value, label = name)
  }
  said <- documented("sailer")
  dense <- core_sailer_options(list(architecture = "dense"))
  chromosome <- core_sailer_options(list(architecture = "chromosome"))
  unquote <- function(text) gsub("[^[:alnum:].,()-]", "", text)
  of_sailerx <- c("alignment", "joint", "reference_dropout")
  # For automatic options the rule is documented instead.
  expect_true(is.na(dense$n_latent) && is.na(chromosome$n_latent))
  own <- c("architecture", "n_latent", of_sailerx)
  for (name in setdiff(names(dense), own)) {
    values <- c(dense[name], chromosome[name])
    expected <- unique(vapply(values, function(value) {
      if (length(value) > 1) {
        paste0("c(", toString(value), ")")
      } else {
        as.character(value)
      }
    }, ""))
    expect_equal(
      unquote(said(name)), unquote(paste(expected, collapse = "and")),
      label = name
    )
  }
  said <- documented("sailerx")
  guided <- core_sailer_options(list(), guided = TRUE)
  for (name in of_sailerx) {
    expect_equal(
      unquote(said(name)), format(guided[[name]], scientific = FALSE),
      label = name
    )
  }
})

test_that("epochs, warm-up and period depend on the number of cells", {
  warm <- core_sailer_options(list())
  chosen <- function(n, ..., options = warm) {
    unlist(resolve_control(train_control(...), n, options)[
      c("epochs", "batch_size", "frozen", "warmup", "period", "patience")
    ])
  }
  expect_equal(unname(chosen(6000)), c(38, 100, 9.5, 38 / 12, 38 * 11 / 12, 9))
  expect_equal(
    unname(chosen(1e6)), c(4, 400, 1, 1 / 3, 11 / 3, 1)
  )
  expect_equal(unname(chosen(300)), c(667, 100, 166.75, 10, 657 / 7, 166))
  expect_equal(
    unname(chosen(300, epochs = 20)), c(20, 100, 5, 20 / 12, 20 * 11 / 12, 5)
  )
  expect_equal(
    unname(chosen(300, epochs = 50, frozen = 0.5, warmup = 0, period = 7)),
    c(50, 100, 0.5, 0, 7, 12)
  )
  expect_equal(chosen(300, validation = 0)[["patience"]], 0)
  # Larger minibatches take fewer but larger steps.
  expect_equal(unname(chosen(30000)), c(8, 400, 2, 8 / 12, 8 * 11 / 12, 2))
  step <- function(n, ..., options = warm) {
    unlist(resolve_control(train_control(...), n, options)[
      c("batch_size", "learning_rate", "steps")
    ])
  }
  expect_equal(unname(step(9999)), c(100, 0.003, 2000))
  expect_equal(unname(step(10000)), c(400, 0.012, 500))
  expect_equal(unname(step(5000, batch_size = 200)), c(200, 0.006, 1000))
  expect_equal(unname(step(5000, batch_size = 20)), c(20, 0.003, 2000))
  expect_equal(
    unname(step(5000, batch_size = 900, learning_rate = 1e-3)),
    c(900, 1e-3, 500)
  )
  guided <- core_sailer_options(list(), guided = TRUE)
  expect_equal(unname(step(30000, options = guided)), c(100, 1e-3, 2000))
  thesis <- core_sailer_options(list(preset = "thesis"))
  expect_equal(
    unname(chosen(50000, options = thesis)), c(400, 100, 0, 10, 100, 0)
  )
})

test_that("threads are set for training and restored afterwards", {
  before <- core_get_threads()
  with_threads(1, expect_equal(core_get_threads(), 1))
  expect_equal(core_get_threads(), before)
  try(with_threads(1, stop("no")), silent = TRUE)
  expect_equal(core_get_threads(), before)
})
