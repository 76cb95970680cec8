# Figure 3.15 (and 3.13, 3.14): separation of cell types by imputed peaks.

n_peaks <- 3000

run <- function(context) {
  data <- read_multiome()
  fit <- sailerx(
    data$counts, data$pca,
    batch = data$cells$batch, control = control_of(context$seed)
  )
  # Imputed values are dense, so only the model's most frequent peaks, which
  # vary most, are used.
  share <- Matrix::rowMeans(data$counts[fit$peaks, ] > 0)
  peaks <- fit$peaks[order(-share)[seq_len(min(n_peaks, length(share)))]]
  counts <- data$counts[fit$peaks, ]
  cells <- seq_len(ncol(counts))
  linear <- lsi(counts, 16)
  magic <- function(embedding) {
    magic_smoothed(counts, embedding, cells, peaks)
  }
  values <- list(SAILERX = impute(fit, peaks = peaks))
  if (context$first) {
    values$`MAGIC-style, RNA graph` <- magic(data$pca)
    values$`MAGIC-style, ATAC graph` <- magic(linear)
    values$`not imputed` <- as.matrix(counts[peaks, ] > 0) * 1
  }
  components <- lapply(values, function(x) {
    set.seed(1)
    irlba::prcomp_irlba(t(x), 30)$x
  })
  types <- as.character(data$cells$cell_type)
  rows <- lapply(names(components), function(name) {
    x <- components[[name]]
    rows_of("mouse cortex", name, c(
      report_scores(x, data, context$full), silhouette = silhouette(x, types)
    ), if (name == "SAILERX") context)
  })
  list(
    rows = do.call(rbind, rows),
    figures = if (context$first) {
      umap_figure(components, data.frame(type = data$cells$cell_type_coarse))
    }
  )
}

rivals <- c("MAGIC-style, RNA graph", "MAGIC-style, ATAC graph", "not imputed")

experiment(
  "landscape",
  "Figure 3.15 (and 3.13, 3.14): separation of cell types by imputed peaks",
  paste(
    "Mouse cortex: 30 principal components of the imputed values of the 3,000",
    "most frequent peaks. MAGIC-style is the diffusion of MAGIC, on the",
    "neighbour graph of the RNA PCA or on that of LSI."
  ),
  run,
  list(
    claim("SAILERX's imputation separates cell types best, by ARI", "ARI",
          "SAILERX", rivals),
    claim("The same by NMI", "NMI", "SAILERX", rivals),
    claim("The same by silhouette", "silhouette", "SAILERX", rivals),
    claim("SAILERX's imputed values contain the least information about depth",
          "I(z, depth)", "SAILERX", rivals, lower = TRUE)
  ),
  not_here = paste(
    "motif scores (figures 3.13, 3.14), because chromVAR needs a genome",
    "sequence and motifs, which are not available here; scOpen (Python)."
  ),
  seconds = 40
)
