folder <- withr::local_tempdir(.local_envir = teardown_env())

test_that("R values are read back from a file unchanged", {
  values <- list(
    none = NULL, `a/b` = 1:3, `%` = c(TRUE, NA, FALSE), `.` = c(NA, "NA", ""),
    `[2]` = "\u00e4", `x%attributes` = c(q = 1), `..` = -0.0,
    numbers = c(x = NA, y = NaN, z = Inf, w = 1e-310, v = 0.1),
    integers = c(.Machine$integer.max, NA), bytes = as.raw(0:255),
    nothing = list(character(), integer(), list(), raw(), NULL),
    empty = structure(list(), names = character()),
    partly = list(a = 1, 2, list(b = NULL)),
    matrix = matrix(as.numeric(1:6), 2, dimnames = list(c("r", "s"), NULL)),
    array = array(1:24, 2:4), line = array(1:3, 3, list(letters[1:3])),
    texts = matrix(c("a", NA, "c", "d", "e", "f"), 2),
    truths = matrix(c(TRUE, NA, FALSE, TRUE, TRUE, NA), 3),
    flat = matrix(0, 0, 3), lists = matrix(list(1, "a", NULL, 2), 2),
    table = data.frame(
      n = 1:3, f = factor(c("p", NA, "q"), levels = c("q", "p", "z")),
      row.names = c("i", "j", "k")
    ),
    rows = data.frame(x = c(0.5, 2)), no_rows = data.frame(),
    day = as.Date("2020-02-29"),
    version = packageVersion("sailer"),
    versions = numeric_version(c("1.2", "10.0.3")),
    call = quote(f(x, y = g(1:3)[, 2], "z", n = NULL)), symbol = quote(s),
    tensor = structure(as.raw(1:24), shape = c(3, 2), type = "float32"),
    single = structure(as.raw(1:8), shape = numeric(), type = "int64"),
    no_values = structure(raw(), shape = c(0, 5), type = "float64")
  )
  long <- list(
    doubles = c(NA, NaN, -Inf, -0.0, exp(seq(-300, 300, length.out = 200))),
    whole = setNames(c(NA, seq_len(300)), c("none", sprintf("n%d", 1:300))),
    texts = sprintf("peak \u00e4-%d", 1:200),
    one_missing = c(NA, letters, 1:99),
    lines = rep(c("a\nb", "", "c"), 60), blank = rep("", 150),
    truths = rep(c(TRUE, FALSE, NA), 50),
    factor = factor(rep(c("x", "y", NA), 50), levels = c("y", "x")),
    matrix = matrix(rnorm(300), 150, dimnames = list(1:150, c("p", "q"))),
    array = array(1:240, c(4, 10, 6)), table = data.frame(a = 1:150, b = 0.5)
  )
  values <- c(values, long, list(
    twice = list(a = 1, a = 2), `%type` = list(`%type` = "list", b = 1),
    digits = c(1 / 3, 0.1 + 0.2, 1e15, 1e300, 123456789, 4.9e-324, pi * 1e-9),
    call2 = quote(f(x[, 1], -2.5, c(a = TRUE))), doubles_of = 3, whole_of = 3L,
    quotes = c("a\"b\\", "\t\u0001", "</x>", "\U1F600")
  ))
  path <- file.path(folder, "values.safetensors")
  write_values(path, "test", values)
  stored <- read_values(path, "test")
  expect_identical(names(stored), names(values))
  for (name in names(values)) {
    expect_identical(stored[[name]], values[[name]], label = name)
  }
  # Longer ones are stored as tensors, shorter ones are not.
  parts <- describe_values(values)
  expect_true(all(c("doubles", "matrix", "matrix@dimnames[[1]]", "tensor") %in%
                    names(parts$tensors)))
  expect_false("numbers" %in% names(parts$tensors))
})

test_that("numbers are stored as text without losing bits", {
  set.seed(2)
  bits <- function(n) {
    x <- readBin(as.raw(sample(0:255, 8 * n, TRUE)), "double", n)
    x[is.finite(x)]
  }
  for (k in 1:50) {
    x <- c(bits(90), -0.0)
    text <- json_of_doubles(x)
    expect_true(
      identical(unlist(jsonlite::fromJSON(text, FALSE)), x, num.eq = FALSE)
    )
  }
})

test_that("a description is never evaluated", {
  path <- file.path(folder, "hostile.safetensors")
  hostile <- c(
    '{"a":{"%type":"closure","values":["function() 1"]}}',
    '{"a":{"%type":"environment"}}', '{"a":{"%type":"promise","values":[]}}',
    '{"a":{"%type":"double","tensor":"none"}}', '{"a":', '[1,"a",{}]', "",
    '{"a":{"%type":"integer","values":["x"]}}',
    '{"a":{"%type":"list","values":[1],"attributes":{"dim":[3,3]}}}'
  )
  for (text in hostile) {
    core_write_tensors(path, "sailer model", 2L, text, list())
    expect_error(
      load_model(path), "", class = "sailer_file_error", info = text
    )
  }
  # A call stays an unevaluated call.
  marker <- file.path(folder, "was-run")
  call <- substitute(file.create(f), list(f = marker))
  write_values(path, "test", list(call = call))
  expect_identical(read_values(path, "test")$call, call)
  expect_false(file.exists(marker))
})

test_that("values that cannot be stored are named by their place", {
  path <- file.path(folder, "refused.safetensors")
  refused <- list(
    "a$b" = list(a = list(b = globalenv())), "a[[2]]" = list(a = list(1, sum)),
    "s" = list(s = sparse(diag(2))), "i" = list(i = 1i),
    "d@w" = list(d = structure(1, w = mean)),
    "a" = list(a = "\xff"), "b" = list(b = "\xff")
  )
  Encoding(refused$a$a) <- "bytes"
  Encoding(refused$b$b) <- "UTF-8"
  for (place in names(refused)) {
    expect_error(write_values(path, "test", refused[[place]]),
      paste0("`", place, "`"),
      fixed = TRUE, class = "sailer_argument_error"
    )
    expect_false(file.exists(path))
  }
})
