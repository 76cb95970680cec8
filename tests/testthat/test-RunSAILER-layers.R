# Assays with layers, which only SeuratObject 5 has.
skip_if_not_installed("SeuratObject")
skip_if(
  utils::packageVersion("SeuratObject") < "5.0.0",
  "assays with layers need SeuratObject 5"
)

sim <- small_simulation()
new_assay5 <- function(counts = sim$counts) {
  SeuratObject::CreateAssay5Object(counts = counts)
}
new_object <- function(assay = new_assay5(), cells = sim$cells) {
  SeuratObject::CreateSeuratObject(
    assay, assay = "ATAC", meta.data = cells[colnames(assay), ]
  )
}
split_object <- function(...) {
  object <- new_object(...)
  suppressWarnings(
    object[["ATAC"]] <- split(object[["ATAC"]], f = object$batch)
  )
  object
}
embedded <- function(object, name = "sailer") {
  SeuratObject::Embeddings(object, name)
}

test_that("one layer gives what sailer() gives", {
  object <- new_object()
  before <- object[["ATAC"]]@layers$counts
  done <- brief_run(object, batch = "batch")
  fit <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  expect_identical(embedded(done), embedding(fit))
  expect_identical(done[["ATAC"]]@layers$counts, before)
  expect_identical(object[["ATAC"]]@layers$counts, before)
  expect_true("RunSAILER.ATAC" %in% SeuratObject::Command(done))
  expect_identical(get_fit(done)$state, fit$state)
})

test_that("Seurat's default assay class works", {
  object <- SeuratObject::CreateSeuratObject(sim$counts, assay = "ATAC")
  expect_identical(
    embedded(brief_run(object)), embedding(brief_sailer(sim$counts))
  )
})

test_that("split layers are streamed in the object's order, as batches", {
  object <- split_object()
  layers <- SeuratObject::Layers(object, search = "counts")
  expect_length(layers, 3)
  before <- object[["ATAC"]]@layers
  expect_message(done <- brief_run(object), "3 layers.*batches.*\"batch1\"",
                 class = "sailer_note")
  fit <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  # Batches of layers are numbered in another order than those of a factor.
  named <- embedding(brief_sailer(sim$counts, batch = factor(
    sim$cells$batch, sub("counts.", "", layers, fixed = TRUE)
  )))
  expect_identical(embedded(done), named)
  expect_identical(rownames(embedded(done)), colnames(sim$counts))
  expect_identical(done[["ATAC"]]@layers, before)
  expect_identical(
    SeuratObject::Layers(done, search = "counts"), layers
  )

  by_column <- brief_run(object, batch = "batch")
  expect_identical(embedded(by_column), embedding(fit))
  without <- brief_run(object, batch = character())
  expect_identical(embedded(without), embedding(brief_sailer(sim$counts)))
})

test_that("single layers and some layers can be named", {
  object <- split_object()
  some <- c("counts.batch3", "counts.batch1")
  expect_message(
    done <- brief_run(object, layer = some, batch = "batch"),
    "will not be in the reduction", class = "sailer_note"
  )
  cells <- colnames(sim$counts)[sim$cells$batch != "batch2"]
  expect_identical(rownames(embedded(done)), cells)
  fit <- brief_sailer(sim$counts[, cells], batch = sim$cells[cells, "batch"])
  expect_identical(embedded(done), embedding(fit))
  expect_error(brief_run(object, layer = "reads"), "counts.batch1",
               class = "sailer_argument_error")
})

test_that("peaks that a layer lacks are closed in its cells", {
  one <- sim$cells$batch == "batch1"
  first <- sim$counts[1:250, one]
  second <- sim$counts[51:300, !one]
  merged <- merge(
    new_object(new_assay5(first)), new_object(new_assay5(second))
  )
  expect_length(SeuratObject::Layers(merged, search = "counts"), 2)
  filled <- cbind(
    rbind(first, 0 * sim$counts[251:300, one]),
    rbind(0 * sim$counts[1:50, !one], second)
  )
  filled <- Matrix::drop0(filled[rownames(merged), colnames(merged)])
  done <- brief_run(merged, batch = "batch")
  fit <- brief_sailer(filled, batch = merged$batch)
  expect_identical(embedded(done), embedding(fit))
  expect_identical(
    check_counts(as_cells(merged))$depth, Matrix::colSums(filled > 0)
  )
})

test_that("the order of the cells in a layer does not matter", {
  object <- new_object()
  shuffled <- sim$counts[, sample(120)]
  assay <- new_assay5(shuffled)
  cells <- as_cells(assay)
  expect_identical(cells$cells, colnames(shuffled))
  object2 <- new_object(assay)
  object2[["ATAC"]] <- split(object2[["ATAC"]], f = object2$cell_type)
  done <- brief_run(object2, batch = "batch")
  expect_identical(rownames(embedded(done)), colnames(object2))
  expect_identical(
    embedded(done),
    embedding(brief_sailer(
      sim$counts[, colnames(object2)],
      batch = sim$cells[colnames(object2), "batch", drop = FALSE]
    ))
  )
})

test_that("an assay with a subset of cells gives a reduction of these", {
  some <- colnames(sim$counts)[1:90]
  object <- SeuratObject::CreateSeuratObject(
    sim$counts[1:20, ], assay = "RNA", meta.data = sim$cells
  )
  suppressWarnings(
    object[["ATAC"]] <- new_assay5(sim$counts[, some])
  )
  expect_message(
    done <- suppressWarnings(brief_run(object, assay = "ATAC")),
    "30 cells", class = "sailer_note"
  )
  expect_identical(rownames(embedded(done)), some)
})

test_that("layers need not be dgCMatrix", {
  skip_if_not_installed("HDF5Array")
  path <- withr::local_tempfile(fileext = ".h5")
  stored <- HDF5Array::writeTENxMatrix(sim$counts, path, "counts")
  assay <- new_assay5()
  delayed <- tryCatch(
    {
      SeuratObject::LayerData(assay, "counts") <- stored
      assay
    },
    error = function(cnd) NULL
  )
  skip_if(is.null(delayed), "this SeuratObject takes no DelayedMatrix layers")
  expect_s4_class(delayed@layers$counts, "DelayedMatrix")
  expect_identical(
    SeuratObject::Embeddings(brief_run(delayed)),
    embedding(brief_sailer(stored))
  )
})

test_that("BPCells layers are read from disk in blocks", {
  object <- new_object(new_assay5(bpcells_matrix(sim$counts)))
  expect_s4_class(object[["ATAC"]]@layers$counts, "IterableMatrix")
  expected <- brief_sailer(sim$counts)
  expect_no_warning(done <- brief_run(object))
  expect_identical(embedded(done), embedding(expected))
  expect_s4_class(done[["ATAC"]]@layers$counts, "IterableMatrix")
  local_mocked_bindings(block_cells = function(...) 7)
  expect_identical(embedded(brief_run(object)), embedding(expected))
})

test_that("several BPCells layers are batches; imputed cells are joined", {
  parts <- split(seq_len(ncol(sim$counts)), sim$cells$batch)
  here <- environment()
  layers <- lapply(parts, function(at) bpcells_matrix(sim$counts[, at], here))
  object <- SeuratObject::CreateSeuratObject(
    stats::setNames(layers, paste0("counts.", names(layers))), assay = "ATAC"
  )
  expect_length(find_layers(object[["ATAC"]], "counts"), 3)
  cells <- colnames(object)
  expect_message(done <- brief_run(object), "3 layers", class = "sailer_note")
  fit <- suppressMessages(brief_sailer(
    sim$counts[, cells], batch = sim$cells[cells, "batch", drop = FALSE]
  ))
  expect_identical(embedded(done), embedding(fit))
  peaks <- fit$peaks[1:5]
  done <- ImputeSAILER(done, features = peaks)
  expect_s4_class(done[["imputed"]], "Assay5")
  # Other cells are embedded from the files.
  done[["sailer"]] <- NULL
  other <- done
  other[["sailer"]] <- brief_run(
    object[, cells[1:60]][["ATAC"]], batch = sim$cells[cells[1:60], "batch"]
  )
  later <- ImputeSAILER(other, features = peaks, new.assay.name = "later")
  expect_equal(
    as.matrix(get_layer(later[["later"]], "data")),
    impute(get_fit(other), sim$counts[, cells], peaks = peaks),
    tolerance = 1e-4
  )
})

test_that("modified or transposed BPCells matrices are read correctly", {
  stored <- bpcells_matrix(sim$counts)
  expected <- brief_sailer(sim$counts)
  by_rows <- BPCells::transpose_storage_order(stored)
  expect_identical(embedding(brief_sailer(by_rows)), embedding(expected))
  with_mocked_bindings(
    expect_message(sorted <- as_cells(by_rows), "converting it",
                   class = "sailer_note"),
    block_cells = function(...) 7
  )
  expect_identical(embedding(brief_sailer(sorted)), embedding(expected))
  expect_length(list.files(tempdir(), "^cells-of-bpcells"), 0)
  odd <- seq(1, 120, by = 2)
  expect_identical(
    embedding(brief_sailer(stored[, rev(odd)])),
    embedding(brief_sailer(sim$counts[, rev(odd)]))
  )
  joined <- cbind(stored[, 1:50], stored[, 51:120])
  expect_identical(embedding(brief_sailer(joined)), embedding(expected))
  expect_error(brief_sailer(stored * 1.5), "whole",
               class = "sailer_data_error")
  expect_error(brief_sailer(stored * -1), "negative",
               class = "sailer_data_error")
})

test_that("IntegrateLayers() accepts SAILERIntegration", {
  object <- split_object()
  assay <- object[["ATAC"]]
  SeuratObject::VariableFeatures(assay) <- rownames(assay)[1:250]
  expect_message(
    parts <- SAILERIntegration(
      assay,
      assay = "ATAC", orig = stop("not to be touched"),
      layers = c("data.batch1", "data.batch2", "data.batch3"),
      features = rownames(assay)[1:200], hidden = 16, n_latent = 4,
      control = brief_control()
    ),
    "all 300 features", class = "sailer_note"
  )
  expect_named(parts, "integrated.sailer")
  expected <- suppressMessages(embedded(brief_run(object)))
  expect_equal(SeuratObject::Embeddings(parts[[1]]), expected,
               tolerance = 0, ignore_attr = TRUE)
  kept <- suppressMessages(SAILERIntegration(
    assay,
    features = rownames(assay)[1:250], variable.features = TRUE, hidden = 16,
    n_latent = 4, control = brief_control()
  ))
  expect_true(all(get_fit(kept[[1]])$peaks %in% rownames(assay)[1:250]))

  skip_if_not_installed("Seurat")
  object <- Seurat::NormalizeData(object, verbose = FALSE)
  object <- suppressWarnings(
    Seurat::FindVariableFeatures(object, nfeatures = 200, verbose = FALSE)
  )
  done <- suppressMessages(suppressWarnings(Seurat::IntegrateLayers(
    object,
    method = SAILERIntegration, orig.reduction = NULL, hidden = 16,
    n_latent = 4, control = brief_control()
  )))
  expect_equal(embedded(done, "integrated.sailer"), expected,
               tolerance = 0, ignore_attr = TRUE)
  expect_s3_class(get_fit(done), "sailer_fit")
})
