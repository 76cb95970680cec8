# Small objects for the tests of the containers: trained within a second.

brief_control <- function(...) {
  quick(warmup = 1, ...)
}

# Fits of a test file are compared bit for bit, so all use the same options.
brief_sailer <- function(x, ...) {
  sailer(x, hidden = 16, n_latent = 4, control = brief_control(), ...)
}

brief_run <- function(object, ...) {
  RunSAILER(object, hidden = 16, n_latent = 4, control = brief_control(), ...)
}

small_simulation <- function() {
  sim <- simulate_atac(
    n_cells = 120, n_peaks = 300, n_types = 3, n_batches = 3, rare = NULL,
    depth = 50, seed = 3
  )
  sim$cells$quality <- sin(seq_len(120))
  sim
}

small_seurat <- function(sim) {
  # Seurat 5 makes assays of the old class only on request.
  withr::local_options(Seurat.object.assay.version = "v3")
  SeuratObject::CreateSeuratObject(
    sim$counts,
    assay = "ATAC", meta.data = sim$cells
  )
}

# A matrix on disk in BPCells' format, never in memory as a whole.
bpcells_matrix <- function(counts, envir = parent.frame()) {
  skip_if_not_installed("BPCells")
  folder <- withr::local_tempfile(.local_envir = envir)
  BPCells::write_matrix_dir(methods::as(counts, "IterableMatrix"), folder)
  BPCells::open_matrix_dir(folder)
}
