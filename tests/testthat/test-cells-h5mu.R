test_that("a modality of MuData is chosen by its use", {
  path <- tiny_path("tiny.h5mu")
  expect_identical(read_cells(open_cells(path)), tiny_counts())
  genes <- open_cells(path, feature_type = "Gene Expression")
  expect_identical(read_cells(genes), rna_of_tiny())
  expect_identical(read_cells(gene_cells(path)), rna_of_tiny())
  expect_identical(read_cells(as_cells(path, modality = "rna")), rna_of_tiny())
  expect_match(genes$origin, "modality 'rna' of MuData 'tiny.h5mu'")
  for (wrong in list("RNA", "protein")) {
    expect_error(
      open_cells(path, modality = wrong), "atac",
      class = "sailer_argument_error"
    )
  }
  expect_error(
    open_cells(path, feature_type = NULL), "modalities \"atac\" and \"rna\"",
    class = "sailer_argument_error"
  )
  expect_error(
    open_cells(tiny_path("tiny-10x.h5"), modality = "atac"), "feature_type",
    class = "sailer_argument_error"
  )
})

test_that("MuData is recognised by content, modalities by common names", {
  skip_without_rhdf5()
  named <- function(atac, rna) {
    altered(tiny_path("tiny.h5mu"), function(file) {
      handle <- rhdf5::H5Fopen(file)
      mod <- rhdf5::H5Gopen(handle, "mod")
      rhdf5::H5Adelete(mod, "mod-order")
      rhdf5::H5Lmove(mod, "atac", mod, atac)
      rhdf5::H5Lmove(mod, "rna", mod, rna)
      rhdf5::H5Gclose(mod)
      rhdf5::H5Fclose(handle)
    })
  }
  path <- named("Peaks", "GEX")
  file.rename(path, odd <- withr::local_tempfile(fileext = ".h5ad"))
  expect_identical(read_cells(open_cells(odd)), tiny_counts())
  expect_identical(read_cells(gene_cells(odd)), rna_of_tiny())
  unusual <- named("accessibility", "expression")
  expect_error(
    open_cells(unusual), "accessibility.*expression",
    class = "sailer_argument_error"
  )
  cells <- open_cells(unusual, modality = "accessibility")
  expect_identical(read_cells(cells), tiny_counts())
})

test_that("metadata and reductions belong to the modality", {
  path <- tiny_path("tiny.h5mu")
  atac <- cells_metadata(open_cells(path))
  expect_identical(names(atac), "batch")
  expect_identical(rownames(atac), colnames(tiny_counts()))
  expect_identical(atac$batch, factor(rep(c("donor1", "donor2"), 30)))
  rna <- open_cells(path, modality = "rna")
  expect_identical(
    cells_metadata(rna[, 3:1])$n_genes,
    unname(as.integer(colSums(rna_of_tiny() > 0)[3:1]))
  )
  expect_equal(
    cells_metadata(rna[, 3:1], reduction = "X_pca"), cosines(57:59, 5)
  )
  expect_identical(cell_depth(rna, counts = TRUE), colSums(rna_of_tiny()))
  expect_error(
    cells_metadata(open_cells(path), reduction = "X_pca"), "has nothing",
    class = "sailer_argument_error"
  )
})

test_that("a handle to a modality opens its file again", {
  rna <- open_cells(tiny_path("tiny.h5mu"), modality = "rna")
  for (cells in list(rna, rna[30:3, 7:20])) {
    again <- as_cells(unserialize(serialize(cells, NULL)))
    expect_identical(read_cells(again), read_cells(cells))
    expect_identical(cells_metadata(again), cells_metadata(cells))
  }
})

brief_guided <- function(x, ...) {
  suppressMessages(sailerx(
    x, ..., hidden = 8, n_latent = 4, min_fraction = 0,
    control = brief_control()
  ))
}

test_that("a single file with both modalities suffices for sailerx()", {
  path <- tiny_path("tiny.h5mu")
  expected <- brief_guided(
    sparse(tiny_counts()), cosines(59:10, 5), colSums(rna_of_tiny())
  )
  rna <- open_cells(path, modality = "rna")
  for (fit in list(
    brief_guided(path), brief_guided(open_cells(path)),
    brief_guided(
      path, cells_metadata(rna, reduction = "X_pca"),
      rna_depth = cell_depth(rna, counts = TRUE)
    )
  )) {
    expect_identical(embedding(fit), embedding(expected))
    expect_identical(fit$history$alignment, expected$history$alignment)
  }
  even <- brief_guided(path, rna_depth = NULL)
  expect_identical(
    even$history$alignment,
    brief_guided(tiny_counts(), cosines(59:10, 5))$history$alignment
  )
  notes <- testthat::capture_messages(sailerx(
    open_cells(path)[, 60:5], hidden = 8, n_latent = 4, min_fraction = 0,
    control = brief_control()
  ))
  expect_match(notes, "X_pca.*modality 'rna'", all = FALSE)
  expect_match(notes, "6 of the 56 cells have no", all = FALSE)
})

test_that("without a PCA in the file, one is made from its RNA", {
  skip_without_rhdf5()
  skip_if_not_installed("Seurat")
  path <- altered(tiny_path("tiny.h5mu"), function(file) {
    rhdf5::h5delete(file, "mod/rna/obsm/X_pca")
  })
  rna <- rna_of_tiny()
  object <- SeuratObject::CreateAssayObject(sparse(rna))
  made <- with_own_seed(42, seurat_pca(object, "RNA", colnames(rna)))
  expected <- brief_guided(
    tiny_counts(), SeuratObject::Embeddings(made), colSums(rna)
  )
  expect_equal(embedding(brief_guided(path)), embedding(expected),
               tolerance = 1e-5)
  # Never with another package that happens to be installed: it would give other
  # numbers.
  local_missing("Seurat")
  expect_error(
    brief_guided(path), "no PCA.*Seurat.*reference",
    class = "sailer_argument_error"
  )
})

test_that("peaks and genes in one matrix are distinguished by their types", {
  skip_without_rhdf5()
  rna <- rna_of_tiny()[, 50:1]
  peaks <- tiny_counts()[, colnames(rna)]
  both <- rbind(peaks, rna)
  types <- rep(c("Peaks", "Gene Expression"), c(120, 40))
  tenx <- write_tenx(both, types)
  h5ad <- write_h5ad(both, change = function(file) {
    rhdf5::h5write(types, file, "var/feature_types")
  })
  for (path in c(tenx, h5ad)) {
    expect_identical(read_cells(open_cells(path)), peaks)
    expect_identical(read_cells(open_cells(path, feature_type = NULL)), both)
    genes <- open_cells(path, feature_type = "Gene Expression")
    expect_identical(read_cells(genes), rna)
    expect_identical(read_cells(gene_cells(path)), rna)
    again <- as_cells(unserialize(serialize(genes, NULL)))
    expect_identical(read_cells(again), rna)
  }
  skip_if_not_installed("Seurat")
  text <- write_mtx(
    both, features = paste(rownames(both), rownames(both), types, sep = "\t")
  )
  fits <- lapply(c(tenx, h5ad, text), brief_guided)
  expect_s3_class(fits[[1]], "sailerx_fit")
  expect_identical(rownames(embedding(fits[[1]])), colnames(rna))
  for (other in fits[-1]) {
    expect_equal(embedding(other), embedding(fits[[1]]), tolerance = 1e-5)
  }
})

test_that("files without RNA need a reference", {
  skip_without_rhdf5()
  two <- write_tenx(tiny_counts(), genome = "hg38")
  for (x in list(
    tiny_path("tiny.h5ad"), tiny_path("tiny-10x.h5"), two, tiny_counts(),
    open_cells(tiny_path("tiny.h5mu"), modality = "rna")
  )) {
    expect_error(
      sailerx(x), "reference.*missing", class = "sailer_argument_error"
    )
  }
})

test_that("10x features without ids are identified by their names", {
  skip_without_rhdf5()
  nameless <- function(names) {
    write_tenx(tiny_counts(), change = function(file) {
      rhdf5::h5delete(file, "matrix/features/id")
      rhdf5::h5write(names, file, "matrix/features/name")
    })
  }
  path <- nameless(rownames(tiny_counts()))
  expect_identical(read_cells(open_cells(path)), tiny_counts())
  twice <- rownames(tiny_counts())
  twice[3] <- twice[1]
  cells <- open_cells(nameless(twice))
  expect_error(check_counts(cells), "chr1:1-500", class = "sailer_data_error")
})
