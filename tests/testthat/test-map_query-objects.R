quiet <- function(code) suppressMessages(code, classes = "sailer_note")

sim <- small_simulation()
old <- sim$cells$batch != "batch3"
train <- sim$counts[, old]
new <- sim$counts[, !old]
fit <- brief_sailer(train, batch = droplevels(sim$cells$batch[old]))
labels <- setNames(sim$cells$cell_type[old], colnames(train))
expected <- quiet(map_query(fit, new, labels = labels))

part_of <- function(sim, cells) {
  list(counts = sim$counts[, cells], cells = sim$cells[cells, ])
}

test_that("a Seurat object is returned with embedding, labels and model", {
  skip_if_not_installed("SeuratObject")
  object <- small_seurat(part_of(sim, !old))
  counts <- get_layer(object[["ATAC"]], "counts")
  mapped <- quiet(map_query(fit, object, labels = labels))
  values <- SeuratObject::Embeddings(mapped, "sailer")
  expect_equal(unname(values), unname(expected$embedding))
  expect_identical(rownames(values), colnames(object))
  expect_identical(colnames(values)[1], "sailer_1")
  expect_identical(
    as.character(mapped$predicted_label),
    as.character(expected$cells$predicted_label)
  )
  expect_equal(
    unname(mapped$predicted_confidence), expected$cells$predicted_confidence
  )
  expect_equal(unname(mapped$mapping_quality), expected$cells$mapping_quality)
  expect_identical(get_layer(mapped[["ATAC"]], "counts"), counts)
  expect_identical(get_fit(mapped)$peaks, fit$peaks)
  expect_identical(colnames(object[[]]), setdiff(
    colnames(mapped[[]]),
    c("predicted_label", "predicted_confidence", "mapping_quality")
  ))
})

test_that("the reference may be an object and its labels a column", {
  skip_if_not_installed("SeuratObject")
  reference <- small_seurat(part_of(sim, old))
  reference <- brief_run(reference, batch = "batch")
  object <- small_seurat(part_of(sim, !old))
  mapped <- quiet(map_query(
    reference, object, labels = "cell_type", batch = "batch", adapt = TRUE,
    reduction.name = "mapped", reduction.key = "map_", prefix = "sailer_"
  ))
  expect_identical(
    as.character(mapped$sailer_predicted_label),
    as.character(expected$cells$predicted_label)
  )
  expect_named(get_fit(mapped, "mapped")$extra_batches, "batch3")
  expect_null(get_fit(reference)$extra_batches)
  expect_identical(
    colnames(SeuratObject::Embeddings(mapped, "mapped"))[2], "map_2"
  )
  expect_error(
    quiet(map_query(reference, object, labels = "celltype")), "cell_type",
    class = "sailer_argument_error"
  )
  expect_error(
    quiet(map_query(reference, object, batch = "donor")), "donor",
    class = "sailer_argument_error"
  )
})

test_that("cells that are left out have NA", {
  skip_if_not_installed("SeuratObject")
  gap <- part_of(sim, !old)
  gap$counts[fit$peaks, 5] <- 0
  object <- small_seurat(gap)
  mapped <- quiet(map_query(fit, object, labels = labels, drop_empty = TRUE))
  expect_identical(unname(which(is.na(mapped$predicted_label))), 5L)
  expect_identical(ncol(mapped), 40L)
  values <- SeuratObject::Embeddings(mapped, "sailer")
  expect_equal(
    values[colnames(object)[-5], ], expected$embedding[-5, ],
    ignore_attr = TRUE
  )
  expect_error(quiet(map_query(fit, object)), colnames(object)[5],
    class = "sailer_data_error", fixed = TRUE
  )
})

# The query's peaks, shifted by ten bases.
moved_peaks <- function(counts) {
  ranges <- GenomicRanges::shift(
    parse_ranges(rownames(counts)), 10L
  )
  rownames(counts) <- range_names(ranges)
  list(counts = counts, ranges = ranges)
}

test_that("ranges of a Signac assay match peaks with other names", {
  skip_if_no_signac()
  moved <- moved_peaks(new)
  assay <- signac_assay(moved$counts, NULL, ranges = moved$ranges)
  object <- SeuratObject::CreateSeuratObject(assay, assay = "ATAC")
  mapped <- quiet(map_query(fit, object))
  expect_equal(
    unname(SeuratObject::Embeddings(mapped, "sailer")),
    unname(expected$embedding)
  )
  stored <- methods::slot(mapped[["sailer"]], "misc")$query
  expect_equal(stored$matched$by_overlap, length(fit$peaks))
})

test_that("row ranges of an experiment match peaks with arbitrary names", {
  skip_if_not_installed("GenomicRanges")
  skip_if_not_installed("SingleCellExperiment")
  moved <- moved_peaks(new)
  rownames(moved$counts) <- paste0("peak", seq_len(nrow(new)))
  names(moved$ranges) <- rownames(moved$counts)
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = moved$counts), rowRanges = moved$ranges
  )
  mapped <- quiet(map_query(fit, sce))
  expect_equal(
    unname(SingleCellExperiment::reducedDim(mapped, "SAILER")),
    unname(expected$embedding)
  )
  stored <- S4Vectors::metadata(mapped)$sailer_query$SAILER
  expect_equal(stored$matched$by_overlap, length(fit$peaks))
})

test_that("layers of a Seurat 5 assay are read as one query", {
  skip_if_not_installed("SeuratObject", "5.0.0")
  object <- SeuratObject::CreateSeuratObject(
    new, assay = "ATAC", meta.data = sim$cells[!old, ]
  )
  object$half <- rep(c("a", "b"), 20)
  object[["ATAC"]] <- split(object[["ATAC"]], f = object$half)
  mapped <- quiet(map_query(fit, object, labels = labels))
  expect_equal(
    unname(SeuratObject::Embeddings(mapped, "sailer")),
    unname(expected$embedding)
  )
})

test_that("a SingleCellExperiment is returned with all results", {
  skip_if_not_installed("SingleCellExperiment")
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = new), colData = sim$cells[!old, ]
  )
  mapped <- quiet(map_query(
    fit, sce, labels = labels, batch = "batch", adapt = TRUE
  ))
  expect_equal(
    SingleCellExperiment::reducedDim(mapped, "SAILER"), expected$embedding
  )
  expect_identical(
    as.character(mapped$predicted_label),
    as.character(expected$cells$predicted_label)
  )
  expect_identical(
    SummarizedExperiment::assay(mapped, "counts"),
    SummarizedExperiment::assay(sce, "counts")
  )
  expect_named(get_fit(mapped)$extra_batches, "batch3")
  expect_equal(
    S4Vectors::metadata(mapped)$sailer_query$SAILER$matched$peaks, 1
  )
  # Peaks in an alternative experiment, one cell without any, and an object as
  # reference.
  gap <- new
  gap[fit$peaks, 5] <- 0
  rna <- SingleCellExperiment::SingleCellExperiment(
    list(counts = new[1:9, ]),
    altExps = list(ATAC = SingleCellExperiment::SingleCellExperiment(
      list(counts = gap)
    ))
  )
  reference <- SingleCellExperiment::SingleCellExperiment(
    list(counts = train), colData = sim$cells[old, ]
  )
  reference <- brief_run(reference, batch = "batch")
  mapped <- quiet(map_query(
    reference, rna, labels = "cell_type", altexp = "ATAC", name = "MAPPED",
    drop_empty = TRUE
  ))
  values <- SingleCellExperiment::reducedDim(mapped, "MAPPED")
  expect_true(all(is.na(values[5, ])))
  expect_equal(values[-5, ], expected$embedding[-5, ])
  expect_true(is.na(mapped$predicted_label[5]))
})
