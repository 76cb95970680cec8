skip_if_not_installed("withr")

sim <- small_multiome()
rna <- sim$rna
pca <- sim$pca

multiome_seurat <- function(cells = colnames(rna), pca = NULL) {
  withr::local_options(Seurat.object.assay.version = "v3")
  object <- small_seurat(list(
    counts = sim$counts[, cells], cells = sim$cells[cells, ]
  ))
  suppressWarnings(
    object[["RNA"]] <- SeuratObject::CreateAssayObject(rna[, cells])
  )
  if (!is.null(pca)) {
    object[["pca"]] <- SeuratObject::CreateDimReducObject(
      pca[cells, ], key = "PC_", assay = "RNA"
    )
  }
  object
}

# The last 40 cells have no RNA.
multiome <- colnames(rna)[1:80]
hybrid_seurat <- function() {
  suppressWarnings(merge(
    multiome_seurat(multiome),
    small_seurat(list(
      counts = sim$counts[, 81:120], cells = sim$cells[81:120, ]
    ))
  ))
}

embedded <- function(object, name = "sailerx") {
  SeuratObject::Embeddings(object, name)
}

# Everything in an object except what RunSAILERX() adds.
but_new <- function(object) {
  object@reductions <- list()
  object@commands <- list()
  object
}

test_that("a Seurat object gets what sailerx() gives on the same matrices", {
  skip_if_not_installed("SeuratObject")
  object <- multiome_seurat(pca = pca)
  expect_silent(
    done <- brief_x(object, batch = "batch", covariates = "quality")
  )
  fit <- brief_sailerx(
    sim, batch = sim$cells["batch"], covariates = sim$cells["quality"]
  )
  expect_identical(
    embedded(done), embedding(fit), ignore_attr = "dimnames"
  )
  expect_equal(unname(rowSums(embedded(done)^2)), rep(1, 120))
  expect_identical(rownames(embedded(done)), colnames(sim$counts))
  expect_identical(colnames(embedded(done)), paste0("sailerx_", 1:4))
  expect_identical(SeuratObject::DefaultAssay(done[["sailerx"]]), "ATAC")
  expect_s3_class(get_fit(done), "sailerx_fit")
  expect_identical(get_fit(done)$state, fit$state)
  expect_identical(get_fit(done)$history$alignment, fit$history$alignment)
  # The reference and the depths do have an effect.
  expect_false(identical(
    fit$state,
    brief_sailerx(sim, batch = sim$cells["batch"], rna_depth = NULL,
                  covariates = sim$cells["quality"])$state
  ))
  expect_identical(but_new(done), but_new(object))
  expect_identical(
    SeuratObject::Embeddings(done, "pca"), pca, ignore_attr = "dimnames"
  )
})

test_that("any reduction can guide, with custom names and options", {
  skip_if_not_installed("SeuratObject")
  object <- multiome_seurat(pca = pca)
  other <- pca[, 1:2] * 3
  object[["scvi"]] <- SeuratObject::CreateDimReducObject(
    other, key = "scvi_", assay = "RNA"
  )
  SeuratObject::DefaultAssay(object) <- "RNA"
  done <- brief_x(
    object, assay = "ATAC", reference = "scvi", reduction.name = "x",
    reduction.key = "x_", alignment = 10, rna_depth = NULL
  )
  fit <- brief_sailerx(sim, reference = other, rna_depth = NULL, alignment = 10)
  expect_identical(get_fit(done)$state, fit$state)
  expect_identical(colnames(embedded(done, "x")), paste0("x_", 1:4))
  expect_identical(SeuratObject::Command(done), "RunSAILERX.ATAC")
  params <- done@commands$RunSAILERX.ATAC@params
  expect_identical(params$reference, "scvi")
  expect_identical(params$rna.assay, "RNA")
  expect_identical(params$alignment, 10)
  expect_equal(params$epochs, 3)
})

test_that("Seurat's usual steps make the reference, on a copy", {
  skip_if_not_installed("Seurat")
  object <- multiome_seurat()
  withr::local_seed(1)
  expect_message(done <- brief_x(object), "no reduction \"pca\".*RunPCA",
                 class = "sailer_note")
  # The user's random number stream is not affected.
  expect_identical(runif(1), withr::with_seed(1, runif(1)))
  expect_setequal(SeuratObject::Reductions(done), c("pca", "sailerx"))
  SeuratObject::DefaultAssay(object) <- "RNA"
  by_hand <- object |>
    Seurat::NormalizeData(verbose = FALSE) |>
    Seurat::FindVariableFeatures(verbose = FALSE) |>
    Seurat::ScaleData(verbose = FALSE) |>
    Seurat::RunPCA(npcs = 30, approx = FALSE, verbose = FALSE)
  expect_equal(embedded(done, "pca"), embedded(by_hand, "pca"))
  expect_identical(SeuratObject::Key(done[["pca"]]), "PC_", ignore_attr = TRUE)
  expect_identical(SeuratObject::DefaultAssay(done[["pca"]]), "RNA")
  expect_identical(
    get_fit(done)$state,
    brief_sailerx(sim, reference = embedded(done, "pca"))$state
  )
  expect_identical(but_new(done), but_new(multiome_seurat()))
  # The PCA is used from then on.
  expect_silent(again <- brief_x(done))
  expect_identical(embedded(again), embedded(done))
})

test_that("cells without RNA take part in everything but the alignment", {
  skip_if_not_installed("Seurat")
  object <- hybrid_seurat()
  expect_message(
    expect_message(done <- brief_x(object, batch = "batch"), "40 of the 120",
                   class = "sailer_note"),
    "80 cells of assay \"RNA\"", class = "sailer_note"
  )
  expect_identical(rownames(embedded(done)), colnames(object))
  # Only cells with RNA are used to make the reference.
  made <- suppressMessages(brief_x(multiome_seurat(multiome)))
  reference <- embedded(made, "pca")
  expect_identical(rownames(reference), multiome)
  whole <- embedded(done, "pca")
  expect_equal(whole[multiome, ], reference)
  expect_true(all(is.na(whole[setdiff(rownames(whole), multiome), ])))
  fit <- brief_sailerx(
    sim, as_cells(object), whole[multiome, ], Matrix::colSums(rna),
    batch = object$batch
  )
  expect_identical(
    embedded(done), embedding(fit), ignore_attr = "dimnames"
  )
})

test_that("NA in the reduction or RNA counts of zero mean no reference", {
  skip_if_not_installed("SeuratObject")
  holes <- pca
  holes[3, 2] <- NA
  object <- multiome_seurat(pca = holes)
  object[["RNA"]]@counts[, 7] <- 0
  expect_message(done <- brief_x(object), "2 of the 120 cells",
                 class = "sailer_note")
  fit <- brief_sailerx(sim, reference = pca[-c(3, 7), ])
  expect_identical(get_fit(done)$state, fit$state)
})

test_that("layers of Seurat 5 are read one by one", {
  skip_if_not_installed("Seurat")
  skip_if(
    utils::packageVersion("SeuratObject") < "5.0.0",
    "assays with layers need SeuratObject 5"
  )
  new_object <- function(counts, assay) {
    SeuratObject::CreateSeuratObject(
      SeuratObject::CreateAssay5Object(counts = counts),
      assay = assay, meta.data = sim$cells[colnames(counts), ]
    )
  }
  object <- new_object(sim$counts, "ATAC")
  split_rna <- split(
    SeuratObject::CreateAssay5Object(counts = rna[, multiome]),
    f = sim$cells[multiome, "batch"]
  )
  suppressWarnings(object[["RNA"]] <- split_rna)
  expect_equal(
    seurat_rna_depth(object, "RNA")[multiome],
    Matrix::colSums(rna)[multiome]
  )
  done <- suppressWarnings(suppressMessages(brief_x(object, batch = "batch")))
  expect_identical(rownames(embedded(done)), colnames(sim$counts))
  expect_setequal(rownames(embedded(done, "pca")), multiome)
  fit <- brief_sailerx(
    sim, reference = embedded(done, "pca"), batch = sim$cells["batch"]
  )
  expect_identical(get_fit(done)$state, fit$state)
  expect_identical(done[["RNA"]]@layers, object[["RNA"]]@layers)

  # The form in which merge() joins multiome and ATAC-only objects.
  one <- new_object(sim$counts[, multiome], "ATAC")
  suppressWarnings(one[["RNA"]] <- SeuratObject::CreateAssay5Object(
    counts = rna[, multiome]
  ))
  rest <- setdiff(colnames(rna), multiome)
  both <- suppressWarnings(merge(one, new_object(sim$counts[, rest], "ATAC")))
  merged <- suppressWarnings(suppressMessages(brief_x(both, batch = "batch")))
  expect_setequal(rownames(embedded(merged)), colnames(rna))
  expect_setequal(rownames(embedded(merged, "pca")), multiome)
})

test_that("missing parts are named with the available ones, before training", {
  skip_if_not_installed("SeuratObject")
  object <- multiome_seurat(pca = pca)
  wrong <- function(pattern, ..., x = object, class = "argument") {
    expect_error(brief_x(x, ...), pattern,
                 class = paste0("sailer_", class, "_error"))
  }
  wrong("\"peaks\".*\"ATAC\".*\"RNA\"", assay = "peaks")
  wrong("rna.assay.*\"rna\".*\"ATAC\"", rna.assay = "rna")
  wrong("for both the peaks and the RNA.*\"ATAC\"", assay = "RNA")
  wrong("no reduction \"rpca\".*\"pca\"", reference = "rpca")
  wrong("no reduction \"umap\".*no reduction at all", reference = "umap",
        x = multiome_seurat())
  wrong("reference", reference = pca)
  wrong("both named \"pca\"", reduction.name = "pca")
  wrong("no column \"bach\"", batch = "bach")
  wrong("n_latnt", n_latnt = 2)
  wrong("0 of the 120 cells", class = "data", x = {
    object[["pca"]]@cell.embeddings[] <- NA
    object
  })
  bare <- multiome_seurat(pca = pca)
  bare[["RNA"]]@counts <- methods::new("dgCMatrix")
  wrong("\"RNA\" has no counts", class = "data", x = bare)
  local_missing("Seurat")
  wrong("\"pca\".*Seurat.*not installed.*no reduction at all.*RunPCA",
        x = multiome_seurat())
})

test_that("a reference made from the peaks themselves is reported", {
  skip_if_not_installed("SeuratObject")
  object <- multiome_seurat(pca = pca)
  object[["lsi"]] <- SeuratObject::CreateDimReducObject(
    pca[, 1:3], key = "LSI_", assay = "ATAC"
  )
  expect_warning(brief_x(object, reference = "lsi"), "\"ATAC\"",
                 class = "sailer_reference")
})

test_that("RunSAILERX resumes from a checkpoint without the RNA", {
  skip_if_not_installed("SeuratObject")
  folder <- withr::local_tempfile(pattern = "checkpoint-")
  control <- moving_control()
  control$checkpoint <- folder
  object <- multiome_seurat(pca = pca)
  RunSAILERX(object, hidden = 16, n_latent = 4, control = control)
  object[["RNA"]] <- NULL
  resumed <- RunSAILERX(object, resume = folder, epochs = 5)
  expect_s3_class(get_fit(resumed), "sailerx_fit")
  expect_identical(nrow(get_fit(resumed)$history), 5L)
  expect_equal(
    embedded(resumed), predict(get_fit(resumed), object, pca),
    tolerance = 1e-5, ignore_attr = TRUE
  )
  expect_error(RunSAILERX(object, resume = TRUE), "no fit",
               class = "sailer_argument_error")
  # Each function only resumes its own model.
  for (from in list(folder, get_fit(resumed))) {
    expect_error(
      RunSAILER(object, resume = from), "is a SAILERX run.*RunSAILERX",
      class = "sailer_argument_error"
    )
  }
  plain <- sailer(sim$counts, hidden = 16, control = brief_control())
  expect_error(
    RunSAILERX(object, resume = plain), "is a SAILER run,.*RunSAILER",
    class = "sailer_argument_error"
  )
})

test_that("the function to call again is the one that made the fit", {
  fit <- structure(list(), class = c("sailerx_fit", "sailer_fit"))
  expect_warning(warn_of_no_embedding(fit), "RunSAILERX\\(object",
                 class = "sailer_interrupted")
  expect_warning(warn_of_no_embedding(list()), "RunSAILER\\(object",
                 class = "sailer_interrupted")
})

test_that("the RNA of a file guides as it does in sailerx()", {
  path <- system.file("extdata", "tiny.h5mu", package = "sailer")
  run <- function(f) {
    suppressMessages(f(path, hidden = 8, n_latent = 4, control = quick()))
  }
  expect_identical(run(RunSAILERX)$state, run(sailerx)$state)
})

test_that("matrices go to sailerx(); other things are refused", {
  depth <- Matrix::colSums(rna)
  expect_identical(
    brief_x(sim$counts, reference = pca, rna_depth = depth)$state,
    brief_sailerx(sim)$state
  )
  expect_error(brief_x(sim$counts), "reference",
               class = "sailer_argument_error")
  expect_error(RunSAILERX(NULL), class = "sailer_argument_error")
})
