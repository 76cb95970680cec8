# Expresser on the RNA data sets of SAILER_DATA: pretraining with and without
# the expression decoder, imputation of cells kept back and of a data set that
# was not trained on, embeddings of genes. In three steps, which keep what they
# make in FOLDER:
#
#   Rscript inst/benchmarks/expresser.R train FOLDER [decoder] [plain]
#   Rscript inst/benchmarks/expresser.R impute FOLDER
#   Rscript inst/benchmarks/expresser.R genes FOLDER [ggi] [dosage] ...
#   Rscript inst/benchmarks/expresser.R speed
#
# A tenth of the cells of each data set is kept back, and pbmc_ifnb_rna as a
# whole. Genes are the protein-coding ones that 10 training cells have. On a
# machine with a GPU set EXPRESSER_SIZE=full; EXPRESSER_EPOCHS and
# EXPRESSER_BATCH override 10 and 16.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))
source(file.path(dirname(script), "expresser_data.R"))

left_out <- "pbmc_ifnb_rna"

# list(training, kept): data sets as read_rna() gives them, by cells.
split_sets <- function() {
  sets <- read_rna(known = protein_coding())
  set.seed(1)
  kept <- lapply(sets, function(x) sort(sample(ncol(x), ncol(x) %/% 10)))
  list(
    training = Map(
      function(x, out) x[, -out], sets[names(sets) != left_out],
      kept[names(sets) != left_out]
    ),
    kept = Map(function(x, out) x[, out], sets, kept)
  )
}

train <- function(folder, decoder) {
  dir.create(folder, showWarnings = FALSE, recursive = TRUE)
  corpus <- build_corpus(
    split_sets()$training, file.path(folder, "training.corpus"), min_cells = 10
  )
  name <- if (decoder) "decoder" else "plain"
  seconds <- system.time(fit <- expresser(
    corpus,
    size = Sys.getenv("EXPRESSER_SIZE", "small"), decoder = decoder,
    control = pretrain_control(
      epochs = as.numeric(Sys.getenv("EXPRESSER_EPOCHS", "10")),
      batch_size = as.numeric(Sys.getenv("EXPRESSER_BATCH", "16")),
      checkpoint = file.path(folder, paste0(name, "-checkpoint")), threads = 1
    )
  ))
  save_model(fit, file.path(folder, paste0(name, ".h5")), overwrite = TRUE)
  print(fit)
  print(history(fit))
  cat(sprintf("%s: %.0f CPU-seconds\n", name, sum(seconds[1:2])))
}

fits_in <- function(folder) {
  paths <- file.path(folder, c("decoder.h5", "plain.h5"))
  found <- file.exists(paths)
  stats::setNames(
    lapply(paths[found], load_model),
    c("Expresser", "without decoder")[found]
  )
}

# MAE and correlations of each data set's cells, a table a share dropped.
impute_all <- function(folder) {
  sets <- split_sets()$kept
  fits <- fits_in(folder)
  for (name in names(sets)) {
    cat(sprintf(
      "\n%s%s: %d cells\n", name,
      if (name == left_out) " (not trained on)" else "", ncol(sets[[name]])
    ))
    print(evaluate_imputation(sets[[name]], fits, drop = c(0.1, 0.2, 0.4)))
  }
}

evaluate_genes <- function(folder, asked) {
  source(file.path(dirname(script), "gene_tables.R"), local = TRUE)
  embeddings <- c(
    lapply(fits_in(folder), gene_embeddings), plain_embeddings()
  )
  if (length(asked) == 0) asked <- names(gene_evaluations)
  for (name in asked) {
    cat("\n", name, "\n", sep = "")
    print(gene_evaluations[[name]](embeddings))
  }
}

# Tokens per CPU-second of training, by the genes of a cell that are looked at,
# beside the share of the rate at which the machine multiplies matrices.
measure_speed <- function() {
  set.seed(1)
  counts <- simulate_rna(n_cells = 64, n_genes = 2000, depth = 6000)$counts
  rate <- multiply_rate()
  cat(sprintf("matrix products: %.1f GFLOP a CPU-second\n", rate / 1e9))
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
        "%-5s %4d genes: %6.0f tokens a CPU-second, %2.0f %% of the rate\n",
        size, max_genes, speed,
        100 * speed * flop_of_token(fit$options, max_genes) / rate
      ))
    }
  }
}

# Of forward and backward, layers alone: products with weights, and attention.
flop_of_token <- function(options, n) {
  d <- options$n_embedding
  weights <- 2 * (4 * d^2 + 2 * d * options$feed_forward)
  attention <- 2 * 2 * n * d
  options$n_layers * (3 * weights + 3.5 * attention)
}

# Floating-point operations of a product of large matrices in a CPU-second, on
# one thread.
multiply_rate <- function(n = 1500) {
  a <- matrix(stats::runif(n^2), n)
  rate <- 0
  for (k in 1:3) {
    seconds <- sum(system.time(a %*% a)[1:2])
    rate <- max(rate, 2 * n^3 / seconds)
  }
  2 * rate # R multiplies doubles, the model floats: twice as many at a time
}

if (sys.nframe() == 0) {
  asked <- commandArgs(TRUE)
  folder <- asked[2]
  switch(asked[1],
    train = {
      models <- if (length(asked) > 2) asked[-(1:2)] else c("decoder", "plain")
      for (model in models) train(folder, model == "decoder")
    },
    impute = impute_all(folder),
    genes = evaluate_genes(folder, asked[-(1:2)]),
    speed = measure_speed()
  )
}
