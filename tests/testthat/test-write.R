z <- matrix(c(1.5, -2, 1 / 3, 4), 2,
  dimnames = list(c("a,1", "b"), c("sailer_1", "sailer_2"))
)

test_that("an embedding comes back from its file", {
  path <- withr::local_tempfile(fileext = ".csv")
  write_embedding(z, path, data.frame(type = c("T", "B")))
  back <- read.csv(path)
  expect_equal(back$cell, rownames(z))
  expect_equal(back$type, c("T", "B"))
  expect_equal(as.matrix(back[3:4]), unname(z), ignore_attr = TRUE)
  expect_equal(length(list.files(dirname(path), "^sailer-")), 0)
})

test_that("what cannot be written is named, and the old file stays", {
  expect_error(
    write_embedding(z, "/no/such/folder/x.csv"), "no/such/folder",
    class = "sailer_file_error"
  )
  expect_error(
    write_embedding(z, withr::local_tempfile(), data.frame(type = 1:3)),
    "3 rows",
    class = "sailer_argument_error"
  )
})

test_that("a full disk is an error and leaves no part behind", {
  skip_on_os(c("windows", "mac", "solaris"))
  small <- withr::local_tempdir()
  mounted <- suppressWarnings(system2(
    "mount", c("-t", "tmpfs", "-o", "size=16k", "tmpfs", small),
    stdout = FALSE, stderr = FALSE
  ))
  skip_if(mounted != 0, "no leave to mount a small disk")
  withr::defer(system2("umount", small, stdout = FALSE, stderr = FALSE))
  path <- file.path(small, "embedding.csv")
  write_embedding(z, path)
  old <- readLines(path)
  big <- matrix(runif(5000), 1000)
  expect_error(write_embedding(big, path), "disk",
    class = "sailer_file_error"
  )
  expect_equal(readLines(path), old)
  expect_equal(list.files(small), "embedding.csv")
})
