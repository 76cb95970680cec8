# Expresser on the RNA data sets of SAILER_DATA: pretraining, imputation of
# held-out cells and of a held-out data set, gene embeddings and cell
# embeddings. FOLDER holds the corpora and models:
#
#   Rscript inst/benchmarks/expresser.R train FOLDER [default] [thesis] ...
#   Rscript inst/benchmarks/expresser.R impute FOLDER
#   Rscript inst/benchmarks/expresser.R genes FOLDER [ggi] [dosage] ...
#   Rscript inst/benchmarks/expresser.R cells FOLDER
#   Rscript inst/benchmarks/expresser.R curve FOLDER [cells] ...
#   Rscript inst/benchmarks/expresser.R speed
#
# A tenth of the cells of each data set is held out, and all of pbmc_ifnb_rna.
# Genes are protein-coding and detected in at least 10 training cells. On a
# machine with a GPU set EXPRESSER_SIZE=full; EXPRESSER_EPOCHS, EXPRESSER_BATCH
# and EXPRESSER_SEED override 5, 16 and 1.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))
source(file.path(dirname(script), "expresser_data.R"))

left_out <- "pbmc_ifnb_rna"

# Variants to compare, as arguments of expresser().
variants <- list(
  default = list(),
  plain = list(decoder = FALSE),
  components = list(expression = "binned"),
  counts = list(token_start = "random"),
  thesis = list(token_start = "random", expression = "binned")
)

setting <- function(name, otherwise) {
  as.numeric(Sys.getenv(paste0("EXPRESSER_", name), otherwise))
}

# list(training, held_out): the data sets of read_rna(), split by cells.
split_sets <- function() {
  sets <- read_rna(known = protein_coding())
  set.seed(1)
  held_out <- lapply(sets, function(x) sort(sample(ncol(x), ncol(x) %/% 10)))
  list(
    training = Map(
      function(x, out) x[, -out], sets[names(sets) != left_out],
      held_out[names(sets) != left_out]
    ),
    held_out = Map(function(x, out) x[, out], sets, held_out)
  )
}

train <- function(folder, name) {
  dir.create(folder, showWarnings = FALSE, recursive = TRUE)
  corpus <- build_corpus(
    split_sets()$training, file.path(folder, "training.corpus"), min_cells = 10
  )
  seconds <- system.time(fit <- do.call(expresser, c(
    list(
      corpus,
      size = Sys.getenv("EXPRESSER_SIZE", "small"),
      control = pretrain_control(
        epochs = setting("EPOCHS", "5"), batch_size = setting("BATCH", "16"),
        seed = setting("SEED", "1"), threads = 1,
        checkpoint = file.path(folder, paste0(name, "-checkpoint"))
      )
    ),
    variants[[name]]
  )))
  path <- file.path(folder, paste0(name, ".safetensors"))
  save_model(fit, path, overwrite = TRUE)
  print(fit)
  print(fit$history)
  cat(sprintf("%s: %.0f CPU-seconds\n", name, sum(seconds[1:2])))
}

fits_in <- function(folder) {
  paths <- file.path(folder, paste0(names(variants), ".safetensors"))
  found <- file.exists(paths)
  stats::setNames(lapply(paths[found], load_model), names(variants)[found])
}

# A method for evaluate_imputation(): NA for genes that the fit does not know.
imputing <- function(fit, ...) {
  function(counts, positions) {
    known <- positions$gene %in% fit$genes$gene
    values <- rep(NA_real_, length(known))
    values[known] <- impute(
      fit, counts, positions = positions[known, ], verbose = FALSE, ...
    )
    values
  }
}

# The fit, fine-tuned on the remaining counts of the cells to be imputed: the
# information that the nearest-neighbour baselines have.
fine_tuned <- function(fit, epochs = 5) {
  function(counts, positions) {
    tuned <- expresser(
      counts,
      from = fit, control = pretrain_control(
        epochs = epochs, batch_size = 16, learning_rate = 3e-4, threads = 1,
        verbose = FALSE
      )
    )
    imputing(tuned)(counts, positions)
  }
}

# MAE and correlations in the held-out cells, by data set and dropped share.
impute_all <- function(folder) {
  sets <- split_sets()$held_out
  fits <- fits_in(folder)
  methods <- c(
    lapply(fits, imputing),
    stats::setNames(
      lapply(fits, imputing, adapt = FALSE), paste0(names(fits), ", alone")
    ),
    list("fine-tuned" = fine_tuned(fits[[1]]))
  )
  for (name in names(sets)) {
    cat(sprintf(
      "\n%s%s: %d cells\n", name,
      if (name == left_out) " (not trained on)" else "", ncol(sets[[name]])
    ))
    print(evaluate_imputation(sets[[name]], methods, drop = c(0.1, 0.2, 0.4)))
  }
}

# gene_tables.R in a separate environment: not all of it is needed here.
gene_table_evaluations <- function() {
  found <- new.env(parent = globalenv())
  sys.source(file.path(dirname(script), "gene_tables.R"), found)
  found
}

evaluate_genes <- function(folder, asked) {
  tables <- gene_table_evaluations()
  fits <- fits_in(folder)
  cells <- join_rna(split_sets()$training)
  contextual <- gene_embeddings(fits[[1]], x = cells, verbose = FALSE)
  embeddings <- c(
    lapply(fits, gene_embeddings), list(
      contextual = contextual, training_pca = tables$pca_loadings(cells)
    ),
    tables$plain_embeddings()
  )
  if (length(asked) == 0) asked <- names(tables$gene_evaluations)
  for (name in asked) {
    cat("\n", name, "\n", sep = "")
    print(tables$gene_evaluations[[name]](embeddings))
  }
}

# Cell embeddings of each read-out, compared with principal components of the
# same cells. Without labels: the counts of each cell are split at random, one
# half is embedded, and the other is predicted from the nearest neighbours. With
# labels, where available: scores of embeddings of all counts.
evaluate_cells <- function(folder) {
  fits <- fits_in(folder)
  sets <- read_rna(known = protein_coding())
  for (name in c("pbmc3k_rna", "pancreas_tumour_rna", left_out)) {
    halves <- split_counts(sets[[name]])
    cat("\n", name, ", gain on the held-out half, nats per 1,000 counts\n",
        sep = "")
    print(round(vapply(embed_all(fits, halves[[1]]), function(x) {
      predicted_by_neighbours(neighbours(x), halves[[2]])
    }, 0), 1))
    types <- read_cell_types(name)
    if (!is.null(types)) score_types(fits, sets[[name]], types)
  }
}

embed_all <- function(fits, counts) {
  by_fit <- lapply(fits, function(fit) {
    linear <- !is.null(fit$state[["genes.components"]])
    readouts <- c(if (linear) "expression", "context", "decoder")
    lapply(stats::setNames(nm = readouts), function(readout) {
      predict(fit, counts, readout = readout, verbose = FALSE)
    })
  })
  c(unlist(by_fit, recursive = FALSE), list(pca = rna_pca(counts)))
}

score_types <- function(fits, counts, types) {
  types <- types[colnames(counts)]
  counts <- counts[, !is.na(types)]
  cells <- data.frame(cell_type = types[colnames(counts)], batch = "one")
  print(round(t(vapply(embed_all(fits, counts), function(x) {
    score(x, cells, Matrix::colSums(counts), seq(0.2, 2, by = 0.2))[1:4]
  }, numeric(4))), 3))
}

# Splits counts binomially, as if each cell had been sequenced twice at half the
# depth, independently.
split_counts <- function(counts) {
  set.seed(1)
  first <- counts
  first@x <- as.numeric(stats::rbinom(length(counts@x), counts@x, 0.5))
  both <- list(Matrix::drop0(first), Matrix::drop0(counts - first))
  enough <- Matrix::colSums(both[[1]]) > 20 & Matrix::colSums(both[[2]]) > 20
  lapply(both, function(x) x[, enough])
}

# Gain in log-likelihood, in nats per 1,000 counts, when the counts of cells are
# predicted from the pooled counts of `k` nearest neighbours instead of those of
# all cells. Pools are mixed with all cells at the best of several weights.
predicted_by_neighbours <- function(nn, counts, k = 15) {
  n <- ncol(counts)
  near <- Matrix::sparseMatrix(
    i = as.vector(nn[, seq_len(k)]), j = rep(seq_len(n), k), x = 1,
    dims = c(n, n)
  )
  pooled <- counts %*% near
  depth <- Matrix::colSums(pooled)
  share <- Matrix::rowSums(counts) / sum(counts)
  seen <- methods::as(counts, "TsparseMatrix")
  gene <- seen@i + 1
  cell <- seen@j + 1
  found <- pooled[cbind(gene, cell)]
  gain <- vapply(c(0.1, 0.2, 0.4, 0.8, 1.6), function(weight) {
    mixed <- (found / depth[cell] + weight * share[gene]) / (1 + weight)
    sum(seen@x * log(mixed / share[gene])) / sum(seen@x)
  }, 0)
  1000 * max(gain)
}

# Learning curve: models with 2 layers and 256 genes per cell, trained on a
# subset of each data set, with the same number of steps for every size.
# Imputation is evaluated on cells held out from all of them.
curve <- function(folder, sizes) {
  sets <- split_sets()
  tables <- gene_table_evaluations()
  dir.create(folder, showWarnings = FALSE, recursive = TRUE)
  all <- sum(vapply(sets$training, ncol, 0))
  for (size in sizes) {
    set.seed(1)
    some <- lapply(sets$training, function(x) {
      x[, sort(sample(ncol(x), round(ncol(x) * min(1, size / all))))]
    })
    corpus <- build_corpus(
      some, file.path(folder, sprintf("cells-%d.corpus", size)),
      genes = open_cells(file.path(folder, "training.corpus"))$genes$gene,
      verbose = FALSE
    )
    fit <- expresser(
      corpus,
      n_layers = 2, max_genes = 256, control = pretrain_control(
        epochs = round(3 * all / corpus$n_cells), batch_size = 16, threads = 1,
        seed = setting("SEED", "1"), verbose = FALSE
      )
    )
    describe_fit(fit, sets$held_out, tables, corpus$n_cells)
  }
}

describe_fit <- function(fit, held_out, tables, n_cells) {
  imputed <- vapply(c("pbmc3k_rna", left_out), function(name) {
    made <- evaluate_imputation(
      held_out[[name]], list(fit = imputing(fit)),
      drop = 0.1, baselines = NULL
    )
    c(mae = made$mae, r = made$pearson)
  }, numeric(2))
  embedding <- list(fit = gene_embeddings(fit))
  pairs <- evaluate_gene_embeddings(
    embedding, read_gene_pairs(), baselines = NULL
  )
  loeuf <- evaluate_gene_embeddings(
    embedding, read_constraint("oe_lof_upper"), baselines = NULL
  )
  cat(sprintf(
    paste(
      "%d cells, best epoch %d of %d: validation loss %.4f, r %.3f;",
      "imputed %s; pairs %.3f, LOEUF %.3f\n"
    ),
    n_cells, fit$best_epoch, nrow(fit$history),
    fit$history$validation_loss[fit$best_epoch],
    fit$history$validation_correlation[fit$best_epoch],
    paste(sprintf("%.3f", imputed), collapse = " "),
    mean(pairs$auc), mean(loeuf$pearson)
  ))
}

# Training tokens per CPU-second by the number of genes per cell, also as a
# share of the machine's matrix multiplication rate.
measure_speed <- function() {
  set.seed(1)
  counts <- simulate_rna(n_cells = 64, n_genes = 2000, depth = 6000)$counts
  rate <- multiply_rate()
  cat(sprintf("matrix products: %.1f GFLOP per CPU-second\n", rate / 1e9))
  for (size in c("small", "full")) {
    for (max_genes in c(256, 512, 1024)) {
      epochs <- if (size == "full") 1 else 3
      used <- if (size == "full") counts[, 1:16] else counts
      run <- function(epochs) {
        sum(system.time(fit <<- expresser(
          used,
          size = size, max_genes = max_genes,
          control = pretrain_control(
            epochs = epochs, batch_size = 16, validation = 0, threads = 1,
            verbose = FALSE
          )
        ))[1:2])
      }
      fit <- NULL
      seconds <- run(1 + epochs) - run(1)
      tokens <- epochs * sum(pmin(max_genes, Matrix::colSums(used > 0)))
      speed <- tokens / seconds
      cat(sprintf(
        "%-5s %4d genes: %6.0f tokens per CPU-second, %2.0f %% of this rate\n",
        size, max_genes, speed,
        100 * speed * flop_of_token(fit$options, max_genes) / rate
      ))
    }
  }
}

# Forward and backward, layers only: products with weights, and attention.
flop_of_token <- function(options, n) {
  d <- options$n_embedding
  weights <- 2 * (4 * d^2 + 2 * d * options$feed_forward)
  attention <- 2 * 2 * n * d
  options$n_layers * (3 * weights + 3.5 * attention)
}

# Floating-point operations per CPU-second in a product of large matrices, on
# one thread.
multiply_rate <- function(n = 1500) {
  a <- matrix(stats::runif(n^2), n)
  rate <- 0
  for (k in 1:3) {
    seconds <- sum(system.time(a %*% a)[1:2])
    rate <- max(rate, 2 * n^3 / seconds)
  }
  2 * rate # R multiplies doubles; the model's floats are twice as fast
}

if (sys.nframe() == 0) {
  asked <- commandArgs(TRUE)
  folder <- asked[2]
  switch(asked[1],
    train = {
      chosen <- if (length(asked) > 2) asked[-(1:2)] else "default"
      for (name in chosen) train(folder, name)
    },
    impute = impute_all(folder),
    genes = evaluate_genes(folder, asked[-(1:2)]),
    cells = evaluate_cells(folder),
    curve = curve(folder, if (length(asked) > 2) {
      as.numeric(asked[-(1:2)])
    } else {
      c(650, 1300, 2600, 5200)
    }),
    speed = measure_speed()
  )
}
