# Table 2.4 and figure 2.4: residual effects of depth and batch in embeddings.

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

# LSI has ten dimensions, as in the thesis: with the first component, without
# it, and without it with each cell scaled to length 1, as in SAILER. The models
# choose their number of dimensions by held-out cells.
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

# In I(z, c), c is depth in Sim1 and Sim2, and the batch in Sim3.
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
  "Table 2.4, figure 2.4: residual effects of depth and batch in embeddings",
  paste(
    "Cells are simulated from generated bulk profiles by the model of",
    "SCAN-ATAC-Sim; the thesis simulates them from bulk ATAC-seq of blood.",
    "Quick: 2,000 cells and 10,000 peaks, with a fifth of the fragments. Full:",
    "10,000 cells and 50,000 peaks. SCALE is a VAE without the penalty. It is",
    "represented here by SAILER with lambda and mixing 0, whose decoder still",
    "receives depth and batch."
  ),
  run,
  list(
    claim(paste("SAILER's embedding contains less information about the",
                "confounder than LSI"),
          "I(z, c)", "SAILER", "LSI", lower = TRUE),
    claim("The same against LSI without its first component", "I(z, c)",
          "SAILER", c("LSI, first left out", "LSI, first left out, length 1"),
          lower = TRUE),
    claim("The same against a VAE without the penalty", "I(z, c)", "SAILER",
          "VAE, no penalty", lower = TRUE),
    claim("SAILER's clusters match the cell types better than LSI's", "ARI",
          "SAILER",
          c("LSI", "LSI, first left out", "LSI, first left out, length 1")),
    claim("SAILER separates rare types better than LSI", "rare types, purity",
          "SAILER", c(
            "LSI", "LSI, first left out", "LSI, first left out, length 1"
          )),
    claim("SAILER separates rare types better than a VAE without the penalty",
          "rare types, purity", "SAILER", "VAE, no penalty")
  ),
  thesis,
  seconds = 135
)
