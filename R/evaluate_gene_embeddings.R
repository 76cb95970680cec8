# Evaluates what gene embeddings say about their genes (thesis 4.2.3). Tables
# are read in evaluate_gene_embeddings-data.R, folds made in -folds.R, models
# fitted in -models.R, results printed in -result.R and drawn in
# plots-evaluation.R.

#' Evaluate gene embeddings by predicting known properties of genes
#'
#' Trains a simple model on the embeddings of some genes and tests it on others,
#' as in section 4.2.3 of the thesis, together with baselines on the same folds.
#' Several embeddings are compared on the same genes.
#'
#' Three kinds of table are recognised by their columns.
#'
#' * Pairs: `gene1`, `gene2` and `label`, 0 or 1, for example interactions of
#'   genes or proteins. No gene is on both sides of a split, because a gene
#'   alone may determine the label: in random splits of the pairs in STRING, the
#'   identity of the genes predicts labels with an AUC of 0.93. The genes are
#'   divided into `folds`. Pairs within a fold are its test set, pairs entirely
#'   outside it are its training set, and mixed pairs are ignored. With a column
#'   `split` (`"train"`, `"test"`; other rows are ignored), that split is used,
#'   without training pairs that contain a gene of the test set. The features of
#'   a pair are its two embeddings; the model is trained on both orders, and its
#'   predictions are averaged over both.
#' * Two classes: `gene` and `label`, 0 or 1. Repeated, stratified
#'   cross-validation.
#' * Numbers: `gene` and `value`. Repeated cross-validation.
#'
#' A table of positives only, such as that of STRING, needs
#' `negatives = "sample"`: on each side of a split an equal number of unlisted
#' pairs is drawn, in which each gene occurs as often as among the positives.
#' How often a gene is listed then carries no information. Positives for which
#' no negative could be drawn are counted in the result.
#'
#' Baselines: `"chance"` is the model on the first embedding with permuted
#' training labels. `"name"` is a lasso on the gene's name alone: families (the
#' part before a digit or hyphen, such as ZNF), first letters, length, digits;
#' for pairs also whether the genes share them. If names do as well as an
#' embedding, the result is no evidence for the embedding. `covariates` adds a
#' linear model of these columns of `data` and their logarithms.
#'
#' @param x Numeric matrix, genes x dimensions, with gene names as row names; or
#'   a fit, whose `gene_embeddings()` are used; or a named list of these. Genes
#'   are matched to `data` by their exact names.
#' @param data Data frame, see above.
#' @param model `"boosting"`: 100 boosted trees with up to 8 leaves, shrinkage
#'   0.1 and no subsampling, like scikit-learn's defaults (package gbm). With
#'   sampled negatives each tree sees half of the pairs, because no first split
#'   improves the fit when genes are exactly balanced. `"linear"`: linear or
#'   logistic ridge regression, with the penalty chosen within the training set
#'   (package glmnet). NULL, the default, is as in the thesis: boosting for
#'   pairs and classes, linear for numbers.
#' @param folds Number of folds, at least 2. Default 5. Not used with `split`.
#' @param repeats Number of repetitions with different folds. NULL, the default,
#'   is 1 for pairs, which take long, and 5 otherwise. With `split`, each
#'   repetition draws `max_pairs` pairs anew.
#' @param negatives `"given"`, the default, or, for pairs, `"sample"`.
#' @param covariates Names of numeric columns of `data`. Rows with a missing
#'   value in any of them are ignored.
#' @param baselines Any of `"chance"` and `"name"`; NULL for none.
#' @param max_pairs Maximum number of pairs on each side of a split, drawn at
#'   random. Default 10,000, which takes half a minute to a minute per fold with
#'   boosting in 50 dimensions.
#' @param seed Whole number; the same seed gives the same result. The state of
#'   R's random number generator is not changed.
#'
#' @return A data frame of class `sailer_gene_evaluation` with a row for each
#'   embedding or baseline, repetition and fold: `embedding`, `role`
#'   (`"embedding"` or `"baseline"`), `repetition`, `fold`, `n_train`, `n_test`
#'   (pairs or genes), and the measures on the test set:
#'   * for labels `auc`, the area under the ROC curve in its Mann-Whitney form
#'     (ties count one half; NA if a fold has one class), and `accuracy`, for a
#'     probability threshold of 0.5;
#'   * for numbers `pearson`, `spearman` and `r2`, 1 minus the squared error
#'     relative to that of predicting the mean of the test set.
#'
#'   `summary()` gives means and their standard errors over repetitions (over
#'   folds if there is only one; NA for a single split). All repetitions use the
#'   same genes, so the standard errors say nothing about other genes. `plot()`
#'   plots the mean ROC curves, or predictions against values. The attribute
#'   `"evaluation"` is a list with `kind`, `model`, `found` (how many genes of
#'   the table each embedding has), `dropped` (ignored rows, by reason), `roc`
#'   (`embedding`, `fpr`, `tpr`: mean curves) and `predictions` (for the
#'   held-out rows, first repetition).
#' @references Cao (2023), section 4.2.3. Theodoris et al. (2023), *Nature* 618,
#'   616, for dosage sensitivity; Du et al. (2019), *BMC Genomics* 20, 82, for
#'   pairs of genes.
#' @seealso [evaluate_imputation()]
#' @examplesIf requireNamespace("gbm") && requireNamespace("glmnet")
#' set.seed(1)
#' genes <- paste0(rep(c("ZNF", "SLC", "KCN"), each = 40), 1:40)
#' sensitive <- rbinom(120, 1, 0.4)
#' embedding <- matrix(rnorm(120 * 5), 120, dimnames = list(genes, NULL))
#' embedding[, 1] <- embedding[, 1] + 2 * sensitive
#' result <- evaluate_gene_embeddings(
#'   embedding, data.frame(gene = genes, label = sensitive), repeats = 2
#' )
#' result
#' summary(result)
#' plot(result)
#' @order 1
#' @export
evaluate_gene_embeddings <- function(x, data, model = NULL, folds = 5,
                                     repeats = NULL,
                                     negatives = c("given", "sample"),
                                     covariates = NULL,
                                     baselines = c("chance", "name"),
                                     max_pairs = 10000, seed = 1) {
  options <- list(
    negatives = rlang::arg_match(negatives),
    folds = check_number(folds, min = 2, whole = TRUE),
    max_pairs = check_number(max_pairs, min = 20, whole = TRUE)
  )
  baselines <- evaluation_baselines(baselines, c("chance", "name"))
  check_number(seed, whole = TRUE)
  embeddings <- embedding_list(x)
  task <- gene_task(data, covariates, options$negatives)
  task <- place_genes(task, embeddings)
  options$model <- model %||%
    if (task$kind == "numeric") "linear" else "boosting"
  must_be_among(options$model, c("boosting", "linear"), "model")
  if (options$model == "boosting") {
    need_package("gbm", "for model = \"boosting\"")
  }
  options$repeats <- check_number(
    repeats %||% if (task$kind == "pairs") 1 else 5, "repeats",
    min = 1, max = 1000, whole = TRUE
  )
  need_package("glmnet", "for linear models of genes and their names")
  check_task(task, options$folds)
  tested <- with_own_seed(
    seed, run_evaluation(task, embeddings, baselines, options)
  )
  gene_evaluation(tested, task, options$model)
}

evaluation_baselines <- function(given, known) {
  if (!is.null(given)) {
    given <- unique(asked_names(given, "baseline", "baselines"))
    check_known(given, known, "baseline", "baselines", "the package")
  }
  as.character(given)
}

# Throws an error unless `x` is a list with unique names, none of a baseline.
check_contenders <- function(x, arg, what, baselines) {
  if (!rlang::is_bare_list(x) || !rlang::is_dictionaryish(x)) {
    abort("{.arg {arg}} must be a list with a unique name for each {what}.")
  }
  taken <- intersect(names(x), baselines)
  if (length(taken) > 0) {
    abort("{.arg {arg}}: {.val {taken[1]}} is the name of a baseline; give the
           {what} another name.")
  }
}

# Returns a list of what each contender predicted in each repetition and fold.
run_evaluation <- function(task, embeddings, baselines, options) {
  contenders <- make_contenders(task, embeddings, baselines, options)
  tested <- lapply(seq_len(options$repeats), function(repetition) {
    splits <- deal_splits(task, options)
    lapply(seq_along(splits), function(fold) {
      split <- splits[[fold]]
      lapply(names(contenders), function(name) {
        list(
          embedding = name,
          role = if (name %in% names(embeddings)) "embedding" else "baseline",
          repetition = repetition, fold = fold, n_train = nrow(split$train),
          items = split$test, unmatched = split$unmatched,
          prediction = contenders[[name]](split$train, split$test)
        )
      })
    })
  })
  unlist(unlist(tested, recursive = FALSE), recursive = FALSE)
}
