# How well two partitions of the same cells agree (thesis 2.2.7), as labels of
# any kind: 1 for equal ones. As scikit-learn's adjusted_rand_score() and
# normalized_mutual_info_score().

# How many cells each class of either has, and each pair of classes.
class_sizes <- function(x, y) {
  lapply(list(x = x, y = y, both = paste(x, y)), function(labels) {
    tabulate(match(labels, unique(labels)))
  })
}

# Hubert and Arabie (1985): pairs of cells, corrected for chance.
adjusted_rand_index <- function(x, y) {
  pairs <- lapply(class_sizes(x, y), function(n) sum(choose(n, 2)))
  if (pairs$x == pairs$both && pairs$y == pairs$both) {
    return(1)
  }
  expected <- pairs$x * pairs$y / choose(length(x), 2)
  (pairs$both - expected) / ((pairs$x + pairs$y) / 2 - expected)
}

# Mutual information over the mean of both entropies.
normalized_mutual_information <- function(x, y) {
  entropies <- lapply(class_sizes(x, y), function(n) {
    share <- n / sum(n)
    -sum(share * log(share))
  })
  mean <- (entropies$x + entropies$y) / 2
  information <- 2 * mean - entropies$both
  if (mean == 0) 1 else if (information < 1e-12) 0 else information / mean
}
