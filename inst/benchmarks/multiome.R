# Compares SAILERX with RNA alone, ATAC alone and weighted nearest neighbours on
# labelled cells with both modalities:
#
#   Rscript inst/benchmarks/multiome.R table  [options of sailerx() as R]
#   Rscript inst/benchmarks/multiome.R hybrid [options of sailerx() as R]
#   Rscript inst/benchmarks/multiome.R grid   [names of variants]
#   Rscript inst/benchmarks/multiome.R simulated [options of sailerx() as R]
#
# The data are mouse_cortex_multiome in SAILER_DATA (default ../shared/data),
# without cells that have no type ("Mis").
#
# `table` prints for each embedding: ARI and NMI of Leiden clusters with the
# types (best and mean over resolutions, with 15 and with 30 neighbours),
# silhouette of the types, purity of 50 neighbours, mutual information with ATAC
# depth and batch, CPU seconds, and the silhouettes of the clusters. Training
# cells and held-out cells of SAILERX are then scored separately, because an
# embedding of the open peaks alone ("peaks alone", the model of the thesis) can
# overfit. "unit": each cell scaled to length 1, because the alignment uses
# angles and leaves lengths free.
#
# `hybrid` removes the references of three batches and compares the scores of
# their cells with those of SAILER alone and of SAILERX with all references.
#
# `simulated` uses nuclei of eight types, of which only six are distinct in the
# reference, without and with batch and depth effects in the reference. Cells
# are scaled to length 1; SAILERX is trained with three seeds.
#
# `grid` needs no labels and is used to choose the defaults. It prints the
# alignment of training cells and of held-out cells (unweighted, over all
# pairs), the likelihood of held-out cells, and the share of a cell's 50 RNA
# neighbours among its 50 neighbours in the embedding, with and without scaling
# to unit length.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))

resolutions <- seq(0.2, 2, by = 0.2)

# Seurat's weighted nearest neighbours of RNA PCA and LSI. NULL without Seurat.
weighted_neighbours <- function(data, lsi) {
  if (!requireNamespace("Seurat", quietly = TRUE)) {
    return(NULL)
  }
  rownames(lsi) <- colnames(data$counts)
  colnames(lsi) <- paste0("LSI_", seq_len(ncol(lsi)))
  object <- Seurat::CreateSeuratObject(data$rna)
  object[["pca"]] <- Seurat::CreateDimReducObject(
    data$pca,
    key = "PC_", assay = "RNA"
  )
  object[["lsi"]] <- Seurat::CreateDimReducObject(
    lsi,
    key = "LSI_", assay = "RNA"
  )
  object <- suppressWarnings(Seurat::FindMultiModalNeighbors(
    object, list("pca", "lsi"), list(1:30, seq_len(ncol(lsi))),
    k.nn = 51, verbose = FALSE
  ))
  # A cell may be its own first neighbour; 50 others are kept.
  nn <- object[["weighted.nn"]]@nn.idx
  t(vapply(seq_len(nrow(nn)), function(i) {
    utils::head(setdiff(nn[i, ], i), 50)
  }, numeric(50)))
}

# Clusters all cells, by number of neighbours; subsets are scored on these
# clusters.
cluster <- function(embedding, nn = neighbours(embedding)) {
  list(
    embedding = embedding, nn = nn,
    clusters = lapply(c(k15 = 15, k30 = 30), function(k) {
      leiden(nn, k, resolutions)
    })
  )
}

score_cells <- function(clustered, data, rows = seq_along(data$depth)) {
  types <- as.character(data$cells$cell_type)
  embedding <- clustered$embedding
  by_k <- lapply(clustered$clusters, agreement, types = types, rows = rows)
  width <- mi_depth <- mi_batch <- NA
  if (!is.null(embedding)) {
    embedding <- embedding[rows, ]
    width <- silhouette(embedding, types[rows])
    mi_depth <- mutual_information(embedding, log(data$depth[rows]))$mean
    mi_batch <- mutual_information(
      embedding, factor(data$cells$batch[rows])
    )$mean
  }
  c(
    unlist(by_k),
    silhouette = width, purity = purity(clustered$nn, types, rows),
    mi_depth = mi_depth, mi_batch = mi_batch
  )
}

# Silhouettes of the clusters by resolution, with 15 neighbours.
score_clusters <- function(clustered) {
  widths <- vapply(clustered$clusters$k15, function(clusters) {
    if (length(unique(clusters)) < 2) {
      return(NA_real_)
    }
    silhouette(clustered$embedding, clusters)
  }, 0)
  stats::setNames(widths, resolutions)
}

# Fits SAILER, or SAILERX if there is a reference, with the same options.
fit_model <- function(data, options, reference = NULL) {
  options$control <- do.call(train_control, utils::modifyList(
    list(verbose = FALSE, threads = 1), as.list(options$control)
  ))
  weighted <- isTRUE(options$weights)
  options$weights <- NULL
  options <- c(list(data$counts, batch = data$cells$batch), options)
  if (is.null(reference)) {
    options[c("alignment", "joint", "reference_dropout")] <- NULL
    return(do.call(sailer, options))
  }
  if (weighted) options$rna_depth <- data$rna_depth
  do.call(sailerx, c(options, list(reference = reference)))
}

show <- function(title, rows) {
  cat("\n", title, "\n", sep = "")
  rows <- do.call(rbind, rows)
  colnames(rows) <- sub("k(15|30)[.](...)_(.).*", "\\2\\1_\\3", colnames(rows))
  print(round(rows, 3))
}

# The model of the thesis: its encoder does not see the reference.
peaks_alone <- function(options) {
  options$joint <- FALSE
  options
}

run_table <- function(options) {
  data <- read_multiome()
  alone <- options[setdiff(names(options), "weights")]
  parts <- list(
    `LSI 16` = timed(lsi(data$counts, 16)),
    SAILER = timed(fit_model(data, alone)),
    SAILERX = timed(fit_model(data, options, data$pca)),
    `SAILERX, peaks alone` = timed(
      fit_model(data, peaks_alone(options), data$pca)
    )
  )
  fit <- parts$SAILERX$value
  print(fit)
  print(utils::tail(fit$history, 1))
  for (name in grep("SAILER", names(parts), value = TRUE)) {
    parts[[name]]$value <- embedding(parts[[name]]$value)
  }
  parts <- c(list(`RNA PCA` = list(value = data$pca, seconds = NA)), parts)
  seconds <- vapply(parts, `[[`, 0, "seconds")
  embeddings <- with_unit(lapply(parts, `[[`, "value"))
  seconds <- rep(seconds, each = 2)
  clustered <- lapply(embeddings, cluster)
  nn <- weighted_neighbours(data, parts$`LSI 16`$value)
  if (!is.null(nn)) {
    clustered$WNN <- cluster(NULL, nn)
    seconds <- c(seconds, NA)
  }
  held_out <- match(fit$validation_cells, colnames(data$counts))
  trained <- setdiff(seq_along(data$depth), held_out)
  all <- lapply(clustered, score_cells, data)
  show("All cells", Map(c, all, seconds = seconds))
  show(
    "Silhouettes of the clusters by resolution",
    lapply(clustered[names(embeddings)], score_clusters)
  )
  show("Training cells", lapply(clustered, score_cells, data, trained))
  show("Held-out cells", lapply(clustered, score_cells, data, held_out))
}

run_hybrid <- function(options) {
  data <- read_multiome()
  batches <- sort(unique(data$cells$batch))
  without <- batches[c(FALSE, TRUE)]
  rows <- which(data$cells$batch %in% without)
  part <- data$pca
  part[rows, ] <- NA
  alone <- options[setdiff(names(options), "weights")]
  clustered <- lapply(with_unit(list(
    `RNA PCA` = data$pca, `LSI 16` = lsi(data$counts, 16),
    SAILER = embedding(fit_model(data, alone)),
    `SAILERX, hybrid` = embedding(fit_model(data, options, part)),
    `SAILERX, hybrid, peaks alone` = embedding(
      fit_model(data, peaks_alone(options), part)
    ),
    `SAILERX, all references` = embedding(fit_model(data, options, data$pca))
  )), cluster)
  show(
    paste("Cells of batches", toString(without), "without a reference"),
    lapply(clustered, score_cells, data, rows)
  )
  show(
    "Cells of the other batches",
    lapply(clustered, score_cells, data, setdiff(seq_along(data$depth), rows))
  )
}

# The reference has noisy type centres; types 1 and 2 share one, 3 and 4 too.
simulated_multiome <- function(effect) {
  data <- simulate_atac(
    n_cells = 2000, n_peaks = 6000, n_types = 8, depth = 150,
    batch_effect = 0.5, rare = NULL, type_specific = 0.04, seed = 1
  )
  set.seed(1)
  normal <- function(n) matrix(stats::rnorm(n * 10), n)
  centres <- normal(8)
  centres[c(2, 4), ] <- centres[c(1, 3), ]
  batches <- effect * normal(2)
  slopes <- effect * stats::rnorm(10)
  reference <- centres[as.integer(data$cells$cell_type), ] +
    batches[as.integer(data$cells$batch), ] +
    outer(as.vector(scale(log(data$cells$depth))), slopes) / 2 + normal(2000)
  reference <- stats::prcomp(reference)$x
  rownames(reference) <- colnames(data$counts)
  list(
    counts = data$counts, cells = data$cells, pca = reference,
    depth = data$cells$depth
  )
}

run_simulated <- function(options) {
  for (effect in c(0, 0.7)) {
    data <- simulated_multiome(effect)
    fits <- lapply(1:3, function(seed) {
      options$control <- c(options$control, seed = seed)
      embedding(fit_model(data, options, data$pca))
    })
    embeddings <- c(
      list(
        reference = data$pca, `LSI 16` = lsi(data$counts, 16),
        SAILER = embedding(fit_model(data, options))
      ),
      stats::setNames(fits, paste("SAILERX, seed", 1:3))
    )
    show(
      paste("Batch and depth effects in the reference:", effect),
      lapply(embeddings, function(x) {
        score(unit_rows(x), data$cells, data$depth)
      })
    )
  }
}

# Changes to the defaults of the package.
variants <- list(
  default = list(),
  chosen = list(
    min_fraction = 0.002, thinning = c(0, 0.5), n_latent = 32, alignment = 1e5,
    joint = TRUE
  ),
  peaks_alone = list(joint = FALSE),
  reference_dropout_.2 = list(reference_dropout = 0.2),
  alignment_0 = list(alignment = 0),
  alignment_1e3 = list(alignment = 1e3),
  alignment_3e3 = list(alignment = 3e3),
  alignment_3e5 = list(alignment = 3e5),
  weights = list(weights = TRUE),
  thinning_.5_.9 = list(thinning = c(0.5, 0.9)),
  thinning_0_.5 = list(thinning = c(0, 0.5)),
  no_thinning = list(thinning = 0),
  dropout_.3 = list(dropout = 0.3),
  latent_16 = list(n_latent = 16),
  latent_32 = list(n_latent = 32),
  latent_50 = list(n_latent = 50),
  hidden_256 = list(hidden = 256),
  lambda_0 = list(lambda = 0),
  pairwise = list(marginal = "pairwise"),
  omega_5 = list(omega = 5),
  chromosome = list(architecture = "chromosome"),
  peaks_.001 = list(min_fraction = 0.001),
  peaks_.002 = list(min_fraction = 0.002),
  peaks_.005 = list(min_fraction = 0.005),
  peaks_.01 = list(min_fraction = 0.01),
  batch_400 = list(control = list(batch_size = 400, learning_rate = 2e-3)),
  random_start = list(warm_start = FALSE),
  no_freeze = list(control = list(frozen = 0)),
  steps_4000 = list(control = list(steps = 4000)),
  decay_2e.3 = list(control = list(weight_decay = 2e-3))
)

misalignment <- function(embedding, reference) {
  mean((tcrossprod(unit_rows(reference)) - tcrossprod(unit_rows(embedding)))^2)
}

shared <- function(x, y, rows) {
  mean(vapply(rows, function(i) mean(x[i, ] %in% y[i, ]), 0))
}

run_grid <- function(chosen) {
  data <- read_multiome()
  rna <- neighbours(data$pca)
  rna_unit <- neighbours(unit_rows(data$pca))
  for (name in chosen) {
    options <- variants[[name]]
    done <- timed(fit_model(data, options, data$pca))
    z <- embedding(done$value)
    last <- done$value$history[done$value$best_epoch, ]
    held_out <- match(done$value$validation_cells, rownames(z))
    # As many training cells, since pairs include each cell with itself.
    set.seed(1)
    trained <- sample(setdiff(seq_len(nrow(z)), held_out), length(held_out))
    nn <- neighbours(z)
    nn_unit <- neighbours(unit_rows(z))
    measures <- lapply(list(trained, held_out), function(rows) {
      c(
        alignment = misalignment(z[rows, ], data$pca[rows, ]),
        rna_neighbours = shared(nn, rna, rows),
        rna_neighbours_unit = shared(nn_unit, rna_unit, rows)
      )
    })
    values <- c(
      trained = measures[[1]], held_out = measures[[2]],
      elbo = last$validation_elbo, ll = last$validation_log_likelihood,
      seconds = done$seconds
    )
    cat(sprintf("%-16s", name), sprintf("%s %.4g", names(values), values), "\n")
  }
}

if (sys.nframe() == 0) {
  arguments <- commandArgs(TRUE)
  task <- if (length(arguments) > 0) arguments[1] else "table"
  if (task == "grid") {
    chosen <- if (length(arguments) > 1) arguments[-1] else names(variants)
    run_grid(chosen)
  } else {
    options <- eval(parse(text = paste0(
      "list(", paste(arguments[-1], collapse = ", "), ")"
    )))
    switch(task,
      table = run_table(options),
      hybrid = run_hybrid(options),
      simulated = run_simulated(options),
      stop(
        "Unknown task `", task, "`. Choose table, hybrid, grid or simulated.",
        call. = FALSE
      )
    )
  }
}
