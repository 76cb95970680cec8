sim <- tiny_simulation()
counts <- sim$counts
n <- ncol(counts)
first <- counts[, 1:60]
second <- counts[rev(seq_len(nrow(counts))), 61:n]

refuse <- function(x, pattern, class = "data") {
  expect_error(
    as_cells(x), pattern, class = paste0("sailer_", class, "_error")
  )
}

test_that("samples in a list are concatenated, peaks matched by name", {
  cells <- as_cells(list(a = first, b = second))
  expect_identical(dim(cells), dim(counts))
  expect_identical(cells$cells, colnames(counts))
  expect_identical(cells$peaks, rownames(first))
  expect_identical(cells$sample, factor(rep(c("a", "b"), c(60, n - 60))))
  whole <- core_cells_block(as_cells(counts)$source, c(1, 61, n))
  expect_equal(core_cells_block(cells$source, c(1, 61, n)), whole)
  # Of any kind: here a matrix and a handle.
  mixed <- as_cells(list(as.matrix(first), as_cells(second)))
  expect_equal(core_cells_block(mixed$source, c(1, 61, n))$i, whole$i)
  expect_identical(levels(mixed$sample), c("1", "2"))
})

test_that("peaks that a sample lacks count as closed, with a message", {
  lacking <- setdiff(rownames(counts), rownames(counts)[3:7])
  expect_message(
    cells <- as_cells(list(a = first, b = second[lacking[-1], ])),
    "\"b\" has", class = "sailer_note"
  )
  closed <- counts
  closed[rownames(counts)[c(1, 3:7)], 61:n] <- 0
  closed <- Matrix::drop0(closed)
  expect_equal(
    core_cells_block(cells$source, seq_len(n)),
    core_cells_block(as_cells(closed)$source, seq_len(n))
  )
})

test_that("cells with the same name are renamed by sample", {
  expect_message(
    cells <- as_cells(list(a = first, b = counts[, 60:n])),
    "1 cell name occurs in more than one sample.*\"a\" and \"b\".*\"a_",
    class = "sailer_note"
  )
  named <- c(paste0("a_", colnames(counts)[1:60]),
             paste0("b_", colnames(counts)[60:n]))
  expect_identical(colnames(cells), named)
  expect_identical(cells$sample, factor(rep(c("a", "b"), c(60, n - 59))))
  control <- quick(epochs = 2)
  fit <- suppressMessages(
    sailer(list(a = first, b = counts[, 60:n]), hidden = 8, control = control)
  )
  expect_identical(rownames(embedding(fit)), named)
  both <- cbind(first, counts[, 60:n])
  expect_error(sailer(both), "1 cell name occurs more than once",
               class = "sailer_data_error")
  colnames(both) <- named
  plain <- sailer(both, batch = rep(c("a", "b"), c(60, n - 59)), hidden = 8,
                  control = control)
  expect_identical(embedding(fit), embedding(plain))
  # A file keeps its own cell names, which are used when it is opened again.
  path <- tiny_path("tiny-10x.h5")
  listed <- suppressMessages(as_cells(list(
    one = open_cells(path), two = open_cells(path)
  )))
  expect_identical(colnames(listed)[61],
                   paste0("two_", colnames(open_cells(path))[1]))
  # Even then names may be the same.
  twice <- list(a = first[, 1:2], a_b = first[, 1:2])
  colnames(twice$a) <- c("b_x", "x")
  colnames(twice$a_b) <- c("x", "y")
  refuse(twice, "Two cells are named \"a_b_x\"")
})

test_that("lists that cannot be joined are refused", {
  refuse(list(), "empty list", "argument")
  refuse(list(a = first, a = second), "unique names", "argument")
  other <- first
  rownames(other) <- paste0("other", seq_len(nrow(other)))
  colnames(other) <- paste0("other", seq_len(ncol(other)))
  refuse(list(a = first, b = other), "unite_peaks")
  bare <- second
  dimnames(bare) <- list(rownames(second), NULL)
  refuse(list(a = first, b = bare), "b.*cells have no names")
  twice <- first
  rownames(twice)[2] <- rownames(twice)[1]
  refuse(list(a = twice, b = second), "a.*1 peak name occurs more than")
  refuse(list(a = first, b = "nowhere.h5"), "nowhere", "file")
  refuse(list(a = first, b = 1), "hold counts", "argument")
})

test_that("samples of a list are batches; all else is as for one matrix", {
  control <- quick(epochs = 3, batch_size = 20)
  expect_message(
    listed <- sailer(
      list(a = first, b = counts[, 61:n]), hidden = 8, control = control
    ),
    "Using the 2 samples as batches", class = "sailer_note"
  )
  plain <- sailer(
    counts, batch = rep(c("a", "b"), c(60, n - 60)), hidden = 8,
    control = control
  )
  expect_identical(embedding(listed), embedding(plain))
  expect_identical(listed$labels, plain$labels)
  expect_silent(
    own <- sailer(
      list(a = first, b = counts[, 61:n]), batch = sim$cells$batch, hidden = 8,
      control = control
    )
  )
  expect_identical(own$labels$batch, levels(sim$cells$batch))
})

test_that("samples stay batches when a handle is subset or renamed", {
  cells <- as_cells(list(a = first, b = second))
  kept <- c(150:70, 3:40)
  chosen <- cells[rownames(counts)[5:400], cells$cells[kept]]
  renamed <- cells[5:400, kept]
  colnames(renamed) <- paste0("cell", kept)
  some <- counts[5:400, kept]
  expected <- quick_fit(some, batch = ifelse(kept > 60, "b", "a"))
  for (x in list(chosen, renamed)) {
    expect_message(
      fit <- quick_fit(x), "Using the 2 samples as batches",
      class = "sailer_note"
    )
    expect_identical(fit$labels, expected$labels)
    expect_identical(fit$codes, expected$codes)
    expect_equal(unname(embedding(fit)), unname(embedding(expected)))
  }
  # A single remaining sample is not a batch.
  expect_silent(fit <- quick_fit(cells[, 1:60]))
  expect_length(fit$labels, 0)
})

test_that("a second sample without RNA makes a hybrid run", {
  rna <- withr::with_seed(5, matrix(rnorm(60 * 3), 60))
  rownames(rna) <- colnames(first)
  expect_message(
    fit <- sailerx(
      list(multiome = first, atac = counts[, 61:n]), rna, hidden = 8,
      n_latent = 3, control = quick(epochs = 3, batch_size = 20)
    ),
    "batches", class = "sailer_note"
  )
  all <- matrix(NA_real_, n, 3)
  all[1:60, ] <- rna
  plain <- sailerx(
    counts, all, batch = rep(c("multiome", "atac"), c(60, n - 60)), hidden = 8,
    n_latent = 3, control = quick(epochs = 3, batch_size = 20)
  )
  expect_identical(embedding(fit), embedding(plain))
})
