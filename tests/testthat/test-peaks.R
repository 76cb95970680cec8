test_that("ranges are read from names in every common format", {
  names <- c(
    "chr1-100-200", "chrX:5-90", "chr1_KI270706v1_random-1-9",
    "HLA-A*01:01-5-60", "2_7_9", "chr1:1,000-2,500"
  )
  expect_identical(parse_peaks(names), data.frame(
    seqnames = c("chr1", "chrX", "chr1_KI270706v1_random", "HLA-A*01:01", "2",
                 "chr1"),
    start = c(100, 5, 1, 5, 7, 1000), end = c(200, 90, 9, 60, 9, 2500)
  ))
  expect_identical(
    parse_peaks(c("\u00e9-1-5", "chr1-1-5"))$seqnames, c("\u00e9", "chr1")
  )
  expect_identical(dim(parse_peaks(character())), c(0L, 3L))
})

test_that("names without a range are NA", {
  strange <- c("geneA", "chr1-9-5", "chr1-1-3000000000", "", NA, "a-,-5",
               "caf\xe9-1-5", "-1-5", "chr1-1.5-9")
  found <- parse_peaks(c(strange, "chr1-1-5"))
  for (column in found) {
    expect_identical(is.na(column), rep(c(TRUE, FALSE), c(9, 1)))
  }
})

test_that("chromosomes are read from names or ranges", {
  expect_identical(
    peak_chromosomes(c(
      "chr1-100-200", "chrX:5-90", "chr1_KI270706v1_random-1-9",
      "HLA-A*01:01-5-60", "2_7_9"
    )),
    c("chr1", "chrX", "chr1_KI270706v1_random", "HLA-A*01:01", "2")
  )
  error <- expect_error(
    peak_chromosomes(c("chr1-1-2", "geneA", "chr2", "b", "c")),
    class = "sailer_data_error"
  )
  text <- gsub("\\s+", " ", conditionMessage(error))
  expect_match(text, "4 of 5 peaks")
  expect_match(text, "\"geneA\", \"chr2\", and \"b\"")
  skip_if_not_installed("GenomicRanges")
  ranges <- methods::as(c("chr9:1-5", "chr2:4-6"), "GRanges")
  expect_identical(peak_chromosomes(c("a", "b"), ranges), c("chr9", "chr2"))
  expect_error(peak_chromosomes("a", ranges), class = "sailer_data_error")
})
