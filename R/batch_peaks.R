# Whether batches have peaks in common. Where the peaks of each were called
# apart and joined afterwards, a peak is open in one batch alone: what was never
# counted looks closed, and a model can separate the batches by it.

# Below this share of what is expected of batches with the same peaks.
#
# Real batches had 0.9 and more (donors of bone marrow, patients with leukemia,
# six samples of cortex; 0.95 of 10 cells each), single cell types taken for
# batches 0.88. With peaks of their own it was 0, with a fifth of the peaks in
# common 0.2 to 0.4.
least_shared <- 0.5

# Peaks expected in both batches from which on a share means something.
least_expected <- 50

# What the pass over the counts counts by batch, as core_scan() takes it: peaks
# at random where there are many batches, so few that all pairs of batches take
# a second at most. `members` gives each group its level of every batch label,
# of which `labels` are the columns. NULL without batches.
batch_groups <- function(confounders, n_peaks) {
  labels <- Filter(
    function(label) label$name %in% confounders$batches, confounders$labels
  )
  if (length(labels) == 0) {
    return(NULL)
  }
  codes <- lapply(labels, function(label) label$codes)
  key <- do.call(paste, unname(codes))
  first <- which(!duplicated(key))
  n_batches <- max(lengths(lapply(codes, unique)))
  n_pairs <- max(1, choose(min(n_batches, most_compared), 2))
  most <- floor(max(2000, min(1e7 / n_pairs, 2e7 / length(first))))
  peaks <- seq_len(n_peaks)
  if (n_peaks > most) peaks <- sort(with_own_seed(1, sample.int(n_peaks, most)))
  row <- rep(NA_integer_, n_peaks)
  row[peaks] <- seq_along(peaks)
  list(
    group = match(key, key[first]), n_groups = length(first), row = row,
    n_rows = length(peaks), members = lapply(codes, function(x) x[first]),
    labels = labels
  )
}

# Batches that are compared, the largest ones.
most_compared <- 100

# `groups`: of batch_groups(); `group_cells`: groups x peaks, the cells of each
# in which each peak is open; `map`: NA for peaks that the model leaves out.
warn_of_apart_batches <- function(groups, group_cells, map) {
  kept <- !is.na(map[which(!is.na(groups$row))])
  for (k in seq_along(groups$labels)) {
    counts <- rowsum(group_cells[, kept, drop = FALSE], groups$members[[k]])
    apart <- find_apart(counts)
    if (!is.null(apart)) warn_apart(groups$labels[[k]], apart)
  }
}

# `counts`: batches x peaks. NULL where all batches hang together by their
# peaks; else list(parts = a list of batches for each, pair = the two that share
# least, share).
find_apart <- function(counts) {
  largest <- order(-rowSums(counts), method = "radix")
  largest <- sort(utils::head(largest[rowSums(counts) > 0], most_compared))
  if (length(largest) < 2) {
    return(NULL)
  }
  pairs <- utils::combn(largest, 2)
  shares <- apply(pairs, 2, function(pair) {
    shared_peaks(counts[pair[1], ], counts[pair[2], ])
  })
  part <- seq_len(nrow(counts))
  for (k in which(shares >= least_shared)) {
    part[part == part[pairs[2, k]]] <- part[pairs[1, k]]
  }
  parts <- split(largest, part[largest])
  if (length(parts) == 1) {
    return(NULL)
  }
  least <- which.min(shares)
  list(parts = unname(parts), pair = pairs[, least], share = shares[least])
}

# Peaks open in both of two batches, as a share of those expected if each open
# entry of a peak were in either by the batches' shares of all open entries. 1
# where too few are expected.
shared_peaks <- function(first, second) {
  weight <- sum(first) / (sum(first) + sum(second))
  n_peaks <- tabulate(first + second)
  total <- seq_along(n_peaks)
  expected <- sum(n_peaks * (1 - weight^total - (1 - weight)^total))
  if (expected < least_expected) {
    return(1)
  }
  sum(first > 0 & second > 0) / expected
}

warn_apart <- function(label, apart) {
  pair <- label$levels[apart$pair]
  share <- format(100 * apart$share, digits = 2, scientific = FALSE)
  parts <- vapply(apart$parts, function(part) {
    cli::format_inline("{.val {label$levels[part]}}", collapse = FALSE)
  }, "")
  cli::cli_warn(c(
    "The batches of {.arg {label$name}} have few peaks in common:
     {.val {pair[1]}} and {.val {pair[2]}} share {share} % of the peaks that
     batches counted in the same peaks would.",
    if (length(unlist(apart$parts)) > 2) {
      c(x = as_literal(paste0(
        "There are ", length(parts), " groups of them: ",
        paste(parts, collapse = " | "), "."
      )))
    },
    i = "Were their peaks called separately, and joined afterwards? What was
         never counted in a batch looks closed there, and the model separates
         the batches by it.",
    i = "Count all samples in the same peaks, or unite them with
         {.fn unite_peaks}."
  ), class = c("sailer_batches_apart", "sailer_note"))
}
