# Figure 2.6: two batches, each with its own rare type.

run <- function(context) {
  data <- thesis_simulation("Sim3", context$seed, context$full)
  linear <- lsi(kept_peaks(data$counts), 10)
  found <- list(
    LSI = linear,
    `LSI with harmony` = harmonised(linear, data$cells$batch, context$seed),
    SAILER = embedding(fit_sailer(data, context$seed))
  )
  found <- Filter(Negate(is.null), found)
  types <- as.character(data$cells$cell_type)
  shared <- !startsWith(types, "rare")
  rows <- lapply(names(found), function(name) {
    x <- found[[name]]
    mixing <- batch_mixing(x[shared, ], data$cells$batch[shared])$summary
    purity <- vapply(c("rare1", "rare2"), type_purity, 0,
                     embedding = x, types = types)
    rows_of("Sim3", name, c(
      `rare types, purity` = mean(purity),
      `shared types, iLISI` = mixing[["ilisi"]],
      `shared types, deviation` = mixing[["deviation"]],
      report_scores(x, data, context$full)
    ), context)
  })
  list(
    rows = do.call(rbind, rows),
    figures = if (context$first) {
      c(
        umap_figure(found, data.frame(
          type = data$cells$cell_type, batch = data$cells$batch
        )),
        list(neighbour_figure(found, data$cells$batch))
      )
    }
  )
}

# Figure 2.6C: the share of batch 2 among the 50 nearest neighbours of a cell.
neighbour_figure <- function(found, batch) {
  shares <- lapply(names(found), function(name) {
    data.frame(
      method = name,
      share = batch_mixing(found[[name]], batch)$proportions[, 2]
    )
  })
  ggplot2::ggplot(
    do.call(rbind, shares), ggplot2::aes(.data$share, colour = .data$method)
  ) +
    ggplot2::geom_density() +
    ggplot2::geom_vline(xintercept = 0.5, linetype = 2) +
    ggplot2::labs(x = "share of batch 2 among 50 neighbours", colour = NULL) +
    ggplot2::theme_bw(11)
}

experiment(
  "batches",
  "Figure 2.6: two batches, each with its own rare type",
  paste(
    "Sim3: two batches, each with its own rare type. The thesis compares",
    "SAILER with SnapATAC and harmony; here it is compared with LSI and",
    "harmony (CRAN)."
  ),
  run,
  list(
    claim("SAILER separates batch-specific rare types better than harmony",
          "rare types, purity", "SAILER", "LSI with harmony"),
    claim("SAILER mixes the batches of shared types better than harmony",
          "shared types, iLISI", "SAILER", "LSI with harmony"),
    claim("SAILER has a higher ARI than LSI, with and without harmony", "ARI",
          "SAILER", c("LSI", "LSI with harmony"))
  ),
  seconds = 30
)
