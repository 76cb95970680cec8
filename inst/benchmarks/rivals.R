# Methods that reproduce.R compares sailer with: packages if in CRAN or Debian,
# otherwise minimal implementations, named "-style". Source common.R first.

control_of <- function(seed) {
  train_control(seed = seed, verbose = FALSE, threads = 1)
}

fit_sailer <- function(data, seed, ...) {
  batch <- if (length(unique(data$cells$batch)) > 1) data$cells$batch
  sailer(data$counts, batch = batch, control = control_of(seed), ...)
}

# The peak filter of sailer(), for the other methods.
kept_peaks <- function(counts, min_fraction = 0.002) {
  share <- Matrix::rowMeans(counts > 0)
  counts[share >= min_fraction & share <= 0.9, ]
}

# Batch correction by harmony, as in SnapATAC and Signac. NULL if the package is
# not installed.
harmonised <- function(embedding, batch, seed) {
  if (!requireNamespace("harmony", quietly = TRUE)) {
    return(NULL)
  }
  colnames(embedding) <- paste0("c", seq_len(ncol(embedding)))
  meta <- data.frame(batch = as.character(batch))
  set.seed(seed)
  harmony::RunHarmony(embedding, meta, "batch", verbose = FALSE)
}

# Diffusion matrix of MAGIC, cells x cells: affinities exp(-d / s) to the 15
# nearest neighbours, s the distance to the 5th, symmetrised, rows sum to 1.
magic_weights <- function(embedding, k = 15) {
  n <- nrow(embedding)
  found <- RANN::nn2(embedding, k = k + 1)
  scale <- pmax(found$nn.dists[, 6], 1e-12)
  weights <- Matrix::sparseMatrix(
    i = rep(seq_len(n), k + 1), j = as.vector(found$nn.idx),
    x = as.vector(exp(-found$nn.dists / scale)), dims = c(n, n)
  )
  weights <- weights + Matrix::t(weights)
  Matrix::Diagonal(x = 1 / Matrix::rowSums(weights)) %*% weights
}

# Dense matrix of the chosen peaks x cells, smoothed by t diffusion steps. Cells
# are first scaled to sum 1 and square-root transformed, as in MAGIC's pipeline.
magic_smoothed <- function(counts, embedding, cells, peaks = rownames(counts),
                           t = 3) {
  weights <- magic_weights(embedding)
  rows <- weights[cells, ]
  for (i in seq_len(t - 1)) rows <- rows %*% weights
  scaled <- counts
  scaled@x <- sqrt(scaled@x / rep(Matrix::colSums(counts), diff(counts@p)))
  as.matrix(Matrix::tcrossprod(scaled[peaks, ], rows))
}

# Binary imputation of SCALE: open if the value is above both the mean of the
# peak and the mean of the cell.
scale_thresholds <- function(values) {
  open <- values > rowMeans(values) &
    values > rep(colMeans(values), each = nrow(values))
  methods::as(open, "nsparseMatrix")
}

# The simulations of section 2.2.5. Quick ones have a fifth of the cells, peaks
# and fragments, so that the share of open peaks is the same.
thesis_simulation <- function(preset, seed, full) {
  if (full) {
    return(simulate_atac(preset = preset, seed = seed))
  }
  fragments <- sailer:::simulation_presets[[preset]]$fragments
  simulate_atac(
    preset = preset, seed = seed, n_cells = 2000, n_peaks = 10000,
    fragments = fragments / 5, fragment_range = c(200, 4000)
  )
}

# Scores, named as in the report.
report_scores <- function(embedding, data, full, ...) {
  found <- score(
    embedding, data$cells, Matrix::colSums(data$counts > 0),
    runs = if (full) 5 else 2, ...
  )
  stats::setNames(
    found, c("ARI", "NMI", "purity", "I(z, depth)", "I(z, batch)")
  )
}
