# Table 3.3 and figure 3.6: marker genes in clusters annotated by majority
# vote.

# Markers of table 3.2, by the names of the coarse types in these data.
thesis_markers <- list(
  Pvalb = c("Erbb4", "Cemip", "Lrrc4c", "Slit2", "Cntnap4", "Btbd11", "Zfp536",
            "Esrrg", "Kcnc1", "Cntnap5c"),
  `L4/5` = c("Car10", "Unc5d", "Rorb", "Pcdh15", "Dcc", "Gria4", "Prkg1",
             "Fstl4", "Kcnh5", "Cpne9")
)

run <- function(context) {
  data <- read_multiome()
  types <- as.character(data$cells$cell_type_coarse)
  fits <- list(
    SAILERX = sailerx(
      data$counts, data$pca,
      batch = data$cells$batch, control = control_of(context$seed)
    ),
    SAILER = fit_sailer(data, context$seed)
  )
  linear <- lsi(kept_peaks(data$counts), 16)
  nn <- list(
    SAILERX = neighbours(embedding(fits$SAILERX)),
    SAILER = neighbours(embedding(fits$SAILER)),
    `RNA PCA (Seurat)` = neighbours(unit_rows(data$pca)),
    LSI = neighbours(linear),
    `weighted nearest neighbours (Signac)` =
      functions_of("multiome.R")$weighted_neighbours(data, linear)
  )
  nn <- Filter(Negate(is.null), nn)
  scaled <- scaled_expression(data$rna, c(
    unlist(thesis_markers), unlist(lapply(names(thesis_markers), top_markers,
                                          data$rna, types))
  ))
  rows <- lapply(names(nn), function(name) {
    named <- named_clusters(nn[[name]], types, context$seed)
    values <- vapply(names(thesis_markers), function(type) {
      cells <- named == type
      if (!any(cells)) return(NA_real_)
      genes <- intersect(thesis_markers[[type]], rownames(scaled))
      mean(scaled[genes, cells])
    }, 0)
    own <- vapply(names(thesis_markers), function(type) {
      cells <- named == type
      if (!any(cells)) return(NA_real_)
      mean(scaled[top_markers(type, data$rna, types), cells])
    }, 0)
    rows_of("mouse cortex", name, c(
      stats::setNames(values, c("Pvalb", "L4")),
      stats::setNames(own, c("Pvalb, own markers", "L4, own markers"))
    ), context)
  })
  list(rows = do.call(rbind, rows))
}

# Leiden clusters, about as many as there are types. Each cell gets the most
# frequent type of its cluster.
named_clusters <- function(nn, types, seed) {
  partitions <- leiden(nn, 15, seq(0.4, 4, by = 0.2), seed)
  n <- lengths(lapply(partitions, unique))
  clusters <- partitions[[which.min(abs(n - length(unique(types))))]]
  votes <- table(clusters, types)
  winners <- colnames(votes)[max.col(votes, "first")]
  winners[match(clusters, rownames(votes))]
}

# Log-normalised counts, each gene scaled to mean 0 and standard deviation 1.
scaled_expression <- function(rna, genes) {
  depth <- Matrix::colSums(rna)
  rna <- rna[intersect(unique(genes), rownames(rna)), ]
  rna@x <- log1p(rna@x * rep(1e4 / depth, diff(rna@p)))
  t(scale(t(as.matrix(rna))))
}

# The ten genes with the largest t statistic, the type against all other cells.
top_markers <- function(type, rna, types) {
  depth <- Matrix::colSums(rna)
  rna@x <- log1p(rna@x * rep(1e4 / depth, diff(rna@p)))
  inside <- types == type
  moments <- function(cells) {
    mean <- Matrix::rowMeans(rna[, cells])
    list(mean = mean, error = (Matrix::rowMeans(rna[, cells]^2) - mean^2) /
           sum(cells))
  }
  a <- moments(inside)
  b <- moments(!inside)
  t <- (a$mean - b$mean) / sqrt(a$error + b$error + 1e-8)
  names(sort(t, decreasing = TRUE))[1:10]
}

rivals <- c("RNA PCA (Seurat)", "SAILER", "LSI",
            "weighted nearest neighbours (Signac)")

thesis_row <- function(method, pvalb, l4, here) {
  thesis_values("mouse cortex", method, Pvalb = pvalb, L4 = l4,
                method_here = here)
}

experiment(
  "markers",
  "Table 3.3, figure 3.6: marker genes in clusters annotated by majority vote",
  paste(
    "Mouse cortex, coarse types Pvalb and L4/5. The genes are those of table",
    "3.2 that are in the data (10 and 6), and own markers of the types in",
    "these data: the ten genes with the largest t statistic, the type",
    "against all other cells. Values are z-scores relative to all cells; the",
    "thesis normalises with SCTransform."
  ),
  run,
  list(
    claim("SAILERX's Pvalb clusters express Pvalb markers most strongly",
          "Pvalb", "SAILERX", rivals),
    claim("SAILERX's L4 clusters express L4 markers most strongly", "L4",
          "SAILERX", rivals),
    claim("The same for Pvalb, with markers derived from these data",
          "Pvalb, own markers", "SAILERX", rivals),
    claim("The same for L4, with markers derived from these data",
          "L4, own markers", "SAILERX", rivals)
  ),
  rbind(
    thesis_row("SAILERX", 7.10, 1.05, "SAILERX"),
    thesis_row("Seurat", 4.25, 1.11, "RNA PCA (Seurat)"),
    thesis_row("Signac", 7.07, 0.97, "weighted nearest neighbours (Signac)"),
    thesis_row("SAILER", 3.71, 0.77, "SAILER"),
    thesis_row("Cobolt", 0.72, -0.01, ""),
    thesis_row("Schema", 5.01, 0.92, "")
  ),
  not_here = paste(
    "B and CD4 naive cells of PBMC 10k, which is not available here; Cobolt",
    "and Schema (Python)."
  ),
  seconds = 55
)
