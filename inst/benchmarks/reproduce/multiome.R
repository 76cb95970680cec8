# Figures 3.2, 3.3, 3.5 and 3.7: SAILERX compared with each modality alone and
# with weighted nearest neighbours.

multiome <- functions_of("multiome.R")

run <- function(context) {
  data <- read_multiome()
  fits <- list(
    SAILERX = timed(guided(data, context)),
    `SAILERX, peaks alone` = timed(guided(data, context, joint = FALSE)),
    SAILER = timed(fit_sailer(data, context$seed))
  )
  held_out <- match(fits$SAILERX$value$validation_cells, colnames(data$counts))
  made <- lapply(fits, function(fit) {
    list(value = embedding(fit$value), seconds = fit$seconds)
  })
  rows <- scores_of(made, data, held_out, context, context)
  if (context$first) {
    fixed <- list(
      `RNA PCA` = list(value = unit_rows(data$pca), seconds = NA),
      `LSI 16` = timed(lsi(kept_peaks(data$counts), 16))
    )
    rows <- rbind(
      rows, scores_of(fixed, data, held_out, NULL, context),
      weighted_rows(data, fixed, held_out, context)
    )
  }
  list(
    rows = rbind(rows, alignment_rows(data, context)),
    figures = if (context$first) {
      shown <- lapply(c(made, fixed), `[[`, "value")
      c(
        umap_figure(shown[c("SAILERX", "SAILER", "RNA PCA", "LSI 16")],
                    data.frame(type = data$cells$cell_type_coarse)),
        list(cluster_figure(shown, data))
      )
    }
  )
}

guided <- function(data, context, ...) {
  sailerx(
    data$counts, data$pca,
    batch = data$cells$batch, control = control_of(context$seed), ...
  )
}

scores_of <- function(made, data, held_out, seeded, context) {
  types <- as.character(data$cells$cell_type)
  do.call(rbind, lapply(names(made), function(name) {
    x <- made[[name]]$value
    rows_of("mouse cortex", name, c(
      report_scores(x, data, context$full), silhouette = silhouette(x, types),
      `purity, held-out` = purity(neighbours(x), types, held_out)
    ), seeded, made[[name]]$seconds)
  }))
}

# How Signac integrates both modalities: weighted nearest neighbours.
weighted_rows <- function(data, fixed, held_out, context) {
  nn <- multiome$weighted_neighbours(data, fixed$`LSI 16`$value)
  if (is.null(nn)) {
    return(NULL)
  }
  types <- as.character(data$cells$cell_type)
  rows_of("mouse cortex", "weighted nearest neighbours", c(
    report_scores(NULL, data, context$full, nn = nn),
    `purity, held-out` = purity(nn, types, held_out)
  ))
}

# Figure 3.2: the thesis' model, whose encoder receives only the peaks. Training
# starts from random weights, so that the alignment with the reference depends
# on the alignment weight alone.
weights <- c(0, 1e3, 1e4, 1e5, 1e6)

alignment_rows <- function(data, context) {
  if (!context$full && !context$first) {
    return(NULL)
  }
  path <- tune_path(
    data$counts, "alignment", if (context$full) weights else weights[-5],
    batch = data$cells$batch, reference = data$pca, joint = FALSE,
    warm_start = FALSE, labels = data$cells$cell_type,
    control = control_of(context$seed), verbose = FALSE
  )
  do.call(rbind, lapply(seq_len(nrow(path)), function(i) {
    rows_of(
      "mouse cortex, figure 3.2", sprintf("alignment %g", path$value[i]),
      c(
        `L_local` = path$alignment[i],
        `L_local, held-out` = path$validation_alignment[i],
        ARI = path$ari[i], NMI = path$nmi[i]
      ), context, path$seconds[i]
    )
  }))
}

# Figure 3.5: agreement with the types by number of clusters.
cluster_figure <- function(shown, data) {
  types <- as.character(data$cells$cell_type)
  points <- lapply(names(shown), function(name) {
    clusters <- leiden(neighbours(shown[[name]]), 15, seq(0.2, 3, by = 0.2))
    data.frame(
      method = name, clusters = lengths(lapply(clusters, unique)),
      ari = vapply(clusters, sailer:::adjusted_rand_index, 0, types)
    )
  })
  ggplot2::ggplot(
    do.call(rbind, points),
    ggplot2::aes(.data$clusters, .data$ari, colour = .data$method)
  ) +
    ggplot2::geom_line() +
    ggplot2::geom_point(size = 1) +
    ggplot2::labs(x = "clusters", y = "ARI", colour = NULL) +
    ggplot2::theme_bw(11)
}

elbow <- claim_by(
  "L_local falls with the alignment weight, then levels off (figure 3.2)",
  function(rows) {
    own <- rows[rows$measure == "L_local, held-out", ]
    at <- as.numeric(sub("alignment ", "", own$method))
    means <- tapply(own$value, at, mean)
    falls <- means[[2]] < means[[1]]
    last <- diff(utils::tail(means, 2)) / (means[[1]] - min(means))
    list(
      verdict = if (falls && last > -0.1) "holds" else "does not hold",
      evidence = paste(
        "held-out L_local", paste(short(means), "at", names(means),
                                  collapse = ", ")
      )
    )
  }
)

others <- c("RNA PCA", "LSI 16", "weighted nearest neighbours", "SAILER")

experiment(
  "multiome",
  "Figures 3.2, 3.3, 3.5, 3.7: clustering of cells with both modalities",
  paste(
    "SNARE-seq of mouse cortex, as in figure 3.7: 4,640 nuclei with a type (23",
    "types, from the RNA). The reference is a PCA of the RNA. SAILERX is the",
    "package's default model, whose encoder receives the reference and the",
    "peaks; \u201cpeaks alone\u201d is the model of the thesis, whose encoder",
    "receives only the peaks. Weighted nearest neighbours are Seurat's method,",
    "which Signac uses."
  ),
  run,
  list(
    claim("SAILERX has the highest ARI", "ARI", "SAILERX", others),
    claim("SAILERX has the highest NMI", "NMI", "SAILERX", others),
    claim("SAILERX has the highest silhouette", "silhouette", "SAILERX",
          setdiff(others, "weighted nearest neighbours")),
    claim("SAILERX improves on its reference", "ARI", "SAILERX", "RNA PCA"),
    claim("The thesis' model improves on its reference", "ARI",
          "SAILERX, peaks alone", "RNA PCA"),
    claim("The thesis' model improves on SAILER", "ARI",
          "SAILERX, peaks alone", "SAILER"),
    elbow
  ),
  not_here = paste(
    "PBMC 10k and SHARE-seq (figures 3.3, 3.9), which are not available here;",
    "Cobolt, Schema, scVI, scANVI and Scanorama, which are Python packages."
  ),
  seconds = 110
)
