# Checks whether batches share peaks. If the peaks of each batch were called
# separately and then concatenated, each peak is open in one batch only: what
# was never counted looks closed, and a model can tell the batches apart by it.

# Batches have separate peaks if they share less than this fraction of what is
# expected of batches with the same peaks.
#
# Real batches shared 0.9 or more (bone marrow donors, leukemia patients, six
# cortex samples; 0.95 with 10 cells each), single cell types treated as batches
# 0.88. The share was 0 with entirely separate peaks, and 0.2 to 0.4 with a
# fifth of the peaks in common.
least_shared <- 0.5

# Minimum number of expected shared peaks for the share to be meaningful.
least_expected <- 50

# Returns the groups of cells by which a pass over the counts is to count, one
# per combination of batch levels, as core_scan() takes them; NULL without
# batches. With many batches only a random sample of the peaks is counted, so
# few that comparing all pairs of batches takes a second at most. `members`: the
# level of each group, for each of the batch labels `labels`.
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

# Maximum number of batches to compare; the largest are used.
most_compared <- 100

# `groups`: from batch_groups(); `group_cells`: groups x peaks, the number of
# cells with the peak open; `map`: NA for peaks that the model leaves out.
warn_of_apart_batches <- function(groups, group_cells, map) {
  kept <- !is.na(map[which(!is.na(groups$row))])
  for (k in seq_along(groups$labels)) {
    counts <- rowsum(group_cells[, kept, drop = FALSE], groups$members[[k]])
    apart <- find_apart(counts)
    if (!is.null(apart)) warn_apart(groups$labels[[k]], apart)
  }
}

# `counts`: batches x peaks. Returns NULL if all batches are connected through
# pairs that share enough peaks; otherwise list(parts = the connected groups of
# batches, pair = the two batches that share least, share).
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

# Returns the number of peaks open in both batches, as a share of those expected
# if open entries were in either by chance, in proportion to the batches' shares
# of all open entries. 1 if too few are expected.
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
     they would share if counted in the same peaks.",
    if (length(unlist(apart$parts)) > 2) {
      c(x = as_literal(paste0(
        "They form ", length(parts), " groups: ",
        paste(parts, collapse = " | "), "."
      )))
    },
    i = "Were their peaks called separately and joined afterwards? Peaks that
         were never counted in a batch look closed there, and the model
         separates the batches by them.",
    i = "Count all samples in the same peaks, or unite them with
         {.fn unite_peaks}."
  ), class = c("sailer_batches_apart", "sailer_note"))
}
