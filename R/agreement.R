# How well two partitions of the same cells agree (thesis 2.2.7): vectors of
# labels of any type; equal partitions score 1. As scikit-learn's
# adjusted_rand_score() and normalized_mutual_info_score().

# Returns the number of cells in each class of `x`, of `y`, and of both at once.
class_sizes <- function(x, y) {
  lapply(list(x = x, y = y, both = paste(x, y)), function(labels) {
    tabulate(match(labels, unique(labels)))
  })
}

# Agreement on pairs of cells, corrected for chance (Hubert and Arabie 1985).
adjusted_rand_index <- function(x, y) {
  pairs <- lapply(class_sizes(x, y), function(n) sum(choose(n, 2)))
  if (pairs$x == pairs$both && pairs$y == pairs$both) {
    return(1)
  }
  expected <- pairs$x * pairs$y / choose(length(x), 2)
  (pairs$both - expected) / ((pairs$x + pairs$y) / 2 - expected)
}

# Mutual information divided by the mean of the two entropies.
normalized_mutual_information <- function(x, y) {
  entropies <- lapply(class_sizes(x, y), function(n) {
    share <- n / sum(n)
    -sum(share * log(share))
  })
  mean <- (entropies$x + entropies$y) / 2
  information <- 2 * mean - entropies$both
  if (mean == 0) 1 else if (information < 1e-12) 0 else information / mean
}
