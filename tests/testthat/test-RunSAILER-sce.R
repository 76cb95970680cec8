skip_if_not_installed("SingleCellExperiment")

sim <- small_simulation()

small_sce <- function(counts = sim$counts) {
  SingleCellExperiment::SingleCellExperiment(
    list(counts = counts), colData = S4Vectors::DataFrame(sim$cells)
  )
}
reduced <- SingleCellExperiment::reducedDim

test_that("a SingleCellExperiment gets what sailer() gives", {
  sce <- small_sce()
  done <- brief_run(sce, batch = "batch", covariates = c("quality"))
  fit <- brief_sailer(
    sim$counts,
    batch = sim$cells["batch"], covariates = sim$cells["quality"]
  )
  expect_s4_class(done, "SingleCellExperiment")
  expect_identical(reduced(done, "SAILER"), embedding(fit))
  expect_identical(get_fit(done)$state, fit$state)
  expect_identical(S4Vectors::metadata(done)$sailer$SAILER$state, fit$state)
})

test_that("arguments for Seurat objects are refused with alternatives", {
  expect_error(
    brief_run(small_sce(), assay = "counts"),
    "`assay` does not apply.*`assay.type` and `altexp`",
    class = "sailer_argument_error"
  )
})

test_that("cells without names are an error before any other message", {
  sce <- small_sce()
  colnames(sce) <- NULL
  expect_no_message(expect_error(
    brief_run(sce, batch = "batch"), "cells have no names",
    class = "sailer_error"
  ))
})

test_that("nothing else of the object changes", {
  sce <- small_sce()
  done <- brief_run(sce, batch = "batch")
  expect_identical(SummarizedExperiment::assay(done, "counts"), sim$counts)
  expect_identical(SummarizedExperiment::assay(sce, "counts"), sim$counts)
  expect_identical(
    SummarizedExperiment::colData(done), SummarizedExperiment::colData(sce)
  )
  expect_length(SingleCellExperiment::reducedDimNames(sce), 0)
  expect_length(S4Vectors::metadata(sce), 0)
})

test_that("an object can hold two fits", {
  done <- brief_run(brief_run(small_sce()), batch = "batch", name = "BATCH")
  expect_identical(
    SingleCellExperiment::reducedDimNames(done), c("SAILER", "BATCH")
  )
  expect_length(get_fit(done, "SAILER")$labels, 0)
  expect_named(get_fit(done, "BATCH")$labels, "batch")
  expect_error(get_fit(done, "PCA"), "\"SAILER\"",
               class = "sailer_argument_error")
  expect_error(get_fit(small_sce()), "RunSAILER",
               class = "sailer_argument_error")
})

test_that("an alternative experiment is used, in the main one's order", {
  main <- small_sce(matrix(1, 5, 120, dimnames = list(
    letters[1:5], colnames(sim$counts)
  )))
  SingleCellExperiment::altExp(main, "ATAC") <-
    SummarizedExperiment::SummarizedExperiment(list(peaks = sim$counts))
  done <- brief_run(
    main, altexp = "ATAC", assay.type = "peaks", batch = "batch"
  )
  expect_identical(
    reduced(done, "SAILER"),
    embedding(brief_sailer(sim$counts, batch = sim$cells["batch"]))
  )
  expect_identical(rownames(reduced(done)), colnames(done))
  shuffled <- main[, 120:1]
  again <- brief_run(shuffled, altexp = "ATAC", assay.type = "peaks")
  expect_identical(
    reduced(again, "SAILER"), embedding(brief_sailer(sim$counts[, 120:1]))
  )
  expect_error(brief_run(main, altexp = "RNA"), "\"ATAC\"",
               class = "sailer_argument_error")
  # It is chosen because it has the peaks.
  expect_message(
    expect_message(brief_run(main), "experiment \"ATAC\"",
                   class = "sailer_note"),
    "\"peaks\"", class = "sailer_note"
  )
  twice <- main
  SingleCellExperiment::altExp(twice, "ATAC2") <-
    SingleCellExperiment::altExp(main, "ATAC")
  expect_error(brief_run(twice), "\"ATAC\" and \"ATAC2\"",
               class = "sailer_argument_error")
})

test_that("genes with ranges are not mistaken for peaks", {
  skip_if_not_installed("GenomicRanges")
  genes <- GenomicRanges::GRanges(sprintf("chr1:%d-%d:+", 1:5 * 100, 1:5 * 150))
  main <- SingleCellExperiment::SingleCellExperiment(
    list(counts = matrix(1, 5, 120, dimnames = list(
      letters[1:5], colnames(sim$counts)
    ))),
    rowRanges = genes,
    altExps = list(ATAC = SummarizedExperiment::SummarizedExperiment(
      list(counts = sim$counts)
    ))
  )
  expect_message(brief_run(main), "experiment \"ATAC\"", class = "sailer_note")
  expect_identical(choose_altexp(main, list(values = TRUE)), NULL)
})

test_that("rows that are not named like peaks are used with a warning", {
  renamed <- sim$counts
  rownames(renamed) <- sprintf("GENE%d", seq_len(nrow(renamed)))
  expect_warning(done <- brief_run(small_sce(renamed)), "\"GENE1\"",
                 class = "sailer_assay")
  expect_identical(
    reduced(done, "SAILER"), embedding(brief_sailer(renamed))
  )
})

test_that("unknown names are reported", {
  sce <- small_sce()
  expect_error(brief_run(sce, batch = "Batch"), "\"batch\"",
               class = "sailer_argument_error")
  expect_error(brief_run(sce, assay.type = "logcounts"), "\"counts\"",
               class = "sailer_argument_error")
  expect_error(brief_run(sce, n_latnt = 2), "n_latnt",
               class = "sailer_argument_error")
  nameless <- sce
  colnames(nameless) <- NULL
  expect_error(brief_run(nameless), "no names", class = "sailer_data_error")
})

test_that("a SummarizedExperiment has to be converted", {
  plain <- SummarizedExperiment::SummarizedExperiment(
    list(counts = sim$counts)
  )
  expect_error(brief_run(plain), "SingleCellExperiment",
               class = "sailer_argument_error")
  # It can be used as a source of counts.
  expect_identical(
    predict(brief_sailer(sim$counts), plain),
    predict(brief_sailer(sim$counts), sim$counts)
  )
})

test_that("columns of every kind are read", {
  sce <- small_sce()
  sce$run <- S4Vectors::Rle(sim$cells$batch)
  sce$score <- S4Vectors::Rle(round(sim$cells$quality))
  done <- brief_run(sce, batch = "run", covariates = "score")
  fit <- brief_sailer(
    sim$counts,
    batch = sim$cells$batch, covariates = round(sim$cells$quality)
  )
  expect_identical(reduced(done), embedding(fit))
})

test_that("assays on disk give the same as in memory", {
  skip_if_not_installed("HDF5Array")
  expected <- reduced(brief_run(small_sce(), batch = "batch"))
  path <- withr::local_tempfile(fileext = ".h5")
  dense <- HDF5Array::writeHDF5Array(
    as.matrix(sim$counts), path, "dense", with.dimnames = TRUE
  )
  expect_identical(
    reduced(brief_run(small_sce(dense), batch = "batch")), expected
  )
  # Lazily changed values with the same open peaks.
  expect_identical(
    reduced(brief_run(small_sce(dense * 2), batch = "batch")), expected
  )
})

test_that("an assay that is a file is read from the file", {
  skip_if_not_installed("HDF5Array")
  path <- withr::local_tempfile(fileext = ".h5")
  # HDF5Array 1.26 cannot read its own file with Debian's rhdf5.
  stored <- suppressWarnings(tryCatch(
    HDF5Array::writeTENxMatrix(sim$counts, path, "peaks"),
    error = function(cnd) NULL
  ))
  skip_if(is.null(stored), "this HDF5Array cannot write a TENxMatrix")
  cells <- as_cells(small_sce(stored))
  expect_identical(cells$file$path, normalizePath(path))
  done <- brief_run(small_sce(stored), batch = "batch")
  # Streamed cells are sampled in another order than cells in memory.
  streamed <- open_cells(path, group = "peaks", feature_type = NULL)
  expect_identical(
    reduced(done),
    embedding(brief_sailer(streamed, batch = sim$cells["batch"]))
  )
  expect_identical(
    predict(get_fit(done), done[, 1:7]),
    predict(get_fit(done), sim$counts[, 1:7])
  )
})

test_that("chromosomes come from row ranges, but not from an empty list", {
  skip_if_not_installed("GenomicRanges")
  named <- sim$counts
  rownames(named) <- sprintf("peak%d", seq_len(nrow(named)))
  sce <- small_sce(named)
  run <- function(object) {
    RunSAILER(
      object, architecture = "chromosome", n_latent = 3,
      control = brief_control()
    )
  }
  expect_warning(
    expect_error(run(sce), "chromosome", class = "sailer_data_error"),
    class = "sailer_assay"
  )
  ranges <- methods::as(sub("-", ":", rownames(sim$counts)), "GRanges")
  names(ranges) <- rownames(named)
  SummarizedExperiment::rowRanges(sce) <- ranges
  fit <- sailer(
    sim$counts, architecture = "chromosome", n_latent = 3,
    control = brief_control()
  )
  expect_identical(reduced(run(sce)), embedding(fit))
})

test_that("scater's workflow works: subsets and other reductions", {
  done <- brief_run(small_sce())
  part <- done[, c(9, 4, 30)]
  expect_identical(reduced(part, "SAILER"), reduced(done)[c(9, 4, 30), ])
  expect_s3_class(get_fit(part), "sailer_fit")
  skip_if_not_installed("uwot")
  reduced_umap <- uwot::umap(
    reduced(done, "SAILER"), n_neighbors = 10, n_epochs = 20, n_threads = 1
  )
  SingleCellExperiment::reducedDim(done, "UMAP") <- reduced_umap
  expect_identical(
    SingleCellExperiment::reducedDimNames(done), c("SAILER", "UMAP")
  )
})

test_that("scater and scran can use the reduction and imputed values", {
  skip_if_not_installed("scater")
  skip_if_not_installed("scran")
  done <- brief_run(small_sce(), batch = "batch", min_fraction = 0,
                    max_fraction = 1)
  fit <- brief_sailer(
    sim$counts, batch = sim$cells["batch"], min_fraction = 0, max_fraction = 1
  )
  done <- scater::runUMAP(
    done, dimred = "SAILER", n_neighbors = 10, n_threads = 1
  )
  expect_identical(
    SingleCellExperiment::reducedDimNames(done), c("SAILER", "UMAP")
  )
  done$cluster <- scran::clusterCells(done, use.dimred = "SAILER")
  expect_gt(nlevels(done$cluster), 1)
  picture <- scater::plotReducedDim(done, "SAILER", colour_by = "cluster")
  expect_equal(
    unname(as.matrix(picture$data[, c("X", "Y")])),
    unname(embedding(fit)[, 1:2])
  )
  withr::local_pdf(NULL)
  expect_no_error(print(picture))

  done <- ImputeSAILER(done)
  found <- scran::findMarkers(
    done, groups = done$cell_type, assay.type = "imputed", test.type = "t"
  )
  levels <- levels(factor(done$cell_type))[1:2]
  means <- lapply(levels, function(level) {
    rowMeans(impute(fit)[, done$cell_type == level])
  })
  effects <- found[[levels[1]]][[paste0("logFC.", levels[2])]]
  peaks <- rownames(found[[levels[1]]])
  expect_equal(effects, unname((means[[1]] - means[[2]])[peaks]))
})
