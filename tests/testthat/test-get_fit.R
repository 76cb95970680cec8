# The cells that a verb takes from an object are identified correctly,
# regardless of their current names. Here names are changed so that each is that
# of another cell.

sim <- small_simulation()
cells <- colnames(sim$counts)

values_of <- function(object, assay = "imputed") {
  as.matrix(get_layer(object[[assay]], "data"))
}

coordinates <- function(object, name = "sailer") {
  SeuratObject::Embeddings(object, name)
}

test_that("an object contains a model without cells", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(small_seurat(sim), batch = "batch")
  model <- get_fit(object)
  expect_length(intersect(names(model), result_fields), 0)
  fit <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  expect_identical(model$state, fit$state)
  expect_identical(get_fit(object[["sailer"]])$state, fit$state)
  expect_identical(get_fit(fit), fit)
  expect_output(print(model), "120 cells")
  expect_error(embedding(model), "without cells.*object",
    class = "sailer_argument_error"
  )
  # The default values of fixed confounders are known without the cells.
  expect_identical(fixed_confounders(model), fixed_confounders(fit))
  expect_equal(
    impute(model, sim$counts, peaks = fit$peaks[3:4]),
    impute(fit, peaks = fit$peaks[3:4]), tolerance = 1e-5
  )
  expect_error(impute(model), "without cells", class = "sailer_argument_error")
})

test_that("a renamed cell keeps its coordinates, values and group", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(small_seurat(sim), batch = "batch")
  fit <- get_fit(object)
  some <- fit$peaks[1:9]
  compare <- function(object) {
    found <- differential_accessibility(
      object, "cell_type", "type1", "type2", peaks = some
    )
    found[setdiff(names(found), "peak")]
  }
  imputed <- values_of(ImputeSAILER(object, features = some))
  for (names in list(paste0("lane1_", cells), rev(cells))) {
    renamed <- SeuratObject::RenameCells(object, new.names = names)
    expect_identical(get_fit(renamed)$state, fit$state)
    expect_identical(compare(renamed), compare(object))
    shown <- embedded_cells(renamed)
    expect_identical(shown$cells, names)
    expect_identical(unname(shown$values), unname(coordinates(object)))
    expect_identical(cell_values("quality", "colour", shown), sim$cells$quality)
    expect_equal(shown$depth(), unname(cell_depth(sim$counts, fit$peaks)))
    expect_identical(
      unname(values_of(ImputeSAILER(renamed, features = some))),
      unname(imputed)
    )
  }
})

test_that("query cells are not confused with reference cells by name", {
  skip_if_not_installed("SeuratObject")
  reference <- brief_run(small_seurat(sim)[, 1:60], batch = "batch")
  # Another lane with the same barcodes.
  lane <- small_seurat(sim)[, 61:120]
  lane <- SeuratObject::RenameCells(lane, new.names = cells[1:60])
  query <- suppressMessages(map_query(reference, lane, batch = "batch"))
  fit <- get_fit(reference)
  counts <- sim$counts[, 61:120]
  colnames(counts) <- cells[1:60]
  expect_equal(coordinates(query), predict(fit, counts), tolerance = 1e-6,
    ignore_attr = TRUE
  )
  some <- fit$peaks[1:9]
  expect_equal(
    values_of(ImputeSAILER(query, features = some)),
    impute(fit, counts, peaks = some), tolerance = 1e-5
  )
  expect_equal(
    unname(embedded_cells(query)$values), unname(coordinates(query))
  )
  found <- differential_accessibility(
    query, "cell_type", "type1", "type2", peaks = some
  )
  expected <- differential_accessibility(
    as_model(fit), setNames(sim$cells$cell_type[61:120], cells[1:60]),
    "type1", "type2", x = counts, peaks = some
  )
  # Peaks with equal probabilities may be in another order.
  expect_equal(
    found[some, "prob_1"], expected[some, "prob_1"], tolerance = 1e-6
  )
})

test_that("a renamed reference transfers its labels correctly", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(small_seurat(sim), batch = "batch")
  query <- simulate_atac(
    n_cells = 30, n_peaks = 300, n_types = 3, rare = NULL, depth = 50, seed = 3
  )$counts
  mapped <- function(reference, labels = "cell_type") {
    suppressMessages(map_query(reference, query, labels = labels))$cells
  }
  expected <- mapped(object)
  renamed <- SeuratObject::RenameCells(object, new.names = rev(cells))
  expect_identical(mapped(renamed), expected)
  expect_identical(
    mapped(renamed, setNames(sim$cells$cell_type, rev(cells))), expected
  )
  # Cells that are no longer in the object do not vote.
  part <- renamed[, c(90:1, 101:110)]
  kept <- as.character(sim$cells$cell_type)
  kept[c(91:100, 111:120)] <- NA
  fit <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  voted <- c("predicted_label", "predicted_confidence")
  expect_equal(mapped(part)[voted], mapped(fit, kept)[voted])
})

test_that("a merged object needs an explicit fit", {
  skip_if_not_installed("SeuratObject")
  half <- brief_run(small_seurat(sim)[, 1:60])
  fit <- get_fit(half)
  # Another lane with the same barcodes, trained separately.
  other <- SeuratObject::RenameCells(
    small_seurat(sim)[, 61:120], new.names = cells[1:60]
  )
  other <- brief_run(other, lambda = 0.5)
  both <- suppressWarnings(merge(
    half, other, add.cell.ids = c("a", "b"), merge.dr = "sailer"
  ))
  for (verb in list(get_fit, plot_embedding, ImputeSAILER)) {
    expect_error(verb(both), "merge.*fit", class = "sailer_argument_error")
  }
  both <- ImputeSAILER(both, fit = fit, features = fit$peaks[1:9])
  expected <- impute(fit, sim$counts, peaks = fit$peaks[1:9])
  expect_equal(unname(values_of(both)), unname(expected), tolerance = 1e-4)
})

test_that("a joint model reads the reference of the object", {
  skip_if_not_installed("SeuratObject")
  x <- small_multiome()
  object <- small_seurat(x)
  object[["RNA"]] <- SeuratObject::CreateAssayObject(x$rna)
  object[["pca"]] <- SeuratObject::CreateDimReducObject(
    x$pca, key = "PC_", assay = "RNA"
  )
  object <- brief_x(object)
  fit <- brief_sailerx(x)
  expect_identical(coordinates(object, "sailerx"), embedding(fit),
    ignore_attr = "dimnames"
  )
  expect_identical(get_fit(object)$reference_name, "pca")
  some <- fit$peaks[1:9]
  for (names in list(cells, rev(cells))) {
    renamed <- SeuratObject::RenameCells(object, new.names = names)
    expect_equal(
      unname(values_of(ImputeSAILER(renamed, features = some))),
      unname(impute(fit, peaks = some)), tolerance = 1e-5
    )
  }
  by_peaks <- values_of(
    ImputeSAILER(object, features = some, reference = x$pca * NA)
  )
  expect_equal(
    by_peaks, impute(fit, x$counts, peaks = some), tolerance = 1e-5
  )
  expect_gt(max(abs(by_peaks - impute(fit, peaks = some))), 1e-3)
  # It is not embedded from peaks alone without a message.
  bare <- object
  bare[["pca"]] <- NULL
  compare <- function(object, ...) {
    differential_accessibility(
      object, "cell_type", "type1", "type2", peaks = some, ...
    )
  }
  expect_identical(compare(bare, reference = x$pca), compare(object))
  expect_error(ImputeSAILER(bare, features = some), "\"pca\".*reference",
    class = "sailer_argument_error"
  )
  expect_message(predict(fit, x$counts), "from their peaks alone",
    class = "sailer_note"
  )
})

test_that("objects of version 0.1.0 can be used like others", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(small_seurat(sim), batch = "batch")
  fit <- brief_sailer(sim$counts, batch = sim$cells["batch"])
  old <- fit
  old[c("level_counts", "n_cells", "n_validation", "held_out")] <- NULL
  reduction <- object[["sailer"]]
  reduction@misc$fit <- old
  object[["sailer"]] <- reduction
  expect_length(intersect(names(get_fit(object)), result_fields), 0)
  expect_output(print(old), "120 cells.*validation")
  some <- fit$peaks[1:9]
  names <- rev(cells)
  renamed <- SeuratObject::RenameCells(object, new.names = names)
  expect_equal(
    unname(values_of(ImputeSAILER(renamed, features = some))),
    unname(impute(fit, peaks = some)), tolerance = 1e-6
  )
  expect_identical(impute(old, peaks = some), impute(fit, peaks = some))
  query <- sim$counts[, 1:30]
  mapped <- function(fit) suppressMessages(map_query(fit, query))$cells
  expect_identical(mapped(old), mapped(fit))
})

test_that("if there are several fits, one must be named", {
  skip_if_not_installed("SeuratObject")
  object <- brief_run(
    brief_run(small_seurat(sim)), name = "second", batch = "batch"
  )
  expect_error(get_fit(object), "2 fits.*\"sailer\" and \"second\"",
    class = "sailer_argument_error"
  )
  expect_error(ImputeSAILER(object), "name", class = "sailer_argument_error")
  expect_length(get_fit(object, "sailer")$labels, 0)
  expect_named(get_fit(object, "second")$labels, "batch")
  expect_error(get_fit(object, "third"), "\"third\".*\"second\"",
    class = "sailer_argument_error"
  )
  # Each reduction has its own key.
  expect_identical(
    colnames(coordinates(object, "second")), paste0("second_", 1:4)
  )
})

test_that("a renamed experiment keeps the values of its cells", {
  skip_if_not_installed("SingleCellExperiment")
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  first <- brief_run(sce[, 1:60], min_fraction = 0.05)
  fit <- get_fit(first)
  values <- function(object) {
    made <- SingleCellExperiment::altExp(ImputeSAILER(object), "imputed")
    SummarizedExperiment::assay(made, "imputed")
  }
  renamed <- first
  colnames(renamed) <- rev(colnames(first))
  expect_identical(
    unname(embedded_cells(renamed)$values), unname(embedded_cells(first)$values)
  )
  expect_identical(unname(values(renamed)), unname(values(first)))

  second <- sce[, 61:120]
  colnames(second) <- colnames(first)
  second <- suppressMessages(map_query(first, second))
  second$mapping_quality <- NULL
  both <- SummarizedExperiment::cbind(first, second)
  colnames(both) <- paste0("cell", 1:120)
  expect_equal(
    unname(values(both)), unname(impute(fit, sim$counts)), tolerance = 1e-4
  )
})
