# Every verb on every container: {Run, impute, activity, compare, map, plot} x
# {matrix, file, Seurat with either assay class, layers, Signac, SCE in memory
# and on disk}. All use the same model, so that only the verbs are tested.

table_simulation <- function() {
  sim <- small_simulation()
  rownames(sim$counts) <- gsub(":", "-", rownames(sim$counts))
  sim
}

table_fit <- function(sim) {
  sailer(
    sim$counts, batch = sim$cells$batch, hidden = 16, n_latent = 4,
    control = brief_control()
  )
}

containers <- list(
  matrix = function(sim) sim$counts,
  file = function(sim) {
    skip_without_rhdf5()
    write_tenx(sim$counts)
  },
  seurat = function(sim) {
    skip_if_not_installed("SeuratObject")
    small_seurat(sim)
  },
  layers = function(sim) {
    skip_if_not_installed("SeuratObject", "5.0.0")
    assay <- SeuratObject::CreateAssay5Object(counts = sim$counts)
    object <- SeuratObject::CreateSeuratObject(
      assay, assay = "ATAC", meta.data = sim$cells
    )
    object[["ATAC"]] <- split(object[["ATAC"]], f = sim$cells$batch)
    object
  },
  signac = function(sim) {
    skip_if_no_signac()
    signac_object(sim, sim$counts)
  },
  sce = function(sim) {
    skip_if_not_installed("SingleCellExperiment")
    SingleCellExperiment::SingleCellExperiment(
      list(counts = sim$counts), colData = sim$cells
    )
  },
  disk = function(sim) {
    skip_if_not_installed("SingleCellExperiment")
    skip_if_not_installed("HDF5Array")
    SingleCellExperiment::SingleCellExperiment(
      list(counts = methods::as(sim$counts, "HDF5Array")), colData = sim$cells
    )
  }
)

# The values of a column, for containers without metadata.
of_cells <- function(object, sim, column) {
  if (isS4(object) && !methods::is(object, "Matrix")) {
    return(column)
  }
  stats::setNames(as.character(sim$cells[[column]]), colnames(sim$counts))
}

new_values <- function(object, name) {
  if (methods::is(object, "Seurat")) {
    SeuratObject::GetAssayData(object[[name]])
  } else if (methods::is(object, "SingleCellExperiment")) {
    found <- name %in% SummarizedExperiment::assayNames(object)
    host <- if (found) object else SingleCellExperiment::altExp(object, name)
    SummarizedExperiment::assay(host, name)
  } else {
    object
  }
}

table_genes <- function() {
  GenomicRanges::GRanges(
    c("chr1:1-400000", "chr2:1-400000"), gene_name = c("A", "B")
  )
}

for (kind in names(containers)) {
  test_that(paste("every verb works on", kind), {
    sim <- table_simulation()
    fit <- table_fit(sim)
    object <- containers[[kind]](sim)
    z <- embedding(fit)
    plain <- !isS4(object) || methods::is(object, "Matrix")

    run <- RunSAILER(
      object, of_cells(object, sim, "batch"), hidden = 16, n_latent = 4,
      control = brief_control()
    )
    made <- if (plain) embedding(run) else reference_cells(read_fitted(run))
    expect_equal(made, z, tolerance = 1e-6, ignore_attr = TRUE)

    some <- fit$peaks[c(5, 2)]
    asked <- if (plain) object else run
    use <- if (plain) fit
    open <- ImputeSAILER(asked, features = some, fit = use)
    expect_equal(
      as.matrix(new_values(open, "imputed"))[some, ],
      impute(fit, peaks = some), tolerance = 1e-5, ignore_attr = TRUE
    )

    skip_if_not_installed("GenomicRanges")
    active <- GeneActivitySAILER(asked, table_genes(), fit = use)
    expect_equal(
      as.matrix(new_values(active, "activity")),
      gene_activity(fit, table_genes()), tolerance = 1e-5, ignore_attr = TRUE
    )

    types <- of_cells(object, sim, "cell_type")
    found <- differential_accessibility(
      asked, types, "type1", fit = use, peaks = some, n_samples = 2
    )
    wanted <- differential_accessibility(
      fit, sim$cells$cell_type, "type1", x = sim$counts, peaks = some,
      n_samples = 2
    )
    expect_equal(found$prob_1, wanted$prob_1, tolerance = 1e-4)
    expect_equal(found$emp_prob_1, wanted$emp_prob_1)
    expect_equal(found$se, wanted$se, tolerance = 0.2)

    mapped <- map_query(
      fit, object, labels = sim$cells$cell_type,
      batch = of_cells(object, sim, "batch")
    )
    placed <- if (plain) {
      mapped$cells
    } else {
      read_input(mapped)$table
    }
    expect_gt(mean(
      as.character(placed$predicted_label) == sim$cells$cell_type
    ), 0.8)

    drawn <- plot_embedding(
      if (plain) run else asked, colour = types, layout = "pca"
    )
    expect_setequal(unique(drawn$data$colour), unique(sim$cells$cell_type))
    expect_s3_class(plot_depth(if (plain) run else asked), "ggplot")
  })
}
