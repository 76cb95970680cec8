skip_if_not_installed("GenomicRanges")

# Counts of peaks x cells, numbered by columns.
sample_of <- function(peaks, cells, values = seq_len(
                        length(peaks) * length(cells)
                      )) {
  Matrix::Matrix(
    values, length(peaks), length(cells),
    sparse = TRUE, dimnames = list(peaks, cells)
  )
}

quietly <- function(...) suppressMessages(unite_peaks(...))

# By hand:
#   chr1  first   100-200   250-300      400-500             900-950
#         second     180-260             400-500   600-650
#   chr2  first   10-20                            second    21-30
# 180-260 bridges 100-200 and 250-300; 10-20 and 21-30 only touch.
first <- sample_of(
  c("chr1-100-200", "chr1-250-300", "chr1-400-500", "chr1-900-950",
    "chr2-10-20"),
  c("a", "b"), c(1, 2, 0, 4, 0, 0, 1, 5, 1, 3)
)
second <- sample_of(
  c("chr2-21-30", "chr1-600-650", "chr1-400-500", "chr1-180-260"),
  c("c", "d", "e"), c(1, 0, 0, 2, 0, 7, 0, 0, 4, 0, 6, 1)
)
regions <- c(
  "chr1-100-300", "chr1-400-500", "chr1-600-650", "chr1-900-950",
  "chr2-10-20", "chr2-21-30"
)

test_that("overlapping peaks become one and their counts are summed", {
  out <- quietly(list(first = first, second = second))
  expect_s4_class(out$counts, "dgCMatrix")
  expected <- cbind(
    a = c(3, 0, 0, 4, 0, 0), b = c(1, 5, 0, 1, 3, 0), c = c(2, 0, 0, 0, 0, 1),
    d = c(0, 0, 7, 0, 0, 0), e = c(1, 6, 0, 0, 0, 4)
  )
  rownames(expected) <- regions
  expect_identical(as.matrix(out$counts), expected)
  expect_identical(
    out$sample,
    factor(c(a = "first", b = "first", c = "second", d = "second",
             e = "second"))
  )
  expect_identical(
    out$map,
    data.frame(
      sample = rep(c("first", "second"), c(5, 4)),
      peak = c(rownames(first), rownames(second)),
      united = regions[c(1, 1, 2, 4, 5, 6, 3, 2, 1)]
    )
  )
  expect_identical(names(out$ranges), regions)
  expect_identical(GenomicRanges::start(out$ranges)[c(1, 6)], c(100L, 21L))
  expect_identical(GenomicRanges::end(out$ranges)[c(1, 6)], c(300L, 30L))
  expect_identical(
    out$summary,
    data.frame(
      sample = c("first", "second"), peaks = c(5L, 4L), kept = c(3L, 3L),
      merged = c(2L, 1L), alone = c(2L, 2L), counts_kept = c(1, 1)
    )
  )
})

test_that("shared peaks are those of all samples", {
  out <- quietly(list(first = first, second = second), how = "shared")
  expect_identical(
    as.matrix(out$counts),
    matrix(
      c(3, 0, 1, 5, 2, 0, 0, 0, 1, 6), 2,
      dimnames = list(regions[1:2], letters[1:5])
    )
  )
  expect_identical(names(out$ranges), regions[1:2])
  expect_identical(
    out$map$united, regions[c(1, 1, 2, NA, NA, NA, NA, 2, 1)]
  )
  # 9 of 17 counts, and 9 of 21
  expect_equal(out$summary$counts_kept, c(9 / 17, 9 / 21))
  third <- sample_of(c("chr1-700-710", "chr2-5-15"), "f")
  expect_error(
    quietly(list(a = first, b = second, c = third), how = "shared"),
    "No peak is shared by all 3", class = "sailer_data_error"
  )
  all <- quietly(list(a = first, b = second, c = third))
  expect_identical(nrow(all$counts), 7L)
  expect_identical(all$summary$alone, c(1L, 2L, 1L))
  # chr2-10-20 grew: in "a" three are merged and two kept.
  expect_identical(all$summary$merged, c(3L, 1L, 1L))
})

test_that("peaks of one sample that overlap are united too", {
  x <- sample_of(c("chr1-1-9", "chr1-5-20", "chr1-100-110"), "a")
  y <- sample_of("chr1-100-110", "b", 8)
  out <- quietly(list(x = x, y = y))
  expect_identical(as.vector(as.matrix(out$counts)), c(3, 3, 0, 8))
})

test_that("the order of samples and peaks does not matter", {
  out <- quietly(list(first = first, second = second))
  other <- quietly(list(second = second[4:1, 3:1], first = first[5:1, ]))
  expect_identical(
    as.matrix(other$counts)[regions, letters[1:5]], as.matrix(out$counts)
  )
})

test_that("the message reports the peaks of each sample", {
  reported <- paste(capture_messages(
    unite_peaks(list(first = first, `{x}` = second))
  ), collapse = "")
  reported <- gsub("\\s+", " ", reported)
  expect_match(reported, paste(
    "first: 5 peaks, 3 kept as they are, 2 merged into larger ones; 2 united",
    "peaks in no other sample"
  ), fixed = TRUE)
  expect_match(reported, "{x}: 4 peaks, 3 kept as they are, 1 merged",
               fixed = TRUE)
  expect_match(reported, "6 united peaks", fixed = TRUE)
  expect_message(
    unite_peaks(list(first = first, second = second), how = "shared"),
    "2 of 6 united peaks are in every sample.*first 52.9 %.*second 42.9 %"
  )
})

test_that("cells get their sample's name only if names clash", {
  colnames(second)[2] <- "a"
  out <- quietly(list(first = first, second = second))
  expect_identical(
    colnames(out$counts),
    c("first_a", "first_b", "second_c", "second_a", "second_e")
  )
  expect_identical(names(out$sample), colnames(out$counts))
  x <- sample_of("chr1-1-2", c("b_c", "d"))
  y <- sample_of("chr1-1-2", c("c", "d"))
  expect_error(
    quietly(list(a = x, a_b = y)), "\"a_b_c\"", class = "sailer_data_error"
  )
})

test_that("ranges can be given, and take precedence over names", {
  ranges <- GenomicRanges::GRanges(
    "chr1", IRanges::IRanges(c(150, 400), c(240, 410)),
    strand = c("-", "+")
  )
  x <- sample_of(c("one", "two"), c("x", "y"))
  out <- quietly(list(first = first, x = x), ranges = list(x = ranges))
  expect_identical(
    as.matrix(out$counts)["chr1-400-500", ], c(a = 0, b = 5, x = 2, y = 4)
  )
  # No bridge here: 150-240 overlaps only the first of the two.
  expect_identical(rownames(out$counts)[1:2], c("chr1-100-240", "chr1-250-300"))
  expect_error(
    quietly(list(first = first, x = x), ranges = list(x = ranges[1])),
    "2 ranges.*\"x\"", class = "sailer_argument_error"
  )
  expect_error(
    quietly(list(first = first, x = x), ranges = list(y = ranges)),
    "named by sample", class = "sailer_argument_error"
  )
  expect_error(
    quietly(list(first = first, x = x), ranges = ranges),
    "named by sample", class = "sailer_argument_error"
  )
  genomes <- ranges
  GenomicRanges::seqinfo(genomes)@genome <- "hg19"
  other <- ranges
  GenomicRanges::seqinfo(other)@genome <- "hg38"
  expect_error(
    quietly(list(x = x, y = x), ranges = list(x = genomes, y = other)),
    "one genome", class = "sailer_data_error"
  )
})

test_that("matrices of every class give the same", {
  expected <- quietly(list(first = first, second = second))
  changed <- list(
    dense = as.matrix(first), triplet = methods::as(first, "TsparseMatrix"),
    rows = methods::as(first, "RsparseMatrix")
  )
  for (x in changed) {
    expect_identical(quietly(list(first = x, second = second)), expected)
  }
  binary <- quietly(list(first = first > 0, second = second))
  expect_identical(binary$counts["chr1-100-300", "a"], 2)
  skip_if_not_installed("DelayedArray")
  delayed <- DelayedArray::DelayedArray(as.matrix(first))
  expect_identical(quietly(list(first = delayed, second = second)), expected)
})

test_that("handles and files are united like matrices", {
  expected <- quietly(list(first = first, second = second))
  expect_identical(
    quietly(list(first = as_cells(first), second = second)), expected
  )
  # Peaks 3 to 20 of the file under other names, and its 60 cells with doubled
  # counts.
  path <- tiny_path("tiny-10x.h5")
  other <- 2 * tiny_counts()[20:3, ]
  rownames(other) <- sub(":", "-", rownames(other), fixed = TRUE)
  united <- quietly(list(file = path, other = other))
  expect_identical(dim(united$counts), c(nrow(tiny_counts()), 120L))
  names <- sub(":", "-", rownames(tiny_counts()), fixed = TRUE)
  place <- match(names, rownames(united$counts))
  expect_equal(
    unname(as.matrix(united$counts[place, 1:60])), unname(tiny_counts())
  )
  expect_equal(
    unname(as.matrix(united$counts[place[3:20], 61:120])),
    unname(2 * tiny_counts()[3:20, ])
  )
  expect_identical(sum(united$counts[, 61:120]), sum(other))
})

test_that("names are read in the common formats", {
  colon <- first
  rownames(colon) <- sub("-", ":", rownames(colon), fixed = TRUE)
  expect_identical(
    quietly(list(first = colon, second = second))$counts,
    quietly(list(first = first, second = second))$counts
  )
  contig <- sample_of(c("HLA-DRB1:5-1,000", "KI270.1_7_9"), "z")
  out <- quietly(list(x = contig, y = sample_of("KI270.1-9-10", "w")))
  expect_setequal(
    rownames(out$counts), c("HLA-DRB1-5-1000", "KI270.1-7-10")
  )
})

test_that("invalid samples are refused by name", {
  refuse <- function(pattern, counts, class = "data") {
    expect_error(
      quietly(counts), pattern, class = paste0("sailer_", class, "_error")
    )
  }
  refuse("named list", first, "argument")
  refuse("at least two", list(first = first), "argument")
  refuse("unique name", list(first, second), "argument")
  refuse("unique name", list(a = first, a = second), "argument")
  refuse("\"b\".*must hold counts", list(a = first, b = 1:3), "argument")
  rename <- function(names) {
    rownames(second) <- names
    list(a = first, b = second)
  }
  good <- rownames(second)
  refuse("1 of the 4 peaks of sample \"b\".*gene", rename(c("gene", good[-1])))
  refuse("\"b\".*chr1-9-5", rename(c("chr1-9-5", good[-1])))
  refuse("\"b\".*1e\\+05", rename(c("chr1-1e+05-100005", good[-1])))
  refuse("\"b\".*9999999999", rename(c("chr1-1-9999999999", good[-1])))
  refuse("\"b\".*peaks have no names", rename(NULL))
  refuse("\"b\".*peak", rename(good[c(1, 1, 2, 3)]))
  refuse(
    "no chromosome in common.*chr1.*\"1\"",
    rename(sub("chr", "", good, fixed = TRUE))
  )
  twice <- second
  colnames(twice)[2] <- "c"
  refuse("\"b\".*cell", list(a = first, b = twice))
})

test_that("the result trains a hybrid model", {
  sim <- tiny_simulation()
  half <- sim$cells$batch == levels(sim$cells$batch)[1]
  out <- quietly(list(
    multiome = sim$counts[1:350, half], atac = sim$counts[51:400, !half]
  ))
  expect_identical(
    as.matrix(out$counts[rownames(sim$counts)[51:350], colnames(sim$counts)]),
    as.matrix(sim$counts[51:350, ])
  )
  rna <- stats::model.matrix(~ 0 + cell_type, sim$cells)
  rownames(rna) <- colnames(sim$counts)
  fit <- sailerx(out$counts, rna[half, ],
    batch = out$sample, ranges = out$ranges, architecture = "chromosome",
    hidden = c(4, 3), n_latent = 3, control = quick()
  )
  expect_identical(rownames(embedding(fit)), colnames(out$counts))
})
