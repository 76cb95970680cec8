# What reproduce.R compares with. Packages where CRAN or Debian has them, else
# the plainest faithful form, named as such: "-style". Source common.R first.

control_of <- function(seed) {
  train_control(seed = seed, verbose = FALSE, threads = 1)
}

fit_sailer <- function(data, seed, ...) {
  batch <- if (length(unique(data$cells$batch)) > 1) data$cells$batch
  sailer(data$counts, batch = batch, control = control_of(seed), ...)
}

# Peaks that sailer() keeps, for the rivals too.
kept_peaks <- function(counts, min_fraction = 0.002) {
  share <- Matrix::rowMeans(counts > 0)
  counts[share >= min_fraction & share <= 0.9, ]
}

# Harmony on an embedding, as SnapATAC and Signac correct batches; NULL where
# the package is not installed.
harmonised <- function(embedding, batch, seed) {
  if (!requireNamespace("harmony", quietly = TRUE)) {
    return(NULL)
  }
  colnames(embedding) <- paste0("c", seq_len(ncol(embedding)))
  meta <- data.frame(batch = as.character(batch))
  set.seed(seed)
  harmony::RunHarmony(embedding, meta, "batch", verbose = FALSE)
}

# Weights of cells x cells of MAGIC's diffusion: affinities exp(-d / s) to the
# 15 nearest cells, s the distance of the 5th, made symmetric, rows scaled to 1.
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

# The chosen peaks x cells, dense, smoothed t times over neighbours: after
# scaling each cell to sum 1 and taking the square root, as MAGIC's pipeline
# does.
magic_smoothed <- function(counts, embedding, cells, peaks = rownames(counts),
                           t = 3) {
  weights <- magic_weights(embedding)
  rows <- weights[cells, ]
  for (i in seq_len(t - 1)) rows <- rows %*% weights
  scaled <- counts
  scaled@x <- sqrt(scaled@x / rep(Matrix::colSums(counts), diff(counts@p)))
  as.matrix(Matrix::tcrossprod(scaled[peaks, ], rows))
}

# SCALE's binary imputation: open where a value is above the mean of its peak
# and above that of its cell.
scale_thresholds <- function(values) {
  open <- values > rowMeans(values) &
    values > rep(colMeans(values), each = nrow(values))
  methods::as(open, "nsparseMatrix")
}

# The simulations of section 2.2.5. Quick ones have a fifth of the cells and the
# peaks, and of the fragments, so that as large a share of the peaks is open.
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

# The measures of the report by the names it shows.
report_scores <- function(embedding, data, full, ...) {
  found <- score(
    embedding, data$cells, Matrix::colSums(data$counts > 0),
    runs = if (full) 5 else 2, ...
  )
  stats::setNames(
    found, c("ARI", "NMI", "purity", "I(z, depth)", "I(z, batch)")
  )
}
