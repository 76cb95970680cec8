# Table 2.5 and figure 2.9: SAILER, LSI, harmony and a VAE on real data.

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
  "Table 2.5, figure 2.9: clustering and confounding effects in real data",
  paste(
    "Bone marrow from two donors (7,070 cells). The 16 types are clusters of",
    "an LSI of all peaks of the study. The thesis uses the mouse atlas, and",
    "for figure 2.9 mouse brain from two platforms. LSI, with harmony for",
    "batch correction, stands in for SnapATAC."
  ),
  run,
  list(
    claim("SAILER has a higher ARI than LSI, with and without harmony", "ARI",
          "SAILER", others),
    claim("SAILER has a higher NMI than LSI, with and without harmony", "NMI",
          "SAILER", others),
    claim("SAILER has purer neighbourhoods than LSI, with and without harmony",
          "purity", "SAILER", others),
    claim("SAILER's embedding contains less information about depth than LSI",
          "I(z, depth)", "SAILER", others, lower = TRUE),
    claim("The same against a VAE without the penalty", "I(z, depth)", "SAILER",
          "VAE, no penalty", lower = TRUE),
    claim("SAILER mixes batches at least as well as harmony (figure 2.9)",
          "iLISI", "SAILER", "LSI 30 with harmony")
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
  not_here = "the mouse atlas of 81,173 cells, which is not available here.",
  seconds = 60
)
