skip_if_not_installed("SingleCellExperiment")
skip_if_not_installed("withr")

sim <- small_multiome()
rna <- sim$rna
pca <- sim$pca

multiome_sce <- function(pca = NULL, counts = rna) {
  SingleCellExperiment::SingleCellExperiment(
    list(counts = counts),
    colData = S4Vectors::DataFrame(sim$cells),
    reducedDims = if (is.null(pca)) list() else list(PCA = pca),
    altExps = list(ATAC = SummarizedExperiment::SummarizedExperiment(
      list(counts = sim$counts)
    ))
  )
}

test_that("a SingleCellExperiment gets what sailerx() gives", {
  sce <- multiome_sce(pca)
  expect_silent(done <- brief_x(sce, batch = "batch", covariates = "quality"))
  fit <- brief_sailerx(
    sim, batch = sim$cells["batch"], covariates = sim$cells["quality"]
  )
  expect_identical(
    SingleCellExperiment::reducedDim(done, "SAILERX"),
    embedding(fit)
  )
  expect_identical(get_fit(done)$state, fit$state)
  expect_s3_class(get_fit(done), "sailerx_fit")
  expect_identical(
    SingleCellExperiment::reducedDimNames(done), c("PCA", "SAILERX")
  )
  SingleCellExperiment::reducedDim(done, "SAILERX") <- NULL
  S4Vectors::metadata(done) <- list()
  expect_identical(done, sce)
  both <- RunSAILER(
    brief_x(sce, altexp = "ATAC"),
    altexp = "ATAC", hidden = 16, n_latent = 4, control = brief_control()
  )
  expect_false(inherits(get_fit(both, "SAILER"), "sailerx_fit"))
  expect_s3_class(get_fit(both, "SAILERX"), "sailerx_fit")
})

test_that("columns without RNA or with NA are ATAC-only", {
  counts <- rna
  counts[, 81:120] <- 0
  holes <- pca
  holes[5, ] <- NA
  sce <- multiome_sce(holes, Matrix::drop0(counts))
  expect_message(done <- brief_x(sce, batch = "batch"), "41 of the 120",
                 class = "sailer_note")
  fit <- brief_sailerx(
    sim, reference = pca[setdiff(1:80, 5), ], batch = sim$cells["batch"]
  )
  expect_identical(
    SingleCellExperiment::reducedDim(done, "SAILERX"),
    embedding(fit)
  )
})

test_that("RNA counts on disk give the same depth", {
  skip_if_not_installed("DelayedArray")
  delayed <- DelayedArray::DelayedArray(rna)
  sce <- multiome_sce(pca, delayed)
  expect_identical(experiment_rna(sce, NULL)$depth, Matrix::colSums(rna))
  expect_identical(column_sums(as.matrix(rna)), Matrix::colSums(rna))
})

test_that("missing parts of a SingleCellExperiment are named", {
  sce <- multiome_sce(pca)
  wrong <- function(pattern, ..., x = sce, class = "argument") {
    expect_error(brief_x(x, ...), pattern,
                 class = paste0("sailer_", class, "_error"))
  }
  wrong("\"peaks\".*\"ATAC\"", altexp = "peaks")
  several <- sce
  SingleCellExperiment::altExp(several, "ADT") <-
    SingleCellExperiment::altExp(sce)
  wrong("altexp.*\"ATAC\" and \"ADT\"", x = several)
  wrong("object has none", x = SingleCellExperiment::removeAltExps(sce))
  swapped <- SingleCellExperiment::swapAltExp(sce, "ATAC", saved = "RNA")
  wrong("swapAltExp\\(object, *\"RNA\", saved = \"peaks\"\\)", x = swapped)
  wrong("no reduced dimensions \"scVI\".*\"PCA\"", reference = "scVI")
  wrong("rna.assay.type.*\"umi\".*\"counts\"", rna.assay.type = "umi")
  wrong("both named \"PCA\"", name = "PCA")
  wrong("n_latnt", n_latnt = 2)
  wrong("0 of the 120 cells", class = "data", x = multiome_sce(pca * NA))
  nameless <- sce
  colnames(nameless) <- NULL
  wrong("no names", class = "data", x = nameless)
  local_missing(c("scran", "scater"))
  wrong("\"PCA\".*not installed.*scater::runPCA", x = multiome_sce())
  plain <- methods::as(sce, "SummarizedExperiment")
  wrong("SingleCellExperiment", x = methods::as(plain, "SummarizedExperiment"))
})

test_that("among alternative experiments the one with peaks is used", {
  sce <- multiome_sce(pca)
  SingleCellExperiment::altExp(sce, "ADT") <-
    SummarizedExperiment::SummarizedExperiment(list(counts = rna[1:5, ]))
  expect_message(done <- brief_x(sce), "experiment \"ATAC\"",
                 class = "sailer_note")
  expect_identical(
    SingleCellExperiment::reducedDim(done, "SAILERX"),
    SingleCellExperiment::reducedDim(brief_x(multiome_sce(pca)), "SAILERX")
  )
})

test_that("scater's and scran's usual steps make the reference", {
  skip_if_not_installed("scater")
  skip_if_not_installed("scran")
  counts <- rna
  counts[, 81:120] <- 0
  sce <- multiome_sce(counts = Matrix::drop0(counts))
  notes <- character()
  done <- withCallingHandlers(
    suppressWarnings(brief_x(sce)),
    sailer_note = function(note) {
      notes <<- c(notes, conditionMessage(note))
      tryInvokeRestart("muffleMessage")
    }
  )
  expect_match(notes, "no reduced dimensions \"PCA\"", all = FALSE)
  expect_match(notes, "40 of the 120", all = FALSE)
  made <- SingleCellExperiment::reducedDim(done, "PCA")
  expect_identical(dim(made)[1], 120L)
  expect_true(all(is.na(made[81:120, ])))
  expect_false(anyNA(made[1:80, ]))
  small <- scuttle::logNormCounts(sce[, 1:80])
  genes <- scran::getTopHVGs(scran::modelGeneVar(small), n = 2000)
  by_hand <- suppressWarnings(
    scater::calculatePCA(small, ncomponents = ncol(made), subset_row = genes)
  )
  expect_equal(abs(made[1:80, 1:3]), abs(by_hand[, 1:3]), tolerance = 1e-4,
               ignore_attr = TRUE)
  expect_identical(
    get_fit(done)$state, brief_sailerx(sim, reference = made[1:80, ])$state
  )
})
