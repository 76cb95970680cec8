test_that("a dense X compressed by lzf is read correctly", {
  expect_silent(cells <- open_cells(h5ad_path("dense-lzf.h5ad")))
  expect_identical(read_cells(cells), h5ad_counts())
  expect_identical(read_cells(cells, c(24, 1, 7, 8)),
                   h5ad_counts()[, c(24, 1, 7, 8)])
  expect_identical(cells_metadata(cells)$batch,
                   factor(rep(c("donor1", "donor2"), 12)))
})

test_that("lzf is read even if no other package supports it", {
  # Once loaded, rhdf5 adds its own filter to the HDF5 library.
  path <- normalizePath(h5ad_path("dense-lzf.h5ad"))
  said <- in_another_r(c(
    sprintf("cells <- sailer::open_cells(%s)", deparse(path)),
    "stopifnot(!'rhdf5' %in% loadedNamespaces())",
    "cat(sum(sailer::cell_depth(cells, counts = TRUE)), colnames(cells)[24])"
  ))
  expect_identical(said, paste(sum(h5ad_counts()), "CELL023-1"))
})

test_that("counts next to a normalised X are used, with a note", {
  expected <- list(
    "logged.h5ad" = "raw", "layers.h5ad" = "counts",
    "without-x.h5ad" = "spliced", "old.h5ad" = "raw"
  )
  for (name in names(expected)) {
    note <- expect_message(
      cells <- open_cells(h5ad_path(name)), expected[[name]],
      class = "sailer_note"
    )
    expect_match(conditionMessage(note), name, fixed = TRUE)
    expect_identical(read_cells(cells), h5ad_counts())
    expect_identical(cells$file$layer, expected[[name]])
    # A handle reads the same matrix again, without another message.
    expect_silent(again <- as_cells(unserialize(serialize(cells, NULL))))
    expect_identical(read_cells(again), h5ad_counts())
  }
})

test_that("a handle of sailer 0.1.0 still reads X", {
  cells <- open_cells(h5ad_path("logged.h5ad"), layer = "X")
  old <- unserialize(serialize(cells, NULL))
  old$file <- list(
    path = cells$file$path, group = NULL, feature_type = "Peaks", layer = NULL,
    layout = "h5ad"
  )
  expect_silent(again <- as_cells(old))
  expect_identical(read_cells(again), read_cells(cells))
})

test_that("an explicitly chosen matrix is read without a note", {
  path <- h5ad_path("layers.h5ad")
  for (layer in c("logcounts", "raw")) {
    expect_silent(logs <- open_cells(path, layer = layer))
    expect_equal(read_cells(logs), h5ad_logs(), tolerance = 1e-6)
  }
  expect_silent(open_cells(path, layer = "counts"))
  scaled <- read_cells(open_cells(path, layer = "X"))
  expect_lt(min(scaled), 0)
  logged <- open_cells(h5ad_path("logged.h5ad"), layer = "X")
  expect_equal(read_cells(logged), h5ad_logs()[1:30, ], tolerance = 1e-6)
  expect_error(
    open_cells(path, layer = "spliced"), "'X', 'counts', 'logcounts', 'raw'",
    class = "sailer_argument_error"
  )
  expect_error(
    open_cells(path, modality = "rna"), "MuData",
    class = "sailer_argument_error"
  )
})

test_that("values that are not counts are refused, with alternatives", {
  path <- h5ad_path("layers.h5ad")
  for (layer in c("X", "logcounts")) {
    error <- expect_error(
      check_counts(open_cells(path, layer = layer)), class = "sailer_data_error"
    )
    others <- setdiff(c("X", "counts", "logcounts", "raw"), layer)
    for (other in others) {
      expect_match(conditionMessage(error), dQuote(other, FALSE), fixed = TRUE)
    }
  }
  skip_without_rhdf5()
  alone <- altered(h5ad_path("logged.h5ad"), function(file) {
    rhdf5::h5delete(file, "raw")
  })
  expect_silent(cells <- open_cells(alone))
  expect_error(
    check_counts(cells), "no other matrix", class = "sailer_data_error"
  )
})

test_that("tables in files of anndata 0.5 are read", {
  cells <- suppressMessages(open_cells(h5ad_path("old.h5ad")))
  obs <- cells_metadata(cells)
  expect_identical(obs$batch, factor(rep(c("donor1", "donor2"), 12)))
  expect_equal(obs$depth, unname(colSums(h5ad_counts())))
  expect_equal(cells_metadata(cells, reduction = "X_pca"), cosines(0:23, 3))
  expect_identical(unname(cells_metadata(cells, reduction = "X_one")),
                   matrix(as.numeric(0:23)))
})

test_that("reduced dimensions come in the order of the cells", {
  cells <- open_cells(h5ad_path("dense-lzf.h5ad"))
  expect_equal(cells_metadata(cells, reduction = "X_pca"), cosines(0:23, 3))
  expect_equal(cells_metadata(cells[, c(9, 4)], reduction = "X_pca"),
               cosines(c(8, 3), 3))
  expect_error(
    cells_metadata(cells, reduction = "X_umap"), "it has 'X_pca'",
    class = "sailer_argument_error"
  )
  expect_error(
    cells_metadata(open_cells(tiny_path("tiny-10x.h5")), reduction = "X_pca"),
    "obsm",
    class = "sailer_argument_error"
  )
  several <- suppressMessages(open_cells(h5ad_path("old.h5ad")))
  expect_error(
    cells_metadata(several, reduction = "pca"), "X_pca.*X_one",
    class = "sailer_argument_error"
  )
})

test_that("sums of counts equal those of the matrix", {
  cells <- open_cells(h5ad_path("dense-lzf.h5ad"))
  expect_identical(cell_depth(cells, counts = TRUE), colSums(h5ad_counts()))
  expect_identical(cell_depth(cells[3:20, 5:2], counts = TRUE),
                   colSums(h5ad_counts()[3:20, 5:2]))
  expect_identical(
    cell_depth(h5ad_counts(), counts = TRUE), colSums(h5ad_counts())
  )
  expect_identical(
    cell_depth(cells, 3:9, counts = TRUE), colSums(h5ad_counts()[3:9, ])
  )
})

test_that("training gives the same from a dense file and from memory", {
  counts <- h5ad_counts()[, colSums(h5ad_counts()) > 0]
  cells <- open_cells(h5ad_path("dense-lzf.h5ad"))[, colnames(counts)]
  from_file <- quick_fit(cells, min_fraction = 0)
  in_memory <- quick_fit(sparse(counts), min_fraction = 0)
  expect_identical(embedding(from_file), embedding(in_memory))
})

test_that("corpora use the counts of a normalised file as genes", {
  files <- lapply(c("logged.h5ad", "old.h5ad"), h5ad_path)
  expect_message(cells <- gene_cells(files[[1]]), class = "sailer_note")
  expect_identical(cells$peaks, rownames(h5ad_counts()))
  suppressMessages(expect_no_warning(corpus <- build_corpus(
    files, withr::local_tempfile(), min_cells = 1, verbose = FALSE
  )))
  expect_equal(ncol(corpus), 48)
  logs <- list(logs = open_cells(files[[1]], layer = "X"))
  expect_warning(
    build_corpus(logs, withr::local_tempfile(), min_cells = 1, verbose = FALSE),
    "looks normalised.*\"raw\""
  )
})
