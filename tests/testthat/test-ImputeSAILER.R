sim <- small_simulation()

expect_values <- function(found, expected) {
  expect_equal(as.matrix(found), as.matrix(expected), tolerance = 1e-4)
}

assay_data <- function(object, assay = "imputed") {
  stored <- object[[assay]]
  if (methods::is(stored, "StdAssay")) {
    get_layer(stored, "data")
  } else {
    get_layer(stored, "data")
  }
}

test_that("a Seurat object gets an assay with the values as its data", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(small_seurat(sim), batch = "batch")
  before <- object
  fit <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  expect_no_warning(object <- ImputeSAILER(object))
  expect_identical(SeuratObject::Assays(object), c("ATAC", "imputed"))
  expect_identical(SeuratObject::DefaultAssay(object), "ATAC")
  expect_s4_class(object[["imputed"]], "Assay")
  expect_identical(SeuratObject::Key(object[["imputed"]]), "imputed_")
  expect_values(assay_data(object), impute(fit))
  expect_identical(
    get_layer(object[["ATAC"]], "counts"),
    get_layer(before[["ATAC"]], "counts")
  )
  peak <- fit$peaks[3]
  fetched <- SeuratObject::FetchData(object, paste0("imputed_", peak))
  expect_equal(fetched[[1]], unname(impute(fit)[peak, ]), tolerance = 1e-6)
  expect_true("ImputeSAILER.ATAC" %in% SeuratObject::Command(object))
})

test_that("features, options and names are respected", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(
    small_seurat(sim), batch = "batch", reduction.name = "other"
  )
  fit <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  some <- fit$peaks[c(40, 3, 12)]
  object <- ImputeSAILER(object,
    features = some, name = "other", new.assay.name = "open.peaks",
    depth = 90, batch = fit$labels$batch[2], n_open = 2
  )
  expected <- impute(fit,
    peaks = some, depth = 90, batch = fit$labels$batch[2], n_open = 2,
    binary = FALSE
  )
  expect_values(assay_data(object, "open.peaks"), expected)
  expect_identical(SeuratObject::Key(object[["open.peaks"]]), "openpeaks_")
  object <- ImputeSAILER(object, n_open = 2, binary = TRUE)
  expect_values(assay_data(object), 1 * as.matrix(impute(fit, n_open = 2)))
})

test_that("an object of the new class gets an assay of the new class", {
  skip_if_not_installed("SeuratObject", "5.0.0")
  withr::local_options(Seurat.object.assay.version = "v5")
  object <- SeuratObject::CreateSeuratObject(
    sim$counts, assay = "ATAC", meta.data = sim$cells
  )
  object <- brief_run(object, batch = "batch")
  expect_no_warning(object <- ImputeSAILER(object))
  expect_s4_class(object[["imputed"]], "Assay5")
  expect_identical(find_layers(object[["imputed"]], NA), "data")
  fit <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  expect_values(assay_data(object), impute(fit))
})

test_that("cells in another order, subsets and new cells are imputed", {
  skip_if_not_installed("SeuratObject")
  half <- brief_run(small_seurat(sim)[, 1:80], batch = "batch")
  fit <- get_fit(half)
  fewer <- ImputeSAILER(half[, 11:50])
  expect_values(assay_data(fewer), impute(fit, sim$counts[, 11:50]))
  # The reduction has only some of the object's cells.
  all <- small_seurat(sim)
  expect_error(ImputeSAILER(all), "no fit", class = "sailer_argument_error")
  expected <- impute(fit, sim$counts)
  if (has_seurat_layers()) {
    all[["sailer"]] <- half[["sailer"]]
  } else {
    all[["sailer"]] <- cover_cells(half[["sailer"]], colnames(all))
  }
  expect_values(assay_data(ImputeSAILER(all)), expected)
})

test_that("results that Seurat cannot store are refused", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(small_seurat(sim), batch = "batch")
  refused <- function(pattern, ...) {
    expect_error(
      ImputeSAILER(object, ...), pattern, class = "sailer_argument_error"
    )
  }
  refused("in memory", file = "x.h5")
  refused("holds the counts", new.assay.name = "ATAC")
  refused("none", features = "none")
  refused("batch", batch = "none")
  refused("threshold", treshold = 0.1)
  refused("`features` must be names", 0.1)
  refused("no fit", name = "none")
  withr::local_options(sailer.max_memory = 1000)
  refused("would take.*fewer `features`")
  expect_error(ImputeSAILER(sim$counts), "fit",
    class = "sailer_argument_error"
  )
})

test_that("SCE: all rows become an assay, some an alternative experiment", {
  skip_if_not_installed("SingleCellExperiment")
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  whole <- brief_run(sce, batch = "batch", min_fraction = 0, max_fraction = 1)
  whole <- ImputeSAILER(whole[, 120:1])
  expect_identical(
    SummarizedExperiment::assayNames(whole), c("counts", "imputed")
  )
  expected <- impute(get_fit(whole), sim$counts)[rownames(sce), 120:1]
  expect_values(SummarizedExperiment::assay(whole, "imputed"), expected)

  part <- brief_run(sce, batch = "batch", min_fraction = 0.05)
  fit <- get_fit(part)
  expect_lt(length(fit$peaks), nrow(sce))
  part <- ImputeSAILER(part, new.assay.name = "smooth")
  made <- SingleCellExperiment::altExp(part, "smooth")
  expect_values(
    SummarizedExperiment::assay(made, "smooth"), impute(fit, sim$counts)
  )
  expect_identical(SummarizedExperiment::assayNames(part), "counts")
})

test_that("SCE: ranges, alternative experiments and files", {
  skip_if_not_installed("SingleCellExperiment")
  skip_if_not_installed("HDF5Array")
  skip_if_not_installed("GenomicRanges")
  rna <- matrix(1, 2, ncol(sim$counts),
    dimnames = list(c("a", "b"), colnames(sim$counts))
  )
  atac <- SingleCellExperiment::SingleCellExperiment(list(counts = sim$counts))
  ranges <- parse_ranges(rownames(atac))
  names(ranges) <- rownames(atac)
  SummarizedExperiment::rowRanges(atac) <- ranges
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = rna), altExps = list(ATAC = atac)
  )
  sce <- brief_run(sce, altexp = "ATAC", min_fraction = 0)
  fit <- get_fit(sce)
  path <- withr::local_tempfile(fileext = ".h5")
  inside <- ImputeSAILER(sce, altexp = "ATAC", file = path)
  host <- SingleCellExperiment::altExp(inside, "ATAC")
  if (setequal(fit$peaks, rownames(atac))) {
    values <- SummarizedExperiment::assay(host, "imputed")
  } else {
    values <- SummarizedExperiment::assay(
      SingleCellExperiment::altExp(inside, "imputed"), "imputed"
    )
  }
  expect_s4_class(values, "DelayedMatrix")
  expect_values(values, impute(fit, sim$counts)[rownames(values), ])

  some <- ranges[fit$peaks[c(9, 4)]]
  beside <- ImputeSAILER(sce, features = some, altexp = "ATAC")
  made <- SingleCellExperiment::altExp(beside, "imputed")
  expect_identical(
    SummarizedExperiment::rowRanges(made), some[rownames(made)]
  )
  expect_error(
    ImputeSAILER(sce, altexp = "none"), "ATAC", class = "sailer_argument_error"
  )
  # Cells without coordinates are read from the counts.
  half <- brief_run(
    sce[, 1:80], altexp = "ATAC", min_fraction = 0, name = "half"
  )
  fit <- get_fit(half, "half")
  peaks <- fit$peaks
  all <- ImputeSAILER(sce, altexp = "ATAC", fit = fit, new.assay.name = "x")
  where <- SingleCellExperiment::altExp(all, "ATAC")
  found <- if ("x" %in% SummarizedExperiment::assayNames(where)) {
    SummarizedExperiment::assay(where, "x")[peaks, ]
  } else {
    SummarizedExperiment::assay(SingleCellExperiment::altExp(all, "x"), "x")
  }
  expect_values(found, impute(fit, sim$counts))
})
