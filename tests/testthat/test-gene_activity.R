skip_if_not_installed("GenomicRanges")

# Peaks of 500 bases at 1000, 3000, ..., 199 000 on two chromosomes.
grid_case <- local({
  made <- NULL
  function() {
    if (!is.null(made)) {
      return(made)
    }
    sim <- tiny_simulation()
    counts <- sim$counts[seq_len(200), ]
    counts <- counts[, Matrix::colSums(counts) > 1]
    start <- rep(seq(1000, by = 2000, length.out = 100), 2)
    rownames(counts) <- sprintf(
      "chr%d-%.0f-%.0f", rep(1:2, each = 100), start, start + 500
    )
    fit <- quick_fit(
      counts, batch = sim$cells[colnames(counts), "batch"], omega = 2,
      min_fraction = 0.001
    )
    made <<- list(fit = fit, counts = counts)
    made
  }
})

genes_at <- function(...) {
  GenomicRanges::GRanges(c(...), gene_name = names(c(...)))
}

# By hand: compares the bounds of every peak with those of every gene.
plain_activity <- function(fit, chromosome, first, last) {
  part <- strsplit(fit$peaks, "-", fixed = TRUE)
  of <- function(k) vapply(part, function(x) x[k], "")
  hit <- of(1) == chromosome & as.numeric(of(2)) <= last &
    as.numeric(of(3)) >= first
  list(
    peaks = which(hit),
    values = stats::setNames(colSums(plain_decode(
      fit, fit$embedding, fixed_confounders(fit), which(hit)
    )), fit$cells)
  )
}

test_that("activities are sums over body and promoter, by strand", {
  case <- grid_case()
  genes <- genes_at(
    plus = "chr1:20000-29999:+", minus = "chr1:20000-29999:-",
    free = "chr2:50000-50100:*"
  )
  found <- gene_activity(case$fit, genes, upstream = 4000, downstream = 2000)
  expect_equal(dim(found), c(3, length(case$fit$cells)))
  expect_equal(dimnames(found), list(names(genes) %||% genes$gene_name,
                                     case$fit$cells))
  bounds <- list(
    plus = list("chr1", 16000, 31999), minus = list("chr1", 18000, 33999),
    free = list("chr2", 46000, 52100)
  )
  for (name in names(bounds)) {
    plain <- do.call(plain_activity, c(list(case$fit), bounds[[name]]))
    expect_equal(found[name, ], plain$values, tolerance = 1e-4, info = name)
  }
  # The gene body only, and means.
  alone <- gene_activity(case$fit, genes[1], upstream = 0, normalise = "mean")
  plain <- plain_activity(case$fit, "chr1", 20000, 29999)
  expect_equal(
    alone[1, ], plain$values / length(plain$peaks), tolerance = 1e-4
  )
})

test_that("blocks of cells and peaks add up", {
  case <- grid_case()
  genes <- genes_at(
    a = "chr1:1000-60000", b = "chr1:50000-90000", c = "chr2:2000-150000"
  )
  options <- list(upstream = 2000, downstream = 0, normalise = "sum")
  weights <- gene_weights(case$fit, genes, options)
  row <- fixed_confounders(case$fit)
  whole <- sum_decoded(case$fit, case$fit$embedding, row, weights, TRUE)
  parts <- sum_decoded(
    case$fit, case$fit$embedding, row, weights, TRUE, n_values = 70,
    n_peaks = 7
  )
  expect_equal(parts, whole, tolerance = 1e-6)
  dense <- as.matrix(weights) %*% plain_decode(
    case$fit, case$fit$embedding, row
  )
  expect_equal(unname(whole), unname(dense), tolerance = 1e-4)
  # A peak in two genes counts for both.
  expect_gt(sum(Matrix::colSums(weights) == 2), 0)
})

test_that("ranges of the same name are one gene; each peak counts once", {
  case <- grid_case()
  twice <- genes_at(
    g = "chr1:20000-30000", g = "chr1:25000-40000", h = "chr1:1-1000"
  )
  once <- genes_at(g = "chr1:20000-40000")
  expect_equal(
    gene_activity(case$fit, twice, upstream = 0)["g", ],
    gene_activity(case$fit, once, upstream = 0)["g", ], tolerance = 1e-6
  )
})

test_that("names are found, and genes without peaks are reported", {
  case <- grid_case()
  genes <- GenomicRanges::GRanges(
    c("chr1:20000-30000", "chr1:900000-950000", "chr2:1-20000"),
    symbol = c("A", "B", "C"), id = c("x", "y", "z")
  )
  expect_message(
    found <- gene_activity(case$fit, genes), "1 of 3 genes has no peak",
    class = "sailer_note"
  )
  expect_equal(rownames(found), c("A", "C"))
  suppressMessages({
    expect_equal(
      rownames(gene_activity(case$fit, genes, column = "id")), c("x", "z")
    )
    names(genes) <- c("n1", "n2", "n3")
    genes$symbol <- NULL
    expect_equal(rownames(gene_activity(case$fit, genes)), c("n1", "n3"))
  })
  names(genes) <- NULL
  expect_error(gene_activity(case$fit, genes), "no names",
    class = "sailer_argument_error"
  )
})

test_that("cells, new cells, batch and depth work as in impute()", {
  case <- grid_case()
  genes <- genes_at(a = "chr1:20000-90000", b = "chr2:20000-90000")
  cells <- case$fit$cells[c(5, 2, 9)]
  peaks <- plain_activity(case$fit, "chr1", 18000, 90000)$peaks
  expect_equal(
    gene_activity(case$fit, genes, cells = cells, batch = "batch2",
                  depth = 30)["a", ],
    colSums(impute(
      case$fit, cells = cells, peaks = case$fit$peaks[peaks], batch = "batch2",
      depth = 30
    )),
    tolerance = 1e-6
  )
  new <- case$counts[, 1:9]
  colnames(new) <- paste0("new", 1:9)
  found <- gene_activity(case$fit, genes, x = new)
  expect_equal(colnames(found), colnames(new))
  expect_equal(
    unname(found), unname(gene_activity(case$fit, genes)[, 1:9]),
    tolerance = 1e-4
  )
  expect_equal(
    gene_activity(case$fit, genes, x = new, cells = c("new4", "new2")),
    found[, c("new4", "new2")], tolerance = 1e-5
  )
})

test_that("invalid arguments are refused with advice", {
  case <- grid_case()
  refused <- function(pattern, ...) {
    expect_error(
      gene_activity(case$fit, ...), pattern, class = "sailer_argument_error"
    )
  }
  refused("seqlevelsStyle", genes_at(a = "1:20000-30000"))
  refused("genome build", genes_at(a = "chr1:9000000-9000100"))
  refused("no ranges", data.frame(a = 1))
  genes <- genes_at(a = "chr1:20000-30000")
  refused("column", genes, column = "nothing")
  refused("upstream", genes, upstream = -1)
  refused("batch9", genes, batch = "batch9")
  refused("200 ranges|ranges, one", genes, ranges = genes)
  refused("nobody", genes, cells = "nobody")
  expect_error(gene_activity(list(), genes), class = "sailer_argument_error")
  withr::local_options(sailer.max_memory = 100)
  refused("sailer.max_memory", genes)
})

test_that("peaks without ranges in their names use the given ranges", {
  case <- grid_case()
  genes <- genes_at(a = "chr1:20000-30000")
  expected <- gene_activity(case$fit, genes)
  fit <- case$fit
  ranges <- parse_ranges(fit$peaks)
  fit$peaks <- paste0("peak", seq_along(fit$peaks))
  expect_error(gene_activity(fit, genes), "ranges",
    class = "sailer_argument_error"
  )
  expect_equal(gene_activity(fit, genes, ranges = ranges), expected)
})
