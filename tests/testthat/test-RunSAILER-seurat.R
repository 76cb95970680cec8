skip_if_not_installed("SeuratObject")
skip_if_not_installed("withr")

sim <- small_simulation()
counts_of <- function(object) object[["ATAC"]]@counts

test_that("a Seurat object gets what sailer() gives on the same matrix", {
  object <- small_seurat(sim)
  done <- brief_run(object, batch = "batch", covariates = "quality")
  fit <- brief_sailer(
    sim$counts,
    batch = sim$cells["batch"], covariates = sim$cells["quality"]
  )
  reduction <- done[["sailer"]]
  expect_s4_class(reduction, "DimReduc")
  expect_identical(SeuratObject::Embeddings(reduction), embedding(fit))
  expect_identical(rownames(SeuratObject::Embeddings(done, "sailer")),
                   colnames(done))
  expect_identical(SeuratObject::Key(reduction), "sailer_",
                   ignore_attr = TRUE)
  expect_identical(SeuratObject::DefaultAssay(reduction), "ATAC")
  expect_equal(SeuratObject::Stdev(reduction),
               unname(apply(embedding(fit), 2, sd)))
  expect_identical(get_fit(done)$state, fit$state)
  expect_identical(names(get_fit(done)$labels), "batch")
  expect_identical(get_fit(done)$numbers, "quality")
})

test_that("nothing else of the object changes", {
  object <- small_seurat(sim)
  before <- counts_of(object)
  done <- brief_run(object, batch = "batch")
  expect_identical(counts_of(object), before)
  expect_identical(counts_of(done), before)
  expect_identical(done[[]], object[[]])
  expect_length(SeuratObject::Reductions(object), 0)
  expect_identical(SeuratObject::Assays(done), "ATAC")
})

test_that("the command is logged without long arguments", {
  object <- small_seurat(sim)
  done <- brief_run(
    object, features = rownames(object)[1:250], batch = c("batch", "cell_type")
  )
  expect_identical(SeuratObject::Command(done), "RunSAILER.ATAC")
  command <- done@commands$RunSAILER.ATAC
  expect_identical(command@params$batch, c("batch", "cell_type"))
  expect_identical(command@params$n_latent, 4)
  expect_identical(command@params$hidden, 16)
  expect_equal(command@params$epochs, 3)
  expect_null(command@params$features)
  expect_lt(as.numeric(object.size(command)), 5e4)
  expect_output(print(command), "n_latent : 4")
  # Such a call contains the object itself.
  called <- do.call(RunSAILER, list(
    object, hidden = 16, control = brief_control()
  ))
  expect_identical(SeuratObject::Command(called), "RunSAILER.ATAC")
  expect_lt(as.numeric(object.size(called@commands)), 5e4)
})

test_that("missing columns are named, with similar names", {
  object <- small_seurat(sim)
  expect_error(brief_run(object, batch = "bach"),
               "no column \"bach\".*\"batch\"", class = "sailer_argument_error")
  expect_error(brief_run(object, covariates = c("quality", "qualty")),
               "covariates.*\"qualty\"", class = "sailer_argument_error")
  expect_error(brief_run(object, batch = sim$cells$batch),
               "must be names of columns", class = "sailer_argument_error")
  expect_error(brief_run(object, assay = "peaks"), "\"ATAC\"",
               class = "sailer_argument_error")
  expect_error(brief_run(object, features = c("chr1-1-2")), "no peak",
               class = "sailer_argument_error")
  expect_error(brief_run(object, layer = "scale.data"), "counts",
               class = "sailer_argument_error")
  expect_error(brief_run(object, reduction.key = "sai_ler"), "underscore",
               class = "sailer_argument_error")
  expect_error(brief_run(object, n_latnt = 3), "n_latnt",
               class = "sailer_argument_error")
})

test_that("missing values in the metadata are reported by cell", {
  object <- small_seurat(sim)
  object$batch[7] <- NA
  expect_error(brief_run(object, batch = "batch"), colnames(object)[7],
               class = "sailer_data_error")
})

test_that("an assay alone gives a reduction", {
  object <- small_seurat(sim)
  batch <- setNames(sim$cells$batch, rownames(sim$cells))
  reduction <- brief_run(object[["ATAC"]], batch = rev(batch))
  expect_s4_class(reduction, "DimReduc")
  expect_identical(
    SeuratObject::Embeddings(reduction),
    embedding(brief_sailer(sim$counts, batch = batch))
  )
  object[["other"]] <- brief_run(object[["ATAC"]], reduction.key = "o_")
  expect_identical(colnames(object[["other"]]), paste0("o_", 1:4))
  expect_identical(get_fit(object), get_fit(object, "other"))
})

test_that("chosen peaks are used, under another name", {
  object <- small_seurat(sim)
  peaks <- rownames(object)[c(200:50, 210)]
  done <- brief_run(
    object, features = peaks, reduction.name = "few", reduction.key = "few_"
  )
  fit <- brief_sailer(sim$counts[peaks, ])
  expect_equal(SeuratObject::Embeddings(done, "few"), embedding(fit),
               tolerance = 0, ignore_attr = TRUE)
  expect_identical(colnames(done[["few"]]), paste0("few_", 1:4))
  expect_identical(get_fit(done, "few")$peaks, fit$peaks)
})

test_that("fits are found, or reported as missing", {
  object <- small_seurat(sim)
  expect_error(get_fit(object), "RunSAILER", class = "sailer_argument_error")
  done <- brief_run(object)
  expect_s3_class(get_fit(done), "sailer_fit")
  expect_identical(get_fit(done[["sailer"]]), get_fit(done))
  expect_error(get_fit(done, "pca"), "\"sailer\"",
               class = "sailer_argument_error")
  expect_error(get_fit(1), class = "sailer_argument_error")
  expect_error(get_fit(list(1)), class = "sailer_argument_error")
})

test_that("predict() accepts objects and assays", {
  object <- small_seurat(sim)
  done <- brief_run(object)
  fit <- get_fit(done)
  expected <- predict(fit, sim$counts)
  expect_identical(predict(fit, done), expected)
  expect_identical(predict(fit, done[["ATAC"]]), expected)
  few <- colnames(done)[c(5, 3, 9)]
  # Up to rounding: a BLAS may process a block of three cells differently.
  expect_equal(
    predict(fit, subset(done, cells = few))[few, ], expected[few, ],
    tolerance = 1e-5
  )
})

test_that("predict() can be told where the counts are", {
  object <- small_seurat(sim)
  object[["other"]] <- SeuratObject::CreateAssayObject(sim$counts[, 120:1])
  fit <- brief_sailer(sim$counts)
  expect_identical(predict(fit, object, assay = "ATAC"),
                   predict(fit, sim$counts))
  expect_error(predict(fit, object, assay = "none"), "\"ATAC\"",
               class = "sailer_argument_error")
  expect_error(predict(fit, object, altexp = "ATAC"), "does not apply",
               class = "sailer_argument_error")
  expect_error(predict(fit, sim$counts, assay = "ATAC"), "does not apply",
               class = "sailer_argument_error")
  expect_error(embedding(object), "reductions", class = "sailer_argument_error")
  expect_error(embedding(object, "sailer"), "reductions")
})

test_that("the fit of one object can be used for another class", {
  skip_if_not_installed("Seurat")
  skip_if_not_installed("SingleCellExperiment")
  object <- small_seurat(sim)
  object <- brief_run(object, batch = "batch")
  sce <- suppressWarnings(Seurat::as.SingleCellExperiment(object))
  expect_error(ImputeSAILER(sce), "\"SAILER\".*fit.*get_fit",
               class = "sailer_argument_error")
  fit <- get_fit(object)
  done <- ImputeSAILER(sce, fit = fit, name = "SAILER")
  expect_equal(
    SummarizedExperiment::assay(done, "imputed")[fit$peaks, ],
    impute(fit, sim$counts), tolerance = 1e-5, ignore_attr = TRUE
  )
})

test_that("the object can still be used with Seurat", {
  done <- brief_run(small_seurat(sim), batch = "batch")
  some <- colnames(done)[seq(2, 120, by = 2)]
  part <- subset(done, cells = some)
  expect_identical(
    SeuratObject::Embeddings(part, "sailer"),
    SeuratObject::Embeddings(done, "sailer")[some, ]
  )
  expect_identical(get_fit(part)$state, get_fit(done)$state)
  skip_if_not_installed("Seurat")
  graph <- Seurat::FindNeighbors(
    done, reduction = "sailer", dims = 1:4, verbose = FALSE
  )
  expect_setequal(SeuratObject::Graphs(graph), c("ATAC_nn", "ATAC_snn"))
})

test_that("an object can be saved with its fit", {
  done <- brief_run(small_seurat(sim))
  path <- withr::local_tempfile(fileext = ".rds")
  saveRDS(done, path)
  again <- readRDS(path)
  expect_identical(predict(get_fit(again), again),
                   predict(get_fit(done), sim$counts))
})

test_that("chromosomes come from the ranges of an assay", {
  skip_if_not_installed("GenomicRanges")
  skip_if_not_installed("IRanges")
  # Like Signac's ChromatinAssay in every way that matters to sailer.
  setClass("RangedTestAssay", contains = "Assay", slots = c(ranges = "ANY"))
  granges <- GenomicRanges::granges
  setMethod(granges, "RangedTestAssay", function(x, ...) x@ranges)
  withr::defer({
    removeMethod(granges, "RangedTestAssay")
    removeClass("RangedTestAssay")
  })
  ranges <- methods::as(sub("-", ":", rownames(sim$counts)), "GRanges")
  named <- sim$counts
  rownames(named) <- sprintf("peak%d", seq_len(nrow(named)))
  object <- small_seurat(list(counts = named, cells = sim$cells))
  plain <- object[["ATAC"]]
  expect_error(
    RunSAILER(plain, architecture = "chromosome", control = brief_control()),
    "chromosome", class = "sailer_data_error"
  )
  ranged <- methods::new("RangedTestAssay", plain, ranges = ranges)
  suppressWarnings(object[["ATAC"]] <- ranged)
  options <- list(
    architecture = "chromosome", n_latent = 3, control = brief_control()
  )
  done <- do.call(RunSAILER, c(list(object), options))
  fit <- do.call(sailer, c(list(sim$counts), options))
  expect_identical(get_fit(done)$chromosomes, fit$chromosomes)
  expect_equal(SeuratObject::Embeddings(done, "sailer"), embedding(fit),
               tolerance = 0, ignore_attr = TRUE)
  # Ranges are reordered with their peaks.
  cells <- as_cells(ranged, features = rownames(named)[c(250, 3)])
  expect_identical(cells$ranges, ranges[c(250, 3)])
})

test_that("options of training can also be given directly", {
  done <- RunSAILER(
    small_seurat(sim), hidden = 16, n_latent = 4, epochs = 2, seed = 7,
    control = brief_control()
  )
  control <- utils::modifyList(brief_control(), list(epochs = 2, seed = 7))
  fit <- sailer(sim$counts, hidden = 16, n_latent = 4, control = control)
  expect_identical(get_fit(done)$state, fit$state)
  expect_identical(
    sailer(sim$counts, hidden = 16, n_latent = 4, epochs = 2, seed = 7,
           control = brief_control())$state,
    fit$state
  )
  expect_error(sailer(sim$counts, epoch = 2), "epochs",
               class = "sailer_argument_error")
  expect_error(RunSAILER(small_seurat(sim), learning_rates = 1),
               "learning_rate", class = "sailer_argument_error")
})

test_that("the assay with peaks is used, even if it is not the default", {
  object <- small_seurat(sim)
  genes <- matrix(rpois(600, 1), 5, 120, dimnames = list(
    paste0("gene", 1:5), colnames(sim$counts)
  ))
  object[["RNA"]] <- SeuratObject::CreateAssayObject(genes)
  SeuratObject::DefaultAssay(object) <- "RNA"
  note <- expect_message(
    done <- brief_run(object), "assay \"ATAC\", not.*\"RNA\"",
    class = "sailer_note"
  )
  expect_match(
    conditionMessage(note), "DefaultAssay(object) <- \"ATAC\"", fixed = TRUE
  )
  expect_identical(SeuratObject::DefaultAssay(done[["sailer"]]), "ATAC")
  expect_identical(
    SeuratObject::Embeddings(done, "sailer"),
    embedding(brief_sailer(sim$counts))
  )
  SeuratObject::DefaultAssay(object) <- "ATAC"
  expect_message(cells <- as_cells(object, counts = TRUE), "assay \"RNA\"",
                 class = "sailer_note")
  expect_identical(rownames(cells), paste0("gene", 1:5))
  # If no assay seems to have peaks, none is used without a warning.
  SeuratObject::DefaultAssay(object) <- "RNA"
  object[["ATAC"]] <- NULL
  expect_warning(as_cells(object), "named like \"gene1\"",
                 class = "sailer_assay")
  expect_silent(as_cells(object, assay = "RNA"))
})

test_that("matrices go to sailer(); other things are refused", {
  expect_identical(
    brief_run(sim$counts, batch = sim$cells$batch)$state,
    brief_sailer(sim$counts, batch = sim$cells$batch)$state
  )
  expect_error(RunSAILER(NULL), class = "sailer_argument_error")
  expect_error(RunSAILER(sim$counts, assay = "ATAC"), "`assay` does not apply",
               class = "sailer_argument_error")
  expect_error(RunSAILER(small_seurat(sim), altexp = "ATAC"),
               "`altexp` does not apply", class = "sailer_argument_error")
})
