# Figures 4.2 to 4.4 and table 4.1: imputation and gene embeddings.

steps <- functions_of("expresser.R")
source(file.path(folder, "expresser_data.R"))

run <- function(context) {
  sets <- steps$split_sets()
  fits <- lapply(
    list(Expresser = list(), `w/o decoder` = list(decoder = FALSE)),
    function(options) timed(pretrained(sets$training, options, context))
  )
  seconds <- vapply(fits, `[[`, 0, "seconds")
  fits <- lapply(fits, `[[`, "value")
  list(
    rows = rbind(
      imputation_rows(fits, sets$held_out, context),
      embedding_rows(fits, sets$training, context, seconds)
    )
  )
}

# Quick: two layers and 256 genes per cell. Full: the package's small size,
# which a CPU can train.
pretrained <- function(training, options, context) {
  path <- tempfile(fileext = ".corpus")
  on.exit(unlink(path))
  corpus <- build_corpus(training, path, min_cells = 10, verbose = FALSE)
  size <- if (context$full) list() else list(n_layers = 2, max_genes = 256)
  do.call(expresser, c(
    list(
      corpus,
      control = pretrain_control(
        epochs = if (context$full) 5 else 3, batch_size = 16,
        seed = context$seed, threads = 1, verbose = FALSE
      )
    ), size, options
  ))
}

# Figure 4.2: held-out cells, and a data set that was not trained on. Counts are
# dropped before normalisation.
imputation_rows <- function(fits, held_out, context) {
  shown <- c("pbmc3k_rna", "pancreas_tumour_rna", steps$left_out)
  do.call(rbind, lapply(shown, function(name) {
    found <- evaluate_imputation(
      held_out[[name]], lapply(fits, steps$imputing),
      drop = 0.1, seed = context$seed, baselines = c(
        "gene_mean", "gene_count", "knn", "knn_nonzero", "knn_count",
        "diffusion", "low_rank", "alra"
      )
    )
    name <- paste0(name, if (name == steps$left_out) ", not trained on")
    do.call(rbind, lapply(seq_len(nrow(found)), function(i) {
      rows_of(name, found$method[i], c(
        MAE = found$mae[i], Pearson = found$pearson[i],
        `Pearson within genes` = found$gene_pearson[i]
      ), context, found$seconds[i])
    }))
  }))
}

tables <- list(
  `GO pairs` = read_gene_pairs, `STRING pairs` = read_string_pairs,
  `dosage sensitivity` = read_dosage,
  `LoF z` = function() read_constraint("lof_z"),
  LOEUF = function() read_constraint("oe_lof_upper")
)

embedding_rows <- function(fits, training, context, seconds) {
  cells <- join_rna(training)
  plain <- functions_of("gene_tables.R")
  embeddings <- c(
    lapply(fits, gene_embeddings),
    list(`principal components` = plain$pca_loadings(cells))
  )
  do.call(rbind, lapply(names(tables), function(name) {
    table <- tables[[name]]()
    pairs <- !is.null(table$gene1)
    found <- evaluate_gene_embeddings(
      embeddings, table,
      negatives = if (name == "STRING pairs") "sample" else "given",
      covariates = if (!is.null(table$expected)) "expected",
      max_pairs = if (context$full) 10000 else 1000,
      repeats = if (!context$full && !pairs) 2,
      seed = context$seed
    )
    measure <- if (is.null(found$auc)) "pearson" else "auc"
    means <- tapply(found[[measure]], found$embedding, mean, na.rm = TRUE)
    do.call(rbind, lapply(names(means), function(method) {
      rows_of(name, method, stats::setNames(
        means[[method]], if (measure == "auc") "AUC" else "Pearson"
      ), context, seconds[method])
    }))
  }))
}

genes <- c("GO pairs", "STRING pairs", "dosage sensitivity")
plain <- c("principal components", "name", "chance")
smoothed <- c("gene_mean", "gene_count", "knn", "knn_nonzero", "knn_count",
              "diffusion", "low_rank", "alra")

experiment(
  "expresser",
  "Figures 4.2-4.4, table 4.1: imputation and gene embeddings",
  paste(
    "5,150 cells from six RNA data sets; the thesis has 6 million. Quick: 2",
    "layers. Full: the package's small size. Precautions: counts are dropped",
    "before normalisation, training and test pairs have no genes in common,",
    "each gene occurs as often in the negatives of STRING as in its positives,",
    "and cross-validation of single genes is repeated. Baselines are principal",
    "components, predictions from gene names alone (name), permuted labels",
    "(chance) and, for constraint, the expected number of variants",
    "(covariates)."
  ),
  run,
  list(
    claim("Expresser's imputed values have the smallest error (figure 4.2)",
          "MAE", "Expresser", smoothed, lower = TRUE),
    claim("Expresser's imputed values have the highest correlation", "Pearson",
          "Expresser", smoothed,
          data = c("pbmc3k_rna", "pancreas_tumour_rna",
                   "pbmc_ifnb_rna, not trained on")),
    claim(paste("Gene embeddings predict interactions and dosage sensitivity",
                "better than the baselines"),
          "AUC", "Expresser", plain, data = genes),
    claim("The same for constraint (figure 4.4)", "Pearson", "Expresser",
          plain, data = c("LoF z", "LOEUF")),
    claim("The expression decoder improves gene embeddings (figure 4.3)", "AUC",
          "Expresser", "w/o decoder", data = genes),
    claim("The same for constraint", "Pearson", "Expresser", "w/o decoder",
          data = c("LoF z", "LOEUF"))
  ),
  rbind(
    thesis_values("dosage sensitivity", "Expression Transformer", AUC = 0.92,
                  method_here = "Expresser"),
    thesis_values("dosage sensitivity", "Geneformer", AUC = 0.91)
  ),
  not_here = paste(
    "pretraining on 6 million cells; Geneformer and Gene2vec, whose weights",
    "are not available here; scVI and scImpute. The text of chapter 4 does not",
    "state the values shown in its figures."
  ),
  seconds = 350
)
