# Splits of the items of a task for evaluate_gene_embeddings(): list(train,
# test), data frames of items, and for pairs `unmatched`, the number of missing
# negatives. They use R's random numbers: the caller sets the seed.

deal_splits <- function(task, options) {
  items <- task$items
  sides <- if (task$has_split) {
    list(list(train = items$split == "train", test = items$split == "test"))
  } else {
    fold <- item_folds(items, task$kind, options$folds)
    lapply(seq_len(options$folds), function(k) {
      list(train = fold$a != k & fold$b != k, test = fold$a == k & fold$b == k)
    })
  }
  splits <- lapply(sides, function(side) {
    lapply(side, function(rows) items[rows, , drop = FALSE])
  })
  if (task$kind != "pairs") {
    return(splits)
  }
  listed <- if (task$sampled) pair_key(items$a, items$b)
  splits <- lapply(splits, fill_split, listed, options$max_pairs)
  # Both labels must be on the training side, and the test side not empty.
  usable <- vapply(splits, function(split) {
    nrow(split$test) > 0 && min(table(factor(split$train$y, 0:1))) >= 2
  }, NA)
  abort_if(!any(usable), c(
    "{.arg data}: there are too few pairs for splits that share no gene.",
    i = "With fewer {.arg folds}, more pairs fall within a fold."
  ), class = "data")
  splits[usable]
}

# Returns the folds of the genes `a` and `b` of each item. For pairs, genes are
# dealt at random; for single genes (`a` is `b`), labels are stratified.
item_folds <- function(items, kind, folds) {
  if (kind == "pairs") {
    fold <- sample(rep_len(seq_len(folds), max(items$a, items$b)))
    return(list(a = fold[items$a], b = fold[items$b]))
  }
  fold <- integer(nrow(items))
  groups <- if (kind == "binary") items$y else rep(0, nrow(items))
  # Each label continues where the previous one ended, for folds of equal sizes.
  rows <- order(groups, stats::runif(length(groups)))
  fold[rows] <- rep_len(seq_len(folds), length(rows))
  list(a = fold, b = fold)
}

# Returns the folds for choosing a penalty, made like the outer ones; NA for
# pairs of genes from two folds.
inner_folds <- function(items, kind) {
  fold <- item_folds(items, kind, if (kind == "pairs") 3 else 5)
  ifelse(fold$a == fold$b, fold$a, NA)
}

# Keeps at most `max_pairs` on each side, and adds negatives if sampled.
fill_split <- function(split, listed, max_pairs) {
  sampled <- !is.null(listed)
  most <- if (sampled) max_pairs %/% 2 else max_pairs
  unmatched <- 0
  for (side in c("train", "test")) {
    items <- split[[side]]
    if (nrow(items) > most) {
      items <- items[sort(sample.int(nrow(items), most)), , drop = FALSE]
    }
    if (sampled && nrow(items) > 1) {
      drawn <- sample_negatives(items$a, items$b, listed)
      unmatched <- unmatched + nrow(items) - nrow(drawn)
      n <- nrow(drawn)
      items <- rbind(items, cbind(
        drawn, y = rep(0, n), split = rep(NA, n), row = rep(NA, n)
      ))
    }
    split[[side]] <- items
  }
  c(split, unmatched = unmatched)
}

# Returns a number for each unordered pair of indices.
pair_key <- function(a, b) pmin(a, b) * 2^26 + pmax(a, b)

# Returns as many pairs as (a, b), in which each gene occurs as often, none of
# them listed, repeated or a gene with itself. The ends are shuffled, and those
# of unsuitable pairs are exchanged with others. Pairs that are still unsuitable
# after `rounds` are dropped.
sample_negatives <- function(a, b, listed, rounds = 200) {
  n <- length(a)
  ends <- matrix(sample(c(a, b)), n)
  unfit <- function() {
    key <- pair_key(ends[, 1], ends[, 2])
    which(ends[, 1] == ends[, 2] | duplicated(key) | key %in% listed)
  }
  for (round in seq_len(rounds)) {
    bad <- unfit()
    if (length(bad) == 0) break
    rows <- unique(c(bad, sample.int(n, min(n, length(bad) + 1))))
    ends[rows, ] <- sample(ends[rows, ])
  }
  kept <- setdiff(seq_len(n), unfit())
  data.frame(a = ends[kept, 1], b = ends[kept, 2])
}
