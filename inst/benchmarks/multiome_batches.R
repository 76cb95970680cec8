# Multiome batches of which one has a cell type of its own (figure 3.12): does
# the type stay apart when batches are taken out?
#
#   Rscript inst/benchmarks/multiome_batches.R [TYPE=BATCH ...]
#
# The data are mouse_cortex_multiome below SAILER_DATA (default ../shared/data),
# all cells but those without a type ("Mis"), without those of each TYPE that
# are not from its BATCH; by default Ast=09A E6Tle4=09C. SAILERX and SAILER have
# all six batches in c; the PCA is of the RNA of the same cells. "Spread": as
# many cells of the types, but drawn from all batches. There nothing can be
# mistaken for an effect of a batch, so the difference is what taking batches
# out costs a type of one batch.
#
# Prints for each embedding, and for the same with every cell scaled to length 1
# ("unit"): of the type's cells, the share of the type among their neighbours
# (50, or all others of the type if these are fewer: 1 is possible) and the
# share of them in Leiden clusters where the type is the majority, best and mean
# over resolutions 1 to 5, on 15 neighbours (a type of a few cells needs fine
# clusters); of the other cells, how far the batches among their 50 neighbours
# are from even shares (0 is mixed), iLISI (as many as batches is mixed) and the
# share of cells whose neighbours fail a test of mixing.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))

# The cells `keep`, with a PCA of their RNA alone.
subset_cells <- function(data, keep) {
  list(
    counts = data$counts[, keep], cells = data$cells[keep, ],
    pca = rna_pca(data$rna[, keep])
  )
}

# Which cells are left when types are of one batch only, and when as many cells
# of theirs are from all batches.
of_one_batch <- function(cells, alone) {
  types <- as.character(cells$cell_type)
  !types %in% names(alone) | cells$batch == alone[types]
}

of_all_batches <- function(cells, alone) {
  types <- as.character(cells$cell_type)
  keep <- !types %in% names(alone)
  n <- table(types[of_one_batch(cells, alone)])
  set.seed(1)
  for (type in names(alone)) {
    keep[sample(which(types == type), n[[type]])] <- TRUE
  }
  keep
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
  clusters <- leiden(neighbours(embedding), 15, seq(1, 5, by = 0.5))
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
control <- train_control(verbose = FALSE, threads = 1)
guided <- function(data) {
  embedding(sailerx(
    data$counts, data$pca,
    batch = data$cells$batch, control = control
  ))
}
all <- read_multiome()
data <- subset_cells(all, of_one_batch(all$cells, alone))
spread <- subset_cells(all, of_all_batches(all$cells, alone))
for (cells in list(data$cells, spread$cells)) {
  print(table(cells$cell_type, cells$batch)[names(alone), , drop = FALSE])
}
unguided <- sailer(data$counts, batch = data$cells$batch, control = control)
rows <- c(
  lapply(
    with_unit(list(
      `RNA PCA` = data$pca, `LSI 16` = lsi(data$counts, 16),
      SAILER = embedding(unguided), SAILERX = guided(data)
    )),
    measure, data$cells, alone
  ),
  lapply(
    with_unit(list(
      `RNA PCA, spread` = spread$pca, `SAILERX, spread` = guided(spread)
    )),
    measure, spread$cells, alone
  )
)
print(round(do.call(rbind, rows), 3))
