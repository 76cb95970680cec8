skip_if_not_installed("gbm")
skip_if_not_installed("glmnet")

set.seed(5)
genes <- paste0(rep(c("ZNF", "SLC", "KCN", "HOX"), each = 30), 1:30)
noise <- matrix(rnorm(120 * 4), 120, dimnames = list(genes, NULL))
label <- rep(0:1, 60)[sample.int(120)]
coded <- noise
coded[, 2] <- label + rnorm(120, sd = 0.01)
two_classes <- data.frame(gene = genes, label = label)
pairs <- t(combn(genes, 2))
pairs <- data.frame(gene1 = pairs[, 1], gene2 = pairs[, 2])
pairs <- pairs[sample.int(nrow(pairs), 2500), ]
pairs$label <- as.numeric(
  label[match(pairs$gene1, genes)] == label[match(pairs$gene2, genes)]
)
of <- function(result, name, measure = "auc") {
  table <- summary(result)
  table[[measure]][table$embedding == name]
}

# Computed with
#   from sklearn.metrics import roc_auc_score, roc_curve, r2_score
#   y = [1, 0, 1, 1, 0, 0, 1, 0]; s = [.9, .8, .8, .6, .6, .3, .3, .1]
#   roc_auc_score(y, s); roc_curve(y, s, drop_intermediate=False)
#   r2_score([1, 2, 4, 7], [2, 2, 3, 6])
test_that("measures agree with scikit-learn and a count by hand", {
  y <- c(1, 0, 1, 1, 0, 0, 1, 0)
  score <- c(.9, .8, .8, .6, .6, .3, .3, .1)
  expect_equal(mann_whitney_auc(y, score), 0.71875)
  # By hand: wins plus half of the ties among 4 x 4 pairs.
  against <- outer(score[y == 1], score[y == 0], "-")
  expect_equal(
    mann_whitney_auc(y, score), (sum(against > 0) + sum(against == 0) / 2) / 16
  )
  curve <- roc_curve(y, score)
  expect_equal(curve$fpr, c(0, 0, 0.25, 0.5, 0.75, 1))
  expect_equal(curve$tpr, c(0, 0.25, 0.5, 0.75, 1, 1))
  expect_identical(mann_whitney_auc(c(1, 1), c(0, 1)), NA_real_)
  expect_equal(label_measures(y, score)[["accuracy"]], 5 / 8)
  numbers <- numeric_measures(c(1, 2, 4, 7), c(2, 2, 3, 6))
  expect_equal(numbers[["r2"]], 0.8571428571428572)
  expect_equal(numbers[["pearson"]], cor(c(1, 2, 4, 7), c(2, 2, 3, 6)))
  expect_equal(
    numbers[["spearman"]],
    cor(c(1, 2, 4, 7), c(2, 2, 3, 6), method = "spearman")
  )
  expect_true(is.na(numeric_measures(1:3, c(1, 1, 1))[["pearson"]]))
})

# Computed with
#   i, j = np.arange(1, 501)[:, None], np.arange(1, 7)[None, :]
#   x = (np.sin(12.9898 * i + 78.233 * j) * 43758.5453) % 1
#   y = ((x[:,0]-.5) * (x[:,1]-.5) * 8 + x[:,2] + x[:,5] > 1).astype(int)
#   x = x[:, :5]
#   m = GradientBoostingClassifier(random_state=0).fit(x[:300], y[:300])
#   roc_auc_score(y[300:], m.predict_proba(x[300:])[:, 1])  # 0.8985
#   (m.predict(x[300:]) == y[300:]).mean()                  # 0.805
test_that("boosting is as good as scikit-learn's defaults", {
  x <- (sin(outer(12.9898 * 1:500, 78.233 * 1:6, "+")) * 43758.5453) %% 1
  y <- as.numeric(
    (x[, 1] - .5) * (x[, 2] - .5) * 8 + x[, 3] + x[, 6] > 1
  )
  expect_equal(mean(y), 0.518)
  model <- fit_boosting(x[1:300, 1:5], data.frame(y = y[1:300]), "binary")
  found <- label_measures(y[301:500], model(x[301:500, 1:5]))
  # Our trees grow the best of 8 leaves first, not level by level, so the trees
  # differ.
  expect_gt(found[["auc"]], 0.8985 - 0.01)
  expect_lt(found[["auc"]], 0.8985 + 0.03)
  expect_equal(found[["accuracy"]], 0.805, tolerance = 0.05)
})

test_that("ridge regression finds a linear relation", {
  y <- drop(noise %*% c(1, -2, 0, 3)) + 5
  items <- data.frame(a = 1:120, b = 1:120, y = y)
  set.seed(1)
  model <- fit_ridge(noise[1:90, ], items[1:90, ], "numeric")
  expect_equal(model(noise[91:120, ]), unname(y[91:120]), tolerance = 0.05)
  one <- fit_ridge(cbind(y[1:90]), items[1:90, ], "numeric")
  expect_equal(one(cbind(y[91:120])), unname(y[91:120]), tolerance = 0.05)
})

test_that("a label in the embedding is found; permuted genes are at chance", {
  permuted <- coded[sample.int(120), ]
  rownames(permuted) <- genes
  for (model in c("boosting", "linear")) {
    found <- evaluate_gene_embeddings(
      list(coded = coded, permuted = permuted), two_classes, model = model
    )
    expect_gt(of(found, "coded"), 0.99)
    expect_gt(of(found, "coded", "accuracy"), 0.97)
    for (name in c("permuted", "chance", "name")) {
      expect_lt(abs(of(found, name) - 0.5), 0.12)
    }
  }
  expect_equal(nrow(found), 4 * 5 * 5)
  expect_true(all(found$n_train + found$n_test == 120))
  # Every gene is held out once, stratified by label.
  held <- attr(found, "evaluation")$predictions
  for (own in split(held, held$embedding)) {
    expect_setequal(own$row, 1:120)
    expect_equal(own$truth, label[own$row])
    expect_equal(as.vector(table(own$truth, own$fold)), rep(12, 10))
  }
})

test_that("numbers are predicted, with covariates for comparison", {
  data <- data.frame(
    gene = genes, value = 2 * coded[, 1] + rnorm(120, sd = 0.1),
    length = exp(coded[, 1])
  )
  data$length[7] <- NA
  found <- evaluate_gene_embeddings(
    coded, data, covariates = "length", repeats = 2
  )
  expect_gt(of(found, "embedding", "pearson"), 0.98)
  expect_gt(of(found, "embedding", "r2"), 0.95)
  # The logarithm of the covariate determines the number.
  expect_gt(of(found, "covariates", "r2"), 0.95)
  expect_lt(of(found, "chance", "r2"), 0.2)
  expect_identical(
    attr(found, "evaluation")$dropped, c("missing value" = 1L)
  )
})

test_that("standard errors are over repetitions", {
  found <- evaluate_gene_embeddings(coded[, 1:2], two_classes, repeats = 3)
  own <- found[found$embedding == "chance", ]
  means <- tapply(own$auc, own$repetition, mean)
  expect_equal(of(found, "chance"), mean(means))
  expect_equal(of(found, "chance", "auc_se"), sd(means) / sqrt(3))
  one <- evaluate_gene_embeddings(coded[, 1:2], two_classes, repeats = 1)
  own <- one[one$embedding == "chance", ]
  expect_equal(of(one, "chance", "auc_se"), sd(own$auc) / sqrt(5))
})

test_that("no gene of a test pair is used in training", {
  task <- place_genes(
    gene_task(pairs, NULL, "given"), embedding_list(coded)
  )
  set.seed(1)
  for (folds in c(2, 5)) {
    splits <- deal_splits(task, list(folds = folds, max_pairs = 1e4))
    expect_length(splits, folds)
    tested <- unlist(lapply(splits, function(split) split$test$row))
    expect_identical(anyDuplicated(tested), 0L)
    for (split in splits) {
      expect_length(intersect(
        c(split$train$a, split$train$b), c(split$test$a, split$test$b)
      ), 0)
      expect_gt(nrow(split$test), 20)
    }
  }
  train <- splits[[1]]$train
  inner <- inner_folds(train, "pairs")
  expect_setequal(inner, c(1:3, NA))
  for (k in 1:3) {
    rows <- function(at) unlist(train[which(at), c("a", "b")])
    expect_length(intersect(rows(inner == k), rows(inner != k)), 0)
  }
})

test_that("pairs are learned as a relation of two genes", {
  found <- evaluate_gene_embeddings(list(coded = coded, noise = noise), pairs)
  expect_gt(of(found, "coded"), 0.95)
  expect_lt(abs(of(found, "noise") - 0.5), 0.12)
  expect_lt(abs(of(found, "chance") - 0.5), 0.12)
  # The order of the genes in a pair does not matter.
  turned <- setNames(pairs, c("gene2", "gene1", "label"))
  again <- evaluate_gene_embeddings(
    list(coded = coded, noise = noise), turned, baselines = NULL
  )
  measures <- c("auc", "accuracy")
  expect_equal(
    summary(again)[measures], summary(found)[1:2, measures], tolerance = 0.02
  )
})

test_that("a given split is kept, without test genes in training", {
  data <- pairs
  first <- data$gene1 %in% genes[1:40]
  second <- data$gene2 %in% genes[1:40]
  data$split <- ifelse(first & second, "test", "train")
  data$split[!first & !second][1:30] <- "valid"
  shared <- sum(data$split == "train" & (first | second))
  expect_gt(shared, 100)
  expect_message(
    found <- evaluate_gene_embeddings(coded, data, baselines = NULL),
    sprintf("%d of [0-9]+ training pairs are left out", shared)
  )
  expect_equal(found$n_test, sum(data$split == "test"))
  expect_equal(
    found$n_train, sum(data$split == "train" & !first & !second)
  )
  dropped <- attr(found, "evaluation")$dropped
  expect_equal(dropped[["gene of the test set"]], shared)
  expect_equal(dropped[["other split"]], 30)
  expect_true(is.na(of(found, "embedding", "auc_se")))
  less <- suppressMessages(evaluate_gene_embeddings(
    noise, data, baselines = NULL, max_pairs = 100, repeats = 3
  ))
  expect_equal(less$n_train, rep(100, 3))
  expect_length(unique(less$auc), 3)
})

test_that("sampled negatives are unlisted and match in every gene's degree", {
  positive <- pairs[pairs$label == 1, 1:2][1:600, ]
  task <- place_genes(
    gene_task(positive, NULL, "sample"), embedding_list(coded)
  )
  set.seed(2)
  splits <- deal_splits(task, list(folds = 3, max_pairs = 1e4))
  listed <- paste(pmin(task$items$a, task$items$b),
                  pmax(task$items$a, task$items$b))
  for (split in splits) {
    expect_identical(split$unmatched, 0)
    for (side in split[c("train", "test")]) {
      drawn <- side[side$y == 0, ]
      key <- paste(pmin(drawn$a, drawn$b), pmax(drawn$a, drawn$b))
      expect_identical(anyDuplicated(key), 0L)
      expect_false(any(key %in% listed))
      expect_false(any(drawn$a == drawn$b))
      degree <- function(y) tabulate(unlist(side[side$y == y, 1:2]), 120)
      expect_identical(degree(0), degree(1))
    }
  }
  # Unlisted pairs may also have the same label, so 1 cannot be reached. Trees
  # must grow although no first split improves the fit.
  found <- evaluate_gene_embeddings(
    coded, positive, negatives = "sample", folds = 3
  )
  expect_gt(of(found, "embedding"), 0.7)
  expect_lt(abs(of(found, "chance") - 0.5), 0.15)
})

test_that("hubs that cannot be matched are counted", {
  star <- data.frame(gene1 = genes[1], gene2 = genes[2:60])
  star <- rbind(star, data.frame(gene1 = genes[61:118], gene2 = genes[62:119]))
  drawn <- withr::with_seed(1, {
    a <- match(star$gene1, genes)
    b <- match(star$gene2, genes)
    sample_negatives(a, b, pair_key(a, b))
  })
  # Gene 1 has 59 partners, and there are as many others to pair it with.
  expect_true(all(drawn$a != drawn$b))
  expect_lte(sum(c(drawn$a, drawn$b) == 1), 60)
  expect_false(any(pair_key(drawn$a, drawn$b) %in% pair_key(a = match(
    star$gene1, genes
  ), match(star$gene2, genes))))
})

test_that("embeddings are compared on their common genes", {
  found <- evaluate_gene_embeddings(
    list(all = coded, fewer = coded[11:120, ]), rbind(
      two_classes,
      data.frame(gene = c("unknown", genes[120]), label = c(1, label[120]))
    ),
    repeats = 1, baselines = NULL
  )
  table <- attr(found, "evaluation")$found
  expect_equal(table$found, c(120, 110, 110))
  expect_equal(table$listed, rep(121, 3))
  expect_true(all(found$n_train + found$n_test <= 110))
  by_embedding <- split(found[c("auc", "accuracy", "n_test")], found$embedding)
  expect_equal(by_embedding$all, by_embedding$fewer, ignore_attr = TRUE)
})

test_that("names alone are predictive if families differ", {
  data <- data.frame(
    gene = genes, label = as.numeric(!startsWith(genes, "ZNF"))
  )
  found <- evaluate_gene_embeddings(noise, data, repeats = 1)
  expect_gt(of(found, "name"), 0.99)
  expect_lt(of(found, "embedding"), 0.75)
  expect_identical(
    name_family(c("ZNF200", "HLA-A", "A1BG", "7SK")),
    c("ZNF", "HLA", "A", "7SK")
  )
  expect_equal(shared_letters(c("ABCD", "AB", "X"), c("ABX", "AB", "Y")),
               c(2, 2, 0))
  feature <- as.matrix(name_features(c(genes, "HLA-DRA")))
  expect_equal(feature[121, "has_hyphen"], 1, ignore_attr = TRUE)
  expect_equal(sum(feature[, "family ZNF"]), 30)
  expect_equal(feature[5, c("length", "digits")], c(length = 4, digits = 1))
})

test_that("the real table of dosage sensitivity is explained by names", {
  path <- file.path(
    Sys.getenv("SAILER_DATA", "../../../shared/data"), "gene_tables",
    "dosage_sensitive_tf.csv"
  )
  skip_if_not(file.exists(path), paste("no real data in", path))
  table <- utils::read.csv(path)
  data <- unique(data.frame(
    gene = table$gene_name,
    label = as.numeric(table$dosage_sensitive %in% "Yes")
  ))
  zinc <- startsWith(data$gene, "ZNF")
  expect_equal(mann_whitney_auc(data$label, !zinc), 0.78, tolerance = 0.01)
  data$gene <- make.unique(data$gene)
  random <- matrix(rnorm(3 * nrow(data)), ncol = 3)
  rownames(random) <- data$gene
  found <- evaluate_gene_embeddings(random, data, repeats = 2)
  expect_gt(of(found, "name"), 0.78)
  expect_lt(abs(of(found, "embedding") - 0.5), 0.12)
})

test_that("a seed determines everything and leaves R's generator", {
  run <- function(seed) {
    evaluate_gene_embeddings(noise, two_classes, repeats = 1, seed = seed)
  }
  set.seed(9)
  before <- .Random.seed
  first <- run(4)
  expect_identical(.Random.seed, before)
  expect_identical(run(4), first)
  expect_false(identical(run(5)$auc, first$auc))
})

test_that("results can be printed and plotted", {
  found <- evaluate_gene_embeddings(coded, two_classes, repeats = 2)
  expect_output(print(found), "120 of 120 genes found")
  expect_output(print(found), "embedding embedding +(1|0.99)")
  curve <- attr(found, "evaluation")$roc
  own <- curve[curve$embedding == "name", ]
  # The area of the mean curve is the mean of the areas.
  area <- sum(diff(own$fpr) * (head(own$tpr, -1) + tail(own$tpr, -1)) / 2)
  expect_equal(area, of(found, "name"), tolerance = 0.02)
  picture <- plot(found)
  expect_equal(nrow(ggplot2::layer_data(picture, 2)), 3 * 202)
  expect_output(print(found[found$fold == 1, c("fold", "auc")]), "fold")
  bare <- found
  attr(bare, "evaluation") <- NULL
  expect_error(plot(bare), "lost its curves", class = "sailer_argument_error")
  numbers <- evaluate_gene_embeddings(
    coded, data.frame(gene = genes, value = coded[, 1]), repeats = 1
  )
  points <- ggplot2::layer_data(plot(numbers), 1)
  expect_equal(nrow(points), 3 * 120)
})

test_that("invalid arguments are refused by name", {
  refuse <- function(pattern, ..., class = "sailer_argument_error") {
    expect_error(evaluate_gene_embeddings(...), pattern, class = class)
  }
  refuse("row names", unname(coded), two_classes)
  refuse("x\\$b", list(a = coded, b = "b"), two_classes)
  refuse("ZNF1", rbind(coded, coded), two_classes)
  refuse("ZNF3", replace(coded, 3, NA), two_classes)
  refuse("unique name", list(coded), two_classes)
  refuse("baseline", list(chance = coded), two_classes)
  refuse("data frame", coded, genes)
  refuse("columns", coded, data.frame(genes = genes))
  refuse("0 or 1, not 2", coded, transform(two_classes, label = label + 1))
  refuse("row 2", coded, transform(two_classes, gene = c("a", "", gene[-1:-2])))
  refuse("negatives", coded, pairs[1:2])
  refuse("only pairs", coded, two_classes, negatives = "sample")
  refuse("label 0", coded, pairs, negatives = "sample")
  refuse("no \"test\"", coded, transform(pairs, split = "train"))
  refuse("covariates", coded, two_classes, covariates = "size")
  refuse("baselines", coded, two_classes, baselines = "luck")
  refuse("folds", coded, two_classes, folds = 1)
  refuse("repeats", coded, two_classes, repeats = 0)
  expect_error(
    evaluate_gene_embeddings(coded, two_classes, model = "forest"), "model"
  )
  few <- two_classes[1:3, ]
  refuse("Too few genes", coded, few, class = "sailer_data_error")
  other <- transform(two_classes, gene = paste0(gene, "x"))
  refuse("0 of 120 genes", coded, other, class = "sailer_data_error")
  # All pairs share a gene, so none are separate.
  star <- data.frame(gene1 = genes[1], gene2 = genes[-1], label = label[-1])
  refuse("share no gene", coded, star, class = "sailer_data_error")
})
