# Objects of Signac, from their counts to what users do with the results.

skip_if_no_signac()
skip_if_not_installed("withr")

sim <- small_simulation()
counts <- signac_counts(sim)
fragments <- write_fragments(counts)
withr::defer(unlink(paste0(fragments, c("", ".tbi"))), teardown_env())
cells <- colnames(counts)

data_of <- function(object, assay) {
  SeuratObject::GetAssayData(object, assay = assay, layer = "data")
}

# Actually draws the plot, because errors of ggplot objects occur only then.
expect_drawn <- function(picture) {
  withr::local_pdf(NULL)
  expect_no_error(suppressWarnings(suppressMessages(print(picture))))
}

test_that("an assay's ranges are used, regardless of its peak names", {
  object <- signac_object(sim)
  assay <- object[["ATAC"]]
  expect_s4_class(
    assay, if (has_granges_assay()) "GRangesAssay" else "ChromatinAssay"
  )
  handle <- as_cells(object)
  expect_identical(dimnames(handle), dimnames(counts))
  expect_identical(handle$ranges, GenomicRanges::granges(assay))
  some <- rownames(counts)[c(250, 3)]
  expect_identical(
    as_cells(assay, features = some)$ranges,
    GenomicRanges::granges(assay)[c(250, 3)]
  )
  options <- list(
    architecture = "chromosome", n_latent = 3, control = brief_control()
  )
  fit <- do.call(sailer, c(list(counts), options))
  reduction <- do.call(RunSAILER, c(list(assay), options))
  expect_identical(SeuratObject::Embeddings(reduction), embedding(fit))
  done <- do.call(RunSAILER, c(list(object), options))
  expect_identical(SeuratObject::Embeddings(done, "sailer"), embedding(fit))
  expect_identical(get_fit(done)$chromosomes, fit$chromosomes)
})

test_that("there is no warning, and the assay is unchanged", {
  object <- signac_object(sim, fragments = fragments)
  before <- object[["ATAC"]]
  expect_no_warning({
    done <- brief_run(object, batch = "batch")
    done <- ImputeSAILER(done)
    done <- GeneActivitySAILER(done)
  })
  expect_identical(done[["ATAC"]], before)
  expect_identical(SeuratObject::DefaultAssay(done), "ATAC")
})

test_that("imputed values are a Signac assay with all its information", {
  done <- ImputeSAILER(brief_run(signac_object(sim, fragments = fragments)))
  fit <- brief_sailer(counts)
  source <- done[["ATAC"]]
  made <- done[["imputed"]]
  expect_identical(class(made), class(source))
  expect_equal(as.matrix(data_of(done, "imputed")), impute(fit))
  at <- match(fit$peaks, rownames(source))
  expect_identical(
    GenomicRanges::granges(made), GenomicRanges::granges(source)[at]
  )
  expect_identical(Signac::Annotation(made), Signac::Annotation(source))
  expect_identical(Signac::Fragments(made), Signac::Fragments(source))
  few <- ImputeSAILER(
    done, features = GenomicRanges::granges(source)[at[5:6]],
    new.assay.name = "few"
  )
  expect_identical(rownames(few[["few"]]), fit$peaks[5:6])
})

test_that("FindMarkers() compares means of imputed values", {
  done <- ImputeSAILER(brief_run(signac_object(sim), batch = "batch"))
  SeuratObject::Idents(done) <- "cell_type"
  groups <- levels(SeuratObject::Idents(done))[1:2]
  found <- Seurat::FindMarkers(
    done, ident.1 = groups[1], ident.2 = groups[2], assay = "imputed",
    logfc.threshold = 0, min.pct = 0, verbose = FALSE
  )
  imputed <- impute(brief_sailer(counts, batch = sim$cells["batch"]))
  means <- lapply(groups, function(group) {
    rowMeans(imputed[, sim$cells$cell_type == group])
  })
  by_hand <- log2(means[[1]] + 1e-4) - log2(means[[2]] + 1e-4)
  expect_equal(
    setNames(found$avg_log2FC, rownames(found)), by_hand[rownames(found)]
  )
  expect_gt(nrow(found), 250)
})

test_that("the genes come from the object's annotation", {
  done <- brief_run(signac_object(sim), batch = "batch")
  fit <- brief_sailer(counts, batch = sim$cells["batch"])
  by_default <- GeneActivitySAILER(done)
  given <- GeneActivitySAILER(done, Signac::Annotation(done))
  expect_identical(
    data_of(by_default, "activity"), data_of(given, "activity")
  )
  expect_equal(
    as.matrix(data_of(by_default, "activity")),
    gene_activity(fit, signac_annotation())
  )
  expect_identical(rownames(by_default[["activity"]]), c("A", "B"))
  expect_false(methods::.hasSlot(by_default[["activity"]], "ranges"))
  bare <- brief_run(signac_object(sim, annotation = NULL))
  expect_error(GeneActivitySAILER(bare), "`genes` is missing.*Annotation",
               class = "sailer_argument_error")
})

test_that("clusters of the reduction work in Seurat's and Signac's plots", {
  done <- brief_run(signac_object(sim, fragments = fragments))
  done <- suppressWarnings(suppressMessages({
    done <- Seurat::FindNeighbors(
      done, reduction = "sailer", dims = 1:4, verbose = FALSE
    )
    done <- Seurat::FindClusters(done, resolution = 2, verbose = FALSE)
    Seurat::RunUMAP(done, reduction = "sailer", dims = 1:4, verbose = FALSE)
  }))
  expect_gt(nlevels(done$seurat_clusters), 1)
  done <- GeneActivitySAILER(ImputeSAILER(done))
  expect_drawn(Seurat::DimPlot(done, reduction = "umap"))
  expect_drawn(Seurat::DimPlot(done, reduction = "sailer"))
  expect_drawn(Seurat::FeaturePlot(
    done, c("activity_A", paste0("imputed_", rownames(done[["imputed"]])[1]))
  ))
  depth <- suppressWarnings(Signac::DepthCor(done, reduction = "sailer", n = 4))
  expect_drawn(depth)
  expect_equal(
    unname(depth$data$nCount_ATAC),
    unname(c(stats::cor(
      SeuratObject::Embeddings(done, "sailer"), done$nCount_ATAC
    )))
  )
  on_one <- grep("^chr1[:-]", rownames(counts))
  covered <- function(...) {
    Signac::CoveragePlot(
      done, region = rownames(counts)[on_one[1]], assay = "ATAC",
      group.by = "seurat_clusters", extend.upstream = 500,
      extend.downstream = 20000, ...
    )
  }
  expect_drawn(covered())
  bare <- covered(annotation = FALSE, peaks = FALSE)
  expect_setequal(
    as.character(bare$data$group), levels(done$seurat_clusters)
  )
})

test_that("results survive operations on the object", {
  done <- ImputeSAILER(brief_run(
    signac_object(sim, fragments = fragments), batch = "batch"
  ))
  values <- unname(as.matrix(data_of(done, "imputed")))
  fit <- brief_sailer(counts, batch = sim$cells["batch"])
  activity <- gene_activity(fit, signac_annotation())

  part <- subset(done, cells = cells[c(90, 3, 61:80)])
  at <- match(colnames(part), cells)
  expect_equal(unname(as.matrix(data_of(part, "imputed"))), values[, at])
  expect_equal(
    unname(as.matrix(data_of(GeneActivitySAILER(part), "activity"))),
    unname(activity[, at])
  )

  renamed <- SeuratObject::RenameCells(done, add.cell.id = "lane1")
  expect_identical(colnames(renamed), paste0("lane1_", cells))
  expect_equal(
    unname(as.matrix(data_of(GeneActivitySAILER(renamed), "activity"))),
    unname(activity)
  )
  expect_drawn(plot_embedding(renamed, "cell_type", layout = "pca"))

  path <- withr::local_tempfile(fileext = ".rds")
  saveRDS(renamed, path)
  again <- readRDS(path)
  expect_identical(
    ImputeSAILER(again, new.assay.name = "x")[["x"]]$data,
    ImputeSAILER(renamed, new.assay.name = "x")[["x"]]$data
  )

  halves <- list(
    SeuratObject::RenameCells(done[, 1:50], add.cell.id = "a"),
    SeuratObject::RenameCells(done[, 51:120], add.cell.id = "b")
  )
  merged <- suppressWarnings(
    merge(halves[[1]], halves[[2]], merge.dr = "sailer")
  )
  expect_equal(
    unname(SeuratObject::Embeddings(merged, "sailer")),
    unname(embedding(fit))
  )
  expect_identical(
    GenomicRanges::granges(merged[["imputed"]]),
    GenomicRanges::granges(done[["imputed"]])
  )
})

test_that("an object from a file can be read before Signac is loaded", {
  path <- withr::local_tempfile(fileext = ".rds")
  saveRDS(signac_object(sim), path)
  code <- sprintf(
    "x <- readRDS('%s'); stopifnot(!'Signac' %%in%% loadedNamespaces());
     cells <- sailer::as_cells(x);
     cat(dim(cells), length(cells$ranges))", path
  )
  expect_match(in_another_r(code), "300 120 300", all = FALSE)
})
