# What evaluate_gene_embeddings() compares. A contender is a function of
# training items and test items that returns a prediction (for labels, a
# probability) for each test item.

make_contenders <- function(task, embeddings, baselines, options) {
  contenders <- lapply(embeddings, function(x) {
    embedding_contender(x[task$genes, , drop = FALSE], task, options$model)
  })
  first <- contenders[[1]]
  if ("chance" %in% baselines) {
    contenders$chance <- function(train, test) {
      train$y <- train$y[sample.int(nrow(train))]
      first(train, test)
    }
  }
  if ("name" %in% baselines) {
    contenders$name <- name_contender(task$genes, task$kind)
  }
  if (!is.null(task$covariates)) {
    contenders$covariates <- function(train, test) {
      x <- task$covariates
      fit <- fit_ridge(x[train$row, , drop = FALSE], train, task$kind)
      fit(x[test$row, , drop = FALSE])
    }
  }
  contenders
}

# The features of a pair are its concatenated embeddings. The model is trained
# on both orders, and predictions are averaged over both.
embedding_contender <- function(x, task, model) {
  learn <- function(features, items) {
    if (model == "linear") {
      return(fit_ridge(features, items, task$kind))
    }
    fit_boosting(features, items, task$kind, if (task$sampled) 0.5 else 1)
  }
  if (task$kind != "pairs") {
    return(function(train, test) {
      learn(x[train$a, , drop = FALSE], train)(x[test$a, , drop = FALSE])
    })
  }
  features <- function(a, b) cbind(x[a, , drop = FALSE], x[b, , drop = FALSE])
  function(train, test) {
    turned <- train
    turned[c("a", "b")] <- train[c("b", "a")]
    train <- rbind(train, turned)
    predict <- learn(features(train$a, train$b), train)
    (predict(features(test$a, test$b)) + predict(features(test$b, test$a))) / 2
  }
}

# Fitting functions take features, items and the kind, and return a function of
# features. Features are dense or sparse matrices with one row per item.

# Predicts the mean, if nothing can be learned.
constant_model <- function(items) {
  mean <- mean(items$y)
  function(x) rep(mean, nrow(x))
}

can_learn <- function(items, kind) {
  if (kind == "numeric") {
    return(nrow(items) >= 4 && stats::var(items$y) > 0)
  }
  min(sum(items$y == 0), sum(items$y == 1)) >= 2
}

# gbm counts the splits of a tree: 7, best first, make the 8 leaves of
# scikit-learn's trees of depth 3. Among sampled negatives each gene occurs as
# often as among the positives, so no first split of concatenated embeddings
# gains anything, and no tree would grow. Sampling half of the items for each
# tree (`bag`) breaks this balance.
fit_boosting <- function(x, items, kind, bag = 1) {
  columns <- which(apply(x, 2, function(column) any(column != column[1])))
  # gbm refuses to grow trees from 3 items or fewer.
  if (!can_learn(items, kind) || length(columns) == 0 ||
        bag * nrow(x) <= 3) {
    return(constant_model(items))
  }
  model <- gbm::gbm.fit(
    x[, columns, drop = FALSE], items$y,
    distribution = if (kind == "numeric") "gaussian" else "bernoulli",
    n.trees = 100, interaction.depth = 7, shrinkage = 0.1, n.minobsinnode = 1,
    bag.fraction = bag, keep.data = FALSE, verbose = FALSE,
    var.names = paste0("x", columns)
  )
  function(x) {
    new <- as.data.frame(x[, columns, drop = FALSE])
    names(new) <- paste0("x", columns)
    stats::predict(model, new, n.trees = 100, type = "response")
  }
}

fit_ridge <- function(x, items, kind) fit_penalised(x, items, kind, alpha = 0)

# From a path of penalties, chooses the one that predicts best in inner folds.
fit_penalised <- function(x, items, kind, alpha) {
  if (!can_learn(items, kind)) {
    return(constant_model(items))
  }
  # glmnet requires two columns.
  wide <- function(x) if (ncol(x) < 2) cbind(x, 0) else x
  x <- wide(x)
  # glmnet warns about classes with few items and paths that end early: if that
  # does harm, the inner folds show it.
  fit <- function(method, rows, ...) {
    suppressWarnings(method(
      x[rows, , drop = FALSE], items$y[rows], alpha = alpha, ...,
      family = if (kind == "numeric") "gaussian" else "binomial"
    ))
  }
  # Without a lasso the path starts so high that it must extend far down.
  model <- fit(
    glmnet::glmnet, TRUE,
    nlambda = 50, lambda.min.ratio = if (alpha == 0) 1e-7 else 1e-3
  )
  fold <- inner_folds(items, kind)
  rows <- which(!is.na(fold))
  # Folds may be too small to learn from.
  tuned <- tryCatch(
    fit(glmnet::cv.glmnet, rows, lambda = model$lambda, foldid = fold[rows]),
    error = function(cnd) NULL
  )
  best <- tuned$lambda.min %||% model$lambda[1]
  function(x) {
    as.vector(stats::predict(model, wide(x), s = best, type = "response"))
  }
}

name_contender <- function(genes, kind) {
  single <- name_features(genes)
  family <- name_family(genes)
  features <- function(items) {
    if (kind != "pairs") {
      return(single[items$a, , drop = FALSE])
    }
    cbind(
      single[items$a, , drop = FALSE] + single[items$b, , drop = FALSE],
      methods::as(cbind(
        family = as.double(family[items$a] == family[items$b]),
        shared = shared_letters(genes[items$a], genes[items$b])
      ), "CsparseMatrix")
    )
  }
  function(train, test) {
    fit_penalised(features(train), train, kind, alpha = 1)(features(test))
  }
}

# Returns what precedes the first digit or hyphen: ZNF of ZNF200, HLA of HLA-A.
name_family <- function(genes) {
  family <- sub("[-0-9].*$", "", genes)
  ifelse(nzchar(family), family, genes)
}

# Returns genes x features of their names, sparse: families and first letters
# that at least `least` genes share, length, digits and so on.
name_features <- function(genes, least = 5) {
  one_hot <- function(labels, prefix) {
    columns <- Matrix::t(Matrix::fac2sparse(paste0(prefix, labels)))
    columns[, Matrix::colSums(columns) >= least, drop = FALSE]
  }
  digits <- nchar(gsub("[^0-9]", "", genes))
  shape <- cbind(
    length = nchar(genes), digits = digits, has_digits = digits > 0,
    ends_in_digit = grepl("[0-9]$", genes), has_hyphen = grepl("-", genes),
    number = log1p(as.numeric(paste0("0", gsub("^[^0-9]*([0-9]*).*$", "\\1",
                                               genes))))
  )
  cbind(
    one_hot(name_family(genes), "family "),
    one_hot(substr(genes, 1, 1), "letter "),
    one_hot(substr(genes, 1, 2), "letters "),
    one_hot(substr(genes, 1, 3), "letters "),
    methods::as(shape, "CsparseMatrix")
  )
}

# Returns the length of the common prefix of two names.
shared_letters <- function(first, second) {
  n <- max(nchar(first))
  same <- vapply(seq_len(n), function(k) {
    nchar(first) >= k & substr(first, 1, k) == substr(second, 1, k)
  }, logical(length(first)))
  rowSums(matrix(same, length(first)))
}
