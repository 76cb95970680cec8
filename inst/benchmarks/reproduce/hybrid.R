# Figures 3.10 to 3.12: cells without RNA, batches, batch-specific types.

run <- function(context) {
  list(
    rows = rbind(
      hybrid_rows("mouse cortex, figure 3.10", cortex(context), context),
      hybrid_rows("simulated, figure 3.10", simulated(context), context),
      batch_rows(simulated(context, rna_batch_effect = 0.2), context),
      unique_rows("simulated, figure 3.12", simulated(
        context,
        n_types = 8, rare = c(0.05, 0.05), rare_batch = c(1, 2),
        rna_batch_effect = 0.2
      ), c("rare1", "rare2"), context),
      unique_rows(
        "mouse cortex, figure 3.12", of_one_batch(read_multiome()),
        names(lone_types), context
      )
    )
  )
}

guided <- function(data, reference, context) {
  embedding(sailerx(
    data$counts, reference,
    batch = data$cells$batch, control = control_of(context$seed)
  ))
}

# `without`: the cells whose RNA is removed.
cortex <- function(context) {
  data <- read_multiome()
  batches <- sort(unique(data$cells$batch))
  data$without <- data$cells$batch %in% batches[c(FALSE, TRUE)]
  data
}

simulated <- function(context, ..., n_types = 6, rare = NULL,
                      rare_batch = NULL) {
  data <- simulate_multiome(
    n_cells = if (context$full) 10000 else 2000, n_peaks = 6000,
    n_types = n_types, rare = rare, rare_batch = rare_batch,
    fragments = 400, depth_sd = 0.6, batch_effect = 0.4, signal = 0.5,
    type_specific = 0.04, n_genes = 1000, rna_depth = 1500,
    seed = context$seed, ...
  )
  list(
    counts = data$counts, cells = data$cells, pca = rna_pca(data$rna),
    without = data$cells$batch == "batch2"
  )
}

# Scores of the cells without RNA. The hybrid model is trained on them together
# with cells that have RNA.
hybrid_rows <- function(name, data, context) {
  part <- data$pca
  part[data$without, ] <- NA
  made <- list(
    `SAILERX, hybrid` = guided(data, part, context),
    `SAILER, peaks alone` = embedding(fit_sailer(data, context$seed)),
    `LSI 16` = lsi(kept_peaks(data$counts), 16),
    `SAILERX, all RNA` = guided(data, data$pca, context)
  )
  own <- list(
    counts = data$counts[, data$without], cells = data$cells[data$without, ]
  )
  do.call(rbind, lapply(names(made), function(method) {
    rows_of(name, method, report_scores(
      made[[method]][data$without, ], own, context$full
    ), context)
  }))
}

mixing_of <- function(x, batch) {
  batch_mixing(x, batch)$summary[["ilisi"]]
}

batch_rows <- function(data, context) {
  made <- all_of(data, context)
  do.call(rbind, lapply(names(made), function(method) {
    x <- made[[method]]
    rows_of("simulated, figure 3.11", method, c(
      report_scores(x, data, context$full),
      iLISI = mixing_of(x, data$cells$batch)
    ), context)
  }))
}

all_of <- function(data, context) {
  made <- list(
    `RNA PCA` = data$pca,
    `RNA PCA with harmony` = harmonised(
      data$pca, data$cells$batch, context$seed
    ),
    `LSI 16` = lsi(kept_peaks(data$counts), 16),
    SAILERX = guided(data, data$pca, context)
  )
  Filter(Negate(is.null), made)
}

# Two types of the cortex, each kept in one batch only.
lone_types <- c(Ast = "09A", E6Tle4 = "09C")

of_one_batch <- function(data) {
  types <- as.character(data$cells$cell_type)
  keep <- !types %in% names(lone_types) | data$cells$batch == lone_types[types]
  list(
    counts = data$counts[, keep], cells = data$cells[keep, ],
    pca = rna_pca(data$rna[, keep])
  )
}

# `alone`: the types that occur in one batch only.
unique_rows <- function(name, data, alone, context) {
  made <- all_of(data, context)
  types <- as.character(data$cells$cell_type)
  shared <- !types %in% alone
  do.call(rbind, lapply(names(made), function(method) {
    x <- made[[method]]
    purity <- vapply(alone, type_purity, 0, embedding = x, types = types)
    rows_of(name, method, c(
      `types of one batch, purity` = mean(purity),
      `shared types, iLISI` = mixing_of(x[shared, ], data$cells$batch[shared]),
      report_scores(x, data, context$full)
    ), context)
  }))
}

experiment(
  "hybrid",
  "Figures 3.10-3.12: cells without RNA, batches, batch-specific types",
  paste(
    "Figure 3.10: mouse cortex, with the RNA of three of the six batches",
    "removed, and simulated multiome, with no RNA in the second of two",
    "batches. Only cells without RNA are scored. Figure 3.11: simulated",
    "multiome of two batches that differ in RNA and peaks. Figure 3.12: the",
    "same with a rare type (5 % of the cells) in each batch that the other",
    "lacks, and mouse cortex with two types restricted to one batch each. The",
    "thesis uses PBMC 10k and 3k."
  ),
  run,
  list(
    claim("Cells without RNA benefit from other cells' RNA (figure 3.10)",
          "ARI", "SAILERX, hybrid", c("SAILER, peaks alone", "LSI 16")),
    claim("The same by purity of neighbourhoods", "purity",
          "SAILERX, hybrid", c("SAILER, peaks alone", "LSI 16")),
    claim("SAILERX mixes batches better than RNA PCA and LSI (figure 3.11)",
          "iLISI", "SAILERX", c("RNA PCA", "LSI 16"),
          data = "simulated, figure 3.11"),
    claim("SAILERX mixes batches at least as well as harmony (figure 3.11)",
          "iLISI", "SAILERX", "RNA PCA with harmony",
          data = "simulated, figure 3.11"),
    claim("SAILERX separates cell types best (figure 3.11)", "ARI", "SAILERX",
          c("RNA PCA", "RNA PCA with harmony", "LSI 16"),
          data = "simulated, figure 3.11"),
    claim("SAILERX separates batch-specific types best (figure 3.12)",
          "types of one batch, purity", "SAILERX",
          c("RNA PCA", "RNA PCA with harmony", "LSI 16"))
  ),
  not_here = "PBMC 10k and 3k, which are not available here; Cobolt (Python).",
  seconds = 160
)
