cells <- c("a", "b", "c")
refuse <- function(code, pattern) {
  expect_error(code, pattern, class = "sailer_argument_error")
}

test_that("values are in the order of the cells, for every container", {
  values <- c(c = 3, other = 9, a = 1, b = 2)
  expect_identical(match_cells(values, cells, "x"), c(1, 2, 3))
  label <- stats::setNames(factor(c("z", "y", "z", "x")), names(values))
  expect_identical(
    match_cells(label, cells, "x"),
    factor(c("z", "x", "z"), levels = c("x", "y", "z"))
  )
  table <- data.frame(n = values, label)
  found <- match_cells(table, cells, "x")
  expect_identical(found$n, c(1, 2, 3))
  expect_identical(rownames(found), c("1", "2", "3"))
  wide <- as.matrix(table["n"])
  expect_identical(
    match_cells(wide, cells, "x"), cbind(n = c(1, 2, 3))
  )
  counted <- table(c("a", "c", "c", "b", "c"))
  expect_identical(match_cells(counted, cells, "x"), c(1L, 1L, 3L))
  skip_if_not_installed("S4Vectors")
  framed <- match_cells(S4Vectors::DataFrame(table), cells, "x")
  expect_identical(framed$n, c(1, 2, 3))
  runs <- S4Vectors::Rle(c("u", "u", "v"))
  expect_identical(match_cells(runs, cells, "x"), c("u", "u", "v"))
})

test_that("without names the length decides; row numbers are not names", {
  expect_identical(match_cells(3:1, cells, "x"), 3:1)
  expect_identical(match_cells(c("1" = 3, "2" = 2, "3" = 1), cells, "x"),
                   c(3, 2, 1))
  table <- data.frame(n = 1:4)[c(4, 2, 3), , drop = FALSE]
  expect_identical(match_cells(table, cells, "x")$n, c(4L, 2L, 3L))
  expect_identical(match_cells(table, c("3", "2", "4"), "x")$n, c(4L, 2L, 3L))
  expect_identical(match_cells(c(a = 1, b = 2), NULL, "x", n = 2), c(1, 2))
  refuse(match_cells(1:2, cells, "x"), "`x` has 2 values.*3 cells")
  refuse(match_cells(matrix(1:4, 2), cells, "x"), "`x` has 2 rows.*3 cells")
})

test_that("names that do not match are refused, never used by position", {
  refuse(match_cells(c(a = 1, b = 2, z = 3), cells, "x"), "`x`.*\"c\"")
  refuse(match_cells(c(x = 1, y = 2, z = 3), cells, "x"),
         "names of `x`.*\"x\".*\"a\"")
  refuse(match_cells(c(a = 1, b = 2, c = 3, b = 4), cells, "x"),
         "several values for cell \"b\"")
  refuse(match_cells(as.list(1:3), cells, "x"), "`x` must be.*not a list")
  refuse(match_cells(NULL, cells, "x"), "`x` must be.*not NULL")
  refuse(match_cells(data.frame(n = 1:3), cells, "x", table = FALSE),
         "`x` must be a vector")
  # Values for only some of the cells are accepted on request.
  some <- match_cells(c(c = 3, a = 1), cells, "x", partial = TRUE)
  expect_identical(some, c(1, NA, 3))
  refuse(match_cells(c(x = 1), cells, "x", partial = TRUE), "names of `x`")
})

test_that("labels are in the order of their levels, or else of bytes", {
  expect_identical(
    label_levels(factor(c("b", "a", NA), c("z", "b", "a"))), c("b", "a")
  )
  expect_identical(
    label_levels(c("b", "B", "a", NA, "_", "b")), c("B", "_", "a", "b")
  )
  expect_identical(label_levels(c(100000, 9, 10)), c("9", "10", "100000"))
  expect_identical(label_levels(c(TRUE, FALSE)), c("FALSE", "TRUE"))
  expect_identical(label_levels(c(0.5, NA, -1)), c("-1", "0.5"))
  latin <- c("\xe9", "z")
  Encoding(latin) <- "latin1"
  expect_identical(label_levels(latin), c("z", "\u00e9"))
})
