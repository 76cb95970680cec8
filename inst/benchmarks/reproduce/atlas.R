# Table 2.5 and figure 2.9: real cells, beside what the thesis compares with.

run <- function(context) {
  data <- read_atac("bone_marrow_atac")
  counts <- kept_peaks(data$counts)
  linear <- if (context$first) {
    list(
      `LSI 10` = timed(lsi(counts, 10)), `LSI 30` = timed(lsi(counts, 30))
    )
  }
  corrected <- timed(
    harmonised(lsi(counts, 30), data$cells$batch, context$seed)
  )
  made <- list(
    `LSI 30 with harmony` = if (!is.null(corrected$value)) corrected,
    `VAE, no penalty` = timed(
      embedding(fit_sailer(data, context$seed, lambda = 0, mixing = 0))
    ),
    SAILER = timed(embedding(fit_sailer(data, context$seed)))
  )
  made <- Filter(Negate(is.null), made)
  rows <- function(found, context) {
    do.call(rbind, lapply(names(found), function(name) {
      own <- found[[name]]
      mixing <- batch_mixing(own$value, data$cells$batch)$summary
      rows_of("bone marrow", name, c(
        report_scores(own$value, data, context$full %||% FALSE),
        iLISI = mixing[["ilisi"]]
      ), context, own$seconds)
    }))
  }
  list(
    rows = rbind(rows(linear, NULL), rows(made, context)),
    figures = if (context$first) {
      shown <- c(linear["LSI 30"], made)
      umap_figure(lapply(shown, `[[`, "value"), data.frame(
        donor = data$cells$batch, type = data$cells$cell_type,
        depth = log(Matrix::colSums(data$counts > 0))
      ))
    }
  )
}

others <- c("LSI 10", "LSI 30", "LSI 30 with harmony")

experiment(
  "atlas",
  "Table 2.5, figure 2.9: clusters and confounders of real cells",
  paste(
    "Bone marrow of two donors (7,070 cells, 16 types that are clusters of an",
    "LSI of all peaks of the study); the thesis has the mouse atlas, and for",
    "figure 2.9 mouse brain of two platforms. LSI, with harmony where batches",
    "are corrected, stands for SnapATAC."
  ),
  run,
  list(
    claim("SAILER has a higher ARI", "ARI", "SAILER", others),
    claim("SAILER has a higher NMI", "NMI", "SAILER", others),
    claim("SAILER has purer neighbourhoods", "purity", "SAILER", others),
    claim("SAILER keeps less of depth", "I(z, depth)", "SAILER", others,
          lower = TRUE),
    claim("and less than a VAE without the penalty", "I(z, depth)", "SAILER",
          "VAE, no penalty", lower = TRUE),
    claim("SAILER mixes batches as harmony does (figure 2.9)", "iLISI",
          "SAILER", "LSI 30 with harmony")
  ),
  rbind(
    thesis_values("mouse atlas", "SAILER", ARI = 0.575, NMI = 0.799,
                  `I(z, depth)` = 0.040, here = "bone marrow"),
    thesis_values("mouse atlas", "SnapATAC", ARI = 0.538, NMI = 0.748,
                  `I(z, depth)` = 0.127, here = "bone marrow",
                  method_here = "LSI 30"),
    thesis_values("mouse atlas", "SCALE", ARI = 0.315, NMI = 0.557,
                  `I(z, depth)` = 0.279, here = "bone marrow",
                  method_here = "VAE, no penalty")
  ),
  not_here = "the mouse atlas of 81,173 cells, which is not among the data.",
  seconds = 80
)
