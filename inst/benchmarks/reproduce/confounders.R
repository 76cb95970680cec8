# Table 2.4 and figure 2.4: what embeddings keep of depth and batch.

run <- function(context) {
  rows <- NULL
  figures <- list()
  for (preset in c("Sim1", "Sim2", "Sim3")) {
    data <- thesis_simulation(preset, context$seed, context$full)
    found <- embeddings_of(data, context)
    rows <- rbind(rows, do.call(rbind, lapply(names(found), function(name) {
      scores_of(preset, name, found[[name]], data, context)
    })))
    if (context$first) {
      figures <- c(figures, umap_figure(
        lapply(found[c("LSI", "VAE, no penalty", "SAILER")], `[[`, "value"),
        data.frame(
          type = data$cells$cell_type,
          depth = log(data$cells$depth), batch = data$cells$batch
        )[if (preset == "Sim3") c(1, 3) else c(1, 2)]
      ))
    }
  }
  list(rows = rows, figures = figures)
}

# Ten dimensions of LSI as in the thesis, with the first component; without it,
# also with each cell at length 1, as cells of SAILER are. The dimensions of the
# models are chosen by held-out cells.
embeddings_of <- function(data, context) {
  counts <- kept_peaks(data$counts)
  found <- list(
    LSI = timed(lsi(counts, 10, first = TRUE)),
    `LSI, first left out` = timed(lsi(counts, 10)),
    `LSI, first left out, length 1` = timed(unit_rows(lsi(counts, 10))),
    `VAE, no penalty` = timed(
      embedding(fit_sailer(data, context$seed, lambda = 0, mixing = 0))
    ),
    SAILER = timed(embedding(fit_sailer(data, context$seed)))
  )
  if (context$full) {
    found$`SAILER, thesis' settings` <- timed(
      embedding(fit_sailer(data, context$seed, preset = "thesis"))
    )
  }
  found
}

# I(z, c) is of depth in Sim1 and Sim2, of the batch in Sim3.
scores_of <- function(preset, name, made, data, context) {
  scores <- report_scores(made$value, data, context$full)
  types <- as.character(data$cells$cell_type)
  rare <- grep("^rare", unique(types), value = TRUE)
  purity <- vapply(rare, type_purity, 0, embedding = made$value, types = types)
  rows_of(
    preset, name, c(
      `I(z, c)` = scores[[if (preset == "Sim3") "I(z, batch)" else
        "I(z, depth)"]],
      scores, if (length(rare)) c(`rare types, purity` = mean(purity))
    ), context, made$seconds
  )
}

thesis <- rbind(
  thesis_values("Sim1", "LSI", `I(z, c)` = 0.610),
  thesis_values("Sim1", "SCALE", `I(z, c)` = 0.290,
                method_here = "VAE, no penalty"),
  thesis_values("Sim1", "SAILER", `I(z, c)` = 0.107),
  thesis_values("Sim2", "LSI", `I(z, c)` = 0.500),
  thesis_values("Sim2", "SCALE", `I(z, c)` = 0.224,
                method_here = "VAE, no penalty"),
  thesis_values("Sim2", "SAILER", `I(z, c)` = 0.100),
  thesis_values("Sim3", "LSI", `I(z, c)` = 0.130),
  thesis_values("Sim3", "SCALE", `I(z, c)` = 0.087,
                method_here = "VAE, no penalty"),
  thesis_values("Sim3", "SAILER", `I(z, c)` = 0.005)
)

experiment(
  "confounders",
  "Table 2.4, figure 2.4: what embeddings keep of depth and batch",
  paste(
    "Cells drawn by SCAN-ATAC-Sim's model from generated bulk profiles; the",
    "thesis draws them from bulk ATAC-seq of blood. Quick: 2,000 cells and",
    "10,000 peaks with a fifth of the fragments; full: 10,000 and 50,000.",
    "SCALE is a VAE without the penalty: here SAILER with lambda 0, whose",
    "decoder still receives depth and batch."
  ),
  run,
  list(
    claim("SAILER keeps less of the confounder than LSI", "I(z, c)",
          "SAILER", "LSI", lower = TRUE),
    claim("also than LSI without its first component", "I(z, c)", "SAILER",
          c("LSI, first left out", "LSI, first left out, length 1"),
          lower = TRUE),
    claim("SAILER keeps less of the confounder than a VAE without the penalty",
          "I(z, c)", "SAILER", "VAE, no penalty", lower = TRUE),
    claim("SAILER finds the types better than LSI", "ARI", "SAILER",
          c("LSI", "LSI, first left out", "LSI, first left out, length 1")),
    claim("SAILER separates rare types better than LSI", "rare types, purity",
          "SAILER", c(
            "LSI", "LSI, first left out", "LSI, first left out, length 1"
          )),
    claim("and better than a VAE without the penalty", "rare types, purity",
          "SAILER", "VAE, no penalty")
  ),
  thesis,
  seconds = 200
)
