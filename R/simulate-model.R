# What simulate_atac() draws cells from: peaks, the hierarchy of types, and the
# type, batch and size of each cell.

# Returns list(peaks, weights = peaks x types); for generated peaks also truth =
# types x peaks; if fragments are drawn, also profiles = bulk counts of peaks x
# types and background = lengths of the peaks.
simulation_source <- function(arguments, profiles) {
  by_fragments <- !is.null(arguments$fragments)
  source <- list(peaks = rownames(profiles), profiles = profiles)
  if (is.null(profiles)) {
    n_peaks <- arguments$n_peaks
    lengths <- rep(500, n_peaks)
    if (by_fragments) {
      # Like called peaks: few below 200 bases or above 2,000.
      spread <- stats::rlnorm(n_peaks, 0, 0.5)
      lengths <- round(500 * pmin(4, pmax(0.3, spread)))
    }
    chromosome <- sort(rep_len(seq_len(arguments$n_chromosomes), n_peaks))
    gap <- 500 + round(stats::rexp(n_peaks, 1 / 2000))
    end <- 500 + stats::ave(gap + lengths, chromosome, FUN = cumsum)
    source$peaks <- sprintf("chr%d-%.0f-%.0f", chromosome, end - lengths, end)
    n_rare <- length(arguments$rare)
    types <- c(
      sprintf("type%d", seq_len(arguments$n_types - n_rare)),
      sprintf("rare%d", seq_len(n_rare))
    )
    source$truth <- simulate_types(types, source$peaks, arguments$type_specific)
    source$weights <- t(source$truth)
    if (by_fragments) {
      # Bulk counts: 200 reads per peak.
      strength <- stats::rlnorm(n_peaks, 0, 0.5) * lengths
      expected <- source$weights * strength
      expected <- 200 * n_peaks * sweep(expected, 2, colSums(expected), "/")
      source$profiles <- expected
      source$profiles[] <- as.double(stats::rpois(length(expected), expected))
    }
  }
  if (by_fragments) {
    source$weights <- source$profiles
    ranges <- parse_peaks(source$peaks)
    source$background <- ranges$end - ranges$start
  }
  source
}

# Probability that each peak is open in each type, by a walk down the tree.
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

# Type, batch and target depth or number of fragments of each cell, in random
# order.
simulate_cells <- function(arguments, types) {
  n_cells <- arguments$n_cells
  n_batches <- arguments$n_batches
  n_rare <- pmax(2, round(arguments$rare * n_cells))
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
  # Median depth, or number of fragments, of each batch.
  median <- arguments$fragments %||% arguments$depth
  if (length(median) == 1 && n_batches > 1) {
    spread <- seq(-0.5, 0.5, length.out = n_batches)
    median <- median * exp(arguments$batch_effect * spread)
  }
  list(
    cell_type = factor(types[type], types),
    batch = factor(
      paste0("batch", batch), paste0("batch", seq_len(n_batches))
    ),
    size = median[batch] * stats::rlnorm(n_cells, 0, arguments$depth_sd)
  )
}
