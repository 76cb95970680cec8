# Multiome batches of which one has a cell type of its own (figure 3.12): does
# the type stay apart when batches are taken out?
#
#   Rscript inst/benchmarks/multiome_batches.R [TYPE=BATCH ...]
#
# The data are mouse_cortex_multiome below SAILER_DATA (default ../shared/data),
# all cells but those without a type ("Mis"), without those of each TYPE that
# are not from its BATCH; by default Ast=09A E6Tle4=09C. SAILERX and SAILER have
# all six batches in c; the PCA is of the RNA of the same cells.
#
# Prints for each embedding, and for the same with every cell scaled to length 1
# ("unit"): of the type's cells, the share of the type among their neighbours
# (50, or all others of the type if these are fewer: 1 is possible) and the
# share of them in Leiden clusters where the type is the majority, best and mean
# over resolutions, on 30 neighbours; of the other cells, how far the batches
# among their 50 neighbours are from even shares (0 is mixed), iLISI (as many as
# batches is mixed) and the share of cells whose neighbours fail a test of
# mixing.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))

# The cells without those of types that are to be of one batch only.
restrict <- function(data, alone) {
  types <- data$cells$cell_type
  lost <- types %in% names(alone) & data$cells$batch != alone[types]
  rna <- data$rna[, !lost]
  list(
    counts = data$counts[, !lost], cells = data$cells[!lost, ],
    pca = rna_pca(rna)
  )
}

# Share of the cells in clusters of which they are more than half.
majority <- function(clusters, inside) {
  mean((tapply(inside, clusters, mean) > 0.5)[as.character(clusters[inside])])
}

measure_type <- function(type, types, embedding, clusters) {
  inside <- types == type
  k <- min(50, sum(inside) - 1)
  nn <- RANN::nn2(embedding, embedding[inside, ], k + 1)$nn.idx[, -1]
  shares <- vapply(clusters, majority, 0, inside)
  c(
    purity = mean(inside[nn]), majority_best = max(shares),
    majority_mean = mean(shares)
  )
}

measure <- function(embedding, cells, alone) {
  types <- as.character(cells$cell_type)
  clusters <- leiden(neighbours(embedding), 30, seq(0.2, 2, by = 0.2))
  own <- lapply(names(alone), measure_type, types, embedding, clusters)
  shared <- !types %in% names(alone)
  mixing <- batch_mixing(embedding[shared, ], cells$batch[shared])$summary
  c(
    unlist(stats::setNames(own, names(alone))),
    mixing[c("deviation", "ilisi", "rejected")]
  )
}

alone <- do.call(rbind, strsplit(commandArgs(TRUE), "="))
alone <- if (is.null(alone)) {
  c(Ast = "09A", E6Tle4 = "09C")
} else {
  stats::setNames(alone[, 2], alone[, 1])
}
data <- restrict(read_multiome(), alone)
print(table(data$cells$cell_type, data$cells$batch)[names(alone), ])
control <- train_control(verbose = FALSE, threads = 1)
batch <- data$cells$batch
embeddings <- with_unit(list(
  `RNA PCA` = data$pca, `LSI 16` = lsi(data$counts, 16),
  SAILER = embedding(sailer(data$counts, batch = batch, control = control)),
  SAILERX = embedding(
    sailerx(data$counts, data$pca, batch = batch, control = control)
  )
))
rows <- lapply(embeddings, measure, data$cells, alone)
print(round(do.call(rbind, rows), 3))
