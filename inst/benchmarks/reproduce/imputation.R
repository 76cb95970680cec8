# Figure 2.10: Dice scores of imputed peaks against bulk profiles.

run <- function(context) {
  data <- thesis_simulation("Sim3", context$seed, context$full)
  fits <- list(
    SAILER = fit_sailer(data, context$seed),
    `VAE, no penalty` = fit_sailer(data, context$seed, lambda = 0, mixing = 0)
  )
  peaks <- fits$SAILER$peaks
  # All rare cells and a random sample: imputed values of all peaks are dense.
  set.seed(context$seed)
  rare <- grep("^rare", data$cells$cell_type)
  n_sampled <- min(500, ncol(data$counts))
  cells <- sort(unique(c(sample(ncol(data$counts), n_sampled), rare)))
  types <- as.character(data$cells$cell_type[cells])
  bulk <- t(data$truth > 0.5)[peaks, types]
  n <- round(mean(colSums(bulk)))
  counts <- data$counts[peaks, ]
  values <- lapply(fits, impute, cells = colnames(counts)[cells], peaks = peaks)
  magic <- magic_smoothed(counts, lsi(counts, 30), cells)
  common <- rank(-Matrix::rowMeans(counts > 0), ties.method = "first") <= n
  open <- list(
    raw = counts[, cells] > 0,
    `most common peaks` = Matrix::Matrix(
      common, nrow(counts), length(cells), sparse = TRUE
    ),
    `MAGIC-style, likeliest` = largest(magic, n),
    `MAGIC-style, thresholds` = scale_thresholds(magic),
    `VAE, likeliest` = largest(values[[2]], n),
    `VAE, SCALE-style thresholds` = scale_thresholds(values[[2]]),
    `SAILER, likeliest` = largest(values[[1]], n),
    `SAILER, thresholds` = scale_thresholds(values[[1]])
  )
  scores <- lapply(open, function(x) dice_score(bulk * 1, x * 1))
  left <- lapply(
    c(list(`MAGIC-style` = magic), values), confounded, data, cells
  )
  list(
    rows = rbind(
      do.call(rbind, lapply(names(scores), function(name) {
        at_rare <- startsWith(types, "rare")
        rows_of("Sim3", name, c(
          Dice = mean(scores[[name]]),
          `Dice, rare types` = mean(scores[[name]][at_rare])
        ), context)
      })),
      do.call(rbind, lapply(names(left), function(name) {
        rows_of("Sim3, components of the imputed", name, left[[name]], context)
      }))
    ),
    figures = if (context$first) dice_figure(scores)
  )
}

# Effects of batch and depth in ten principal components of imputed values.
confounded <- function(values, data, cells) {
  set.seed(1)
  components <- irlba::prcomp_irlba(t(values), 10)$x
  part <- data$cells[cells, ]
  c(
    `I(z, batch)` = mutual_information(components, factor(part$batch))$mean,
    `I(z, depth)` = mutual_information(components, log(part$depth))$mean,
    iLISI = batch_mixing(components, part$batch)$summary[["ilisi"]]
  )
}

dice_figure <- function(scores) {
  shown <- data.frame(
    method = factor(rep(names(scores), lengths(scores)), names(scores)),
    dice = unlist(scores, use.names = FALSE)
  )
  list(
    ggplot2::ggplot(shown, ggplot2::aes(.data$method, .data$dice)) +
      ggplot2::geom_violin(fill = "grey85", scale = "width") +
      ggplot2::coord_flip() +
      ggplot2::labs(x = NULL, y = "Dice score per cell") +
      ggplot2::theme_bw(11)
  )
}

experiment(
  "imputation",
  "Figure 2.10: imputed peaks compared with bulk profiles",
  paste(
    "Sim3: 500 random cells and all rare ones. The bulk profile of a cell is",
    "the set of peaks that are more likely open than closed in its type.",
    "\u201cLikeliest\u201d opens the peaks with the highest values of each",
    "cell, as many as the profiles have on average. \u201cThresholds\u201d are",
    "those of SCALE: a peak is open if its value is above the means of the",
    "peak and of the cell. MAGIC-style is the diffusion of MAGIC on the",
    "neighbour graph of LSI, without its other steps."
  ),
  run,
  list(
    claim("SAILER's imputation is closer to bulk than SCALE's", "Dice",
          "SAILER, thresholds", "VAE, SCALE-style thresholds"),
    claim("The same with equally many open peaks in each cell", "Dice",
          "SAILER, likeliest", "VAE, likeliest"),
    claim("SAILER's imputation is closer to bulk than the raw counts", "Dice",
          "SAILER, likeliest", "raw"),
    claim(paste("SAILER's imputation is closer to bulk than the most common",
                "peaks, the same for all cells"), "Dice", "SAILER, likeliest",
          "most common peaks"),
    claim(paste("SAILER's imputation is closer to bulk than diffusion over",
                "neighbours"), "Dice", "SAILER, likeliest",
          c("MAGIC-style, likeliest", "MAGIC-style, thresholds")),
    claim(paste("SAILER's imputation of rare types is closer to bulk than",
                "diffusion and the VAE"), "Dice, rare types",
          "SAILER, likeliest", c("MAGIC-style, likeliest", "VAE, likeliest")),
    claim("SAILER's imputed values contain less information about the batch",
          "I(z, batch)", "SAILER", c("MAGIC-style", "VAE, no penalty"),
          lower = TRUE),
    claim("SAILER's imputed values contain less information about depth",
          "I(z, depth)", "SAILER", c("MAGIC-style", "VAE, no penalty"),
          lower = TRUE)
  ),
  rbind(
    thesis_values("Sim3", "SAILER", Dice = 0.64,
                  method_here = "SAILER, thresholds"),
    thesis_values("Sim3", "SCALE", Dice = 0.54,
                  method_here = "VAE, SCALE-style thresholds")
  ),
  seconds = 45
)
