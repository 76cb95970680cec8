# How well two partitions of the same cells agree, given as classes from 0: from
# the sizes of the classes and of the groups that both put together.

group_sizes_of <- function(first, second) {
  both <- paste(first, second)
  list(
    first = tabulate(first + 1L), second = tabulate(second + 1L),
    both = tabulate(match(both, unique(both)))
  )
}

# Hubert and Arabie (1985): pairs of cells, corrected for chance.
rand_index_of <- function(first, second) {
  pairs <- lapply(group_sizes_of(first, second), function(n) sum(choose(n, 2)))
  if (pairs$first == pairs$both && pairs$second == pairs$both) {
    return(1)
  }
  expected <- pairs$first * pairs$second / choose(length(first), 2)
  (pairs$both - expected) / ((pairs$first + pairs$second) / 2 - expected)
}

# Mutual information over the mean of both entropies.
shared_information_of <- function(first, second) {
  entropies <- lapply(group_sizes_of(first, second), function(n) {
    share <- n[n > 0] / sum(n)
    -sum(share * log(share))
  })
  mean <- (entropies$first + entropies$second) / 2
  information <- 2 * mean - entropies$both
  if (mean == 0) 1 else if (information < 1e-12) 0 else information / mean
}
