# What simulate_atac() draws cells from: peaks, the hierarchy of types, and the
# type, batch and size of each cell.

# list(peaks, weights = peaks x types); of generated peaks also truth = types x
# peaks; where fragments are drawn also profiles = bulk counts of peaks x types
# and background = lengths of the peaks.
simulation_source <- function(arguments, profiles) {
  by_fragments <- !is.null(arguments$fragments)
  source <- if (is.null(profiles)) {
    generated_source(arguments, by_fragments)
  } else {
    list(peaks = rownames(profiles), profiles = profiles)
  }
  if (by_fragments) {
    source$weights <- source$profiles
    source$background <- peak_lengths(source$peaks)
  }
  source
}

generated_source <- function(arguments, by_fragments) {
  n_peaks <- arguments$n_peaks
  lengths <- if (by_fragments) {
    # As peaks are called: few below 200 bases or above 2,000.
    round(500 * pmin(4, pmax(0.3, stats::rlnorm(n_peaks, 0, 0.5))))
  } else {
    rep(500, n_peaks)
  }
  peaks <- simulate_peaks(arguments$n_chromosomes, lengths)
  n_rare <- length(arguments$rare)
  types <- c(
    sprintf("type%d", seq_len(arguments$n_types - n_rare)),
    sprintf("rare%d", seq_len(n_rare))
  )
  truth <- simulate_types(types, peaks, arguments$type_specific)
  source <- list(peaks = peaks, truth = truth, weights = t(truth))
  if (by_fragments) {
    source$profiles <- simulate_profiles(t(truth), lengths)
  }
  source
}

# Bulk counts of peaks x types: 200 reads a peak.
simulate_profiles <- function(open, lengths) {
  strength <- stats::rlnorm(nrow(open), 0, 0.5) * lengths
  expected <- open * strength
  expected <- 200 * nrow(open) * sweep(expected, 2, colSums(expected), "/")
  profiles <- matrix(
    stats::rpois(length(expected), expected), nrow(open),
    dimnames = dimnames(open)
  )
  storage.mode(profiles) <- "double"
  profiles
}

peak_lengths <- function(peaks) {
  ranges <- parse_peaks(peaks)
  ranges$end - ranges$start
}

# Names of peaks of these lengths, sorted within chromosomes.
simulate_peaks <- function(n_chromosomes, lengths) {
  n_peaks <- length(lengths)
  chromosome <- sort(rep_len(seq_len(n_chromosomes), n_peaks))
  gap <- 500 + round(stats::rexp(n_peaks, 1 / 2000))
  end <- 500 + stats::ave(gap + lengths, chromosome, FUN = cumsum)
  sprintf("chr%d-%.0f-%.0f", chromosome, end - lengths, end)
}

# Probability of each peak to be open in each type, by a walk down the tree.
simulate_types <- function(types, peaks, type_specific) {
  n_peaks <- length(peaks)
  # A tenth of the peaks (promoters of housekeeping genes) are open nearly
  # everywhere; the others are mostly closed at the root of the tree.
  root <- ifelse(
    stats::runif(n_peaks) < 0.1,
    stats::rbeta(n_peaks, 12, 2), stats::rbeta(n_peaks, 0.5, 6)
  )
  truth <- matrix(
    root, length(types), n_peaks,
    byrow = TRUE, dimnames = list(types, peaks)
  )
  n_changed <- max(1, round(type_specific * n_peaks))
  descend <- function(members) {
    if (length(members) < 2) {
      return()
    }
    left <- seq_along(members) <= length(members) / 2
    for (branch in list(members[left], members[!left])) {
      changed <- sample.int(n_peaks, n_changed)
      opens <- seq_len(n_changed) <= ceiling(n_changed / 2)
      value <- stats::rbeta(
        n_changed, ifelse(opens, 6, 0.5), ifelse(opens, 3, 12)
      )
      truth[branch, changed] <<- rep(value, each = length(branch))
      descend(branch)
    }
  }
  descend(seq_along(types))
  truth
}

# Type, batch and wanted depth or fragments of each cell, in random order.
simulate_cells <- function(arguments, types) {
  n_cells <- arguments$n_cells
  n_batches <- arguments$n_batches
  n_rare <- round(arguments$rare * n_cells)
  n_rare <- pmax(2, n_rare)
  n_common <- length(types) - length(n_rare)
  sizes <- c(
    tabulate(rep_len(seq_len(n_common), n_cells - sum(n_rare)), n_common),
    n_rare
  )
  type <- sample(rep(seq_along(types), sizes))
  batch <- sample(rep_len(seq_len(n_batches), n_cells))
  for (i in which(!is.na(arguments$rare_batch))) {
    batch[type == n_common + i] <- arguments$rare_batch[i]
  }
  size <- batch_sizes(arguments)[batch] *
    stats::rlnorm(n_cells, 0, arguments$depth_sd)
  list(
    cell_type = factor(types[type], types),
    batch = factor(
      sprintf("batch%d", batch), sprintf("batch%d", seq_len(n_batches))
    ),
    size = size
  )
}

# Median depth, or number of fragments, of each batch.
batch_sizes <- function(arguments) {
  median <- arguments$fragments %||% arguments$depth
  n_batches <- arguments$n_batches
  if (length(median) > 1 || n_batches == 1) {
    return(median)
  }
  spread <- seq(-0.5, 0.5, length.out = n_batches)
  median * exp(arguments$batch_effect * spread)
}
