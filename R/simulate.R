#' Simulated scATAC-seq cells of known types
#'
#' Counts with a known truth, after the simulations of section 2.2.5 of the
#' thesis: cell types in a hierarchy, a log-normal depth, batches that differ in
#' depth and in the peaks they favour, a background of fragments outside of
#' open peaks, and rare types. With the defaults the types can be found, while
#' depth and batch visibly disturb a linear embedding (LSI).
#'
#' Each type has for every peak a probability of being open. The types are the
#' leaves of a binary tree; on each branch a share `type_specific` of the peaks
#' opens or closes, so that types with a common branch resemble each other. A
#' cell draws its depth, then its fragments: the share `signal` from the open
#' peaks of its type, the rest from all peaks alike, both with the factors of
#' its batch. A peak may be hit twice or more; most counts are 1 or 2. A peak
#' that no cell has hit gets one fragment in a cell drawn at random. Memory
#' grows with the number of fragments: no dense matrix of cells x peaks is made.
#'
#' @param n_cells,n_peaks,n_types,n_batches Whole numbers: cells (at least 2 a
#'   type), peaks (at least 20), types, rare ones included, and batches.
#'   Cells are shared out evenly among the batches.
#' @param depth Median number of open peaks per cell, 8 % of the peaks by
#'   default: one number for all batches, which `batch_effect` then spreads, or
#'   one per batch. Between 1 and half of the peaks.
#' @param depth_sd Standard deviation of the natural logarithm of a cell's
#'   depth within a batch. 0 gives every cell about the same depth.
#' @param batch_effect Strength of the batch effects, 0 for none: the standard
#'   deviation, on the natural log scale, of a factor on every peak's frequency
#'   per batch; and, if `depth` is one number, the log ratio of the median
#'   depths of the last and the first batch.
#' @param rare Fractions of all cells, one per rare type, each below the share
#'   of a common type; the other types share the rest evenly. `NULL`
#'   or `numeric(0)` for none. Fewer rare types than `n_types`.
#' @param rare_batch `NULL`, or for each rare type the number of the one batch
#'   in which it is found, `NA` for all batches (the third simulation of the
#'   thesis has a type of one batch).
#' @param type_specific Share of the peaks that change on each branch of the
#'   hierarchy, in (0, 1]. Larger values make types easier to tell apart.
#' @param signal Share of the fragments that lie in open peaks, in (0, 1]: the
#'   signal-to-noise ratio of the thesis. One number, or one per batch.
#' @param n_chromosomes Number of chromosomes, `chr1` onwards, that the peaks
#'   are spread over.
#' @param seed Whole number: the same seed gives the same cells. The state of
#'   R's own random numbers is left as it was.
#'
#' @return A list of class `sailer_simulation`:
#' * `counts`: `dgCMatrix`, peaks x cells, of fragment counts. Peaks are named
#'   `chr1-1000-1500` and sorted along each chromosome; no peak and no cell is
#'   empty.
#' * `cells`: data frame, rows named as the columns of `counts`: `cell_type` and
#'   `batch` (factors) and `depth` (number of open peaks).
#' * `truth`: matrix, types x peaks, of the probability that the peak is open
#'   in the type.
#' * `arguments`: list of the arguments used.
#'
#' @section Errors:
#' Of class `sailer_argument_error`, naming the argument that is out of range.
#'
#' @references Chen, Dai et al. (2021), SCAN-ATAC-Sim, *Bioinformatics* 37,
#'   1756.
#'
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, depth = 60)
#' sim
#' table(sim$cells$cell_type, sim$cells$batch)
#' sim$counts[1:3, 1:3]
#'
#' # A rare type that only the second batch has (thesis, Sim3)
#' sim3 <- simulate_atac(
#'   n_cells = 300, n_peaks = 500, depth = c(40, 80), signal = c(0.4, 0.5),
#'   rare = c(0.03, 0.03), rare_batch = c(1, 2)
#' )
#' @importFrom Matrix sparseMatrix
#' @export
simulate_atac <- function(n_cells = 2000, n_peaks = 5000, n_types = 6,
                          n_batches = 2, depth = 0.08 * n_peaks, depth_sd = 0.6,
                          batch_effect = 0.3, rare = 0.02, rare_batch = NULL,
                          type_specific = 0.06, signal = 0.7,
                          n_chromosomes = 5, seed = 1) {
  arguments <- list(
    n_cells = n_cells, n_peaks = n_peaks, n_types = n_types,
    n_batches = n_batches, depth = depth, depth_sd = depth_sd,
    batch_effect = batch_effect, rare = rare, rare_batch = rare_batch,
    type_specific = type_specific, signal = signal,
    n_chromosomes = n_chromosomes, seed = seed
  )
  check_simulation(arguments)
  with_own_seed(seed, {
    peaks <- simulate_peaks(n_peaks, n_chromosomes)
    truth <- simulate_types(type_names(n_types, rare), peaks, type_specific)
    cells <- simulate_cells(arguments, rownames(truth))
    counts <- simulate_counts(arguments, truth, cells)
  })
  cells <- data.frame(
    cell_type = cells$cell_type, batch = cells$batch,
    depth = diff(counts@p), row.names = colnames(counts)
  )
  structure(
    list(counts = counts, cells = cells, truth = truth, arguments = arguments),
    class = "sailer_simulation"
  )
}

#' @export
print.sailer_simulation <- function(x, ...) {
  types <- table(x$cells$cell_type)
  batches <- table(x$cells$batch)
  depth <- stats::quantile(x$cells$depth, c(0.05, 0.5, 0.95))
  listed <- function(counts) {
    paste(names(counts), counts, collapse = ", ")
  }
  cat(
    sprintf(
      "<sailer_simulation> %d cells x %d peaks\n",
      ncol(x$counts), nrow(x$counts)
    ),
    "types:   ", listed(types), "\n",
    "batches: ", listed(batches), "\n",
    sprintf(
      "depth:   median %.0f open peaks (5%% to 95%%: %.0f to %.0f)\n",
      depth[2], depth[1], depth[3]
    ),
    sep = ""
  )
  invisible(x)
}

# Evaluates `code` under a seed and generators of its own.
with_own_seed <- function(seed, code) {
  withr::with_seed(
    seed, code,
    .rng_kind = "Mersenne-Twister", .rng_normal_kind = "Inversion",
    .rng_sample_kind = "Rejection"
  )
}

type_names <- function(n_types, rare) {
  n_rare <- length(rare)
  c(
    sprintf("type%d", seq_len(n_types - n_rare)),
    sprintf("rare%d", seq_len(n_rare))
  )
}

# Names of peaks of 500 bases, sorted within chromosomes.
simulate_peaks <- function(n_peaks, n_chromosomes) {
  chromosome <- sort(rep_len(seq_len(n_chromosomes), n_peaks))
  gap <- 500 + round(stats::rexp(n_peaks, 1 / 2000))
  start <- stats::ave(gap + 500, chromosome, FUN = cumsum)
  sprintf("chr%d-%.0f-%.0f", chromosome, start, start + 500)
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

# Type, batch and wanted depth of each cell, in an order drawn at random.
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
  depth <- batch_depths(arguments)[batch] *
    stats::rlnorm(n_cells, 0, arguments$depth_sd)
  list(
    cell_type = factor(types[type], types),
    batch = factor(
      sprintf("batch%d", batch), sprintf("batch%d", seq_len(n_batches))
    ),
    depth = depth
  )
}

batch_depths <- function(arguments) {
  n_batches <- arguments$n_batches
  if (length(arguments$depth) > 1 || n_batches == 1) {
    return(arguments$depth)
  }
  spread <- seq(-0.5, 0.5, length.out = n_batches)
  arguments$depth * exp(arguments$batch_effect * spread)
}

# Fragments by groups of cells with one type and batch, whose peaks have the
# same frequencies, in portions that bound the memory.
simulate_counts <- function(arguments, truth, cells) {
  n_peaks <- ncol(truth)
  strength <- stats::rlnorm(n_peaks, 0, 0.5)
  effects <- matrix(
    stats::rlnorm(arguments$n_batches * n_peaks, 0, arguments$batch_effect),
    arguments$n_batches, n_peaks
  )
  signal <- rep_len(arguments$signal, arguments$n_batches)
  groups <- split(
    seq_along(cells$depth),
    list(as.integer(cells$batch), as.integer(cells$cell_type)),
    drop = TRUE
  )
  blocks <- lapply(groups, function(members) {
    batch <- as.integer(cells$batch)[members[1]]
    factors <- strength * effects[batch, ]
    open <- factors * truth[as.integer(cells$cell_type)[members[1]], ]
    frequency <- signal[batch] * open / sum(open) +
      (1 - signal[batch]) * factors / sum(factors)
    draw_group(frequency, cells$depth[members])
  })
  counts <- do.call(cbind, unname(blocks))
  counts <- counts[, order(unlist(groups, use.names = FALSE)), drop = FALSE]
  dimnames(counts) <- list(
    colnames(truth), sprintf("%s_cell%d", cells$batch, seq_along(cells$batch))
  )
  fill_empty_peaks(counts)
}

# Counts of the cells of one group, peaks x cells.
draw_group <- function(frequency, depth, portion = 2e6) {
  fragments <- pmax(1, round(fragments_for(depth, frequency)))
  portions <- split(seq_along(depth), ceiling(cumsum(fragments) / portion))
  blocks <- lapply(portions, function(members) {
    n <- fragments[members]
    peak <- sample.int(length(frequency), sum(n), TRUE, frequency)
    sparseMatrix(
      peak, rep(seq_along(members), n),
      x = 1, dims = c(length(frequency), length(members))
    )
  })
  do.call(cbind, unname(blocks))
}

# How many fragments open `depth` peaks on average, some being hit repeatedly:
# the inverse, by interpolation, of sum(1 - exp(-fragments * frequency)).
fragments_for <- function(depth, frequency) {
  n_peaks <- length(frequency)
  fragments <- exp(seq(0, log(100 * n_peaks), length.out = 200))
  open <- vapply(fragments, function(n) sum(-expm1(-n * frequency)), 0)
  depth <- pmin(depth, 0.8 * n_peaks)
  exp(stats::approx(log(open), log(fragments), log(depth), rule = 2)$y)
}

fill_empty_peaks <- function(counts) {
  empty <- which(tabulate(counts@i + 1L, nrow(counts)) == 0)
  if (length(empty) == 0) {
    return(counts)
  }
  counts + sparseMatrix(
    empty, sample.int(ncol(counts), length(empty), TRUE),
    x = 1, dims = dim(counts), dimnames = dimnames(counts)
  )
}

check_simulation <- function(arguments, call = rlang::caller_env()) {
  check <- function(name, from, to, ...) {
    check_number(arguments[[name]], name, from, to, ..., call = call)
  }
  check("n_peaks", 20, 1e7, whole = TRUE)
  check("n_types", 1, 1000, whole = TRUE)
  check("n_batches", 1, 1000, whole = TRUE)
  check("n_cells", 2 * max(arguments$n_types, arguments$n_batches), 1e7,
    whole = TRUE
  )
  check("depth_sd", 0, 3)
  check("batch_effect", 0, 3)
  check("type_specific", 1e-6, 1)
  check("n_chromosomes", 1, arguments$n_peaks, whole = TRUE)
  check("seed", -.Machine$integer.max, .Machine$integer.max, whole = TRUE)
  for (name in c("depth", "signal")) {
    range <- if (name == "depth") c(1, arguments$n_peaks / 2) else c(1e-6, 1)
    x <- arguments[[name]]
    if (!are_numbers(x, range[1], range[2], c(1, arguments$n_batches))) {
      abort(c(
        "{.arg {name}} must be a number from {range[1]} to {range[2]}, or one
         per batch.",
        "x" = "Found {.val {x}}."
      ), call = call)
    }
  }
  check_rare(arguments, call)
}

check_rare <- function(arguments, call) {
  rare <- arguments$rare
  n_common <- arguments$n_types - length(rare)
  valid <- length(rare) == 0 || (is.numeric(rare) && n_common > 0 &&
    all(is.finite(rare) & rare > 0) &&
    max(rare) < (1 - sum(rare)) / n_common)
  if (!valid) {
    abort(c(
      "{.arg rare} must hold one fraction per rare type, each above 0 and
       below the share of a common type, for fewer types than {.arg n_types}.",
      "x" = "Found {.val {rare}} with {arguments$n_types} type{?s}.",
      "i" = "For no rare types, give {.code rare = NULL}."
    ), call = call)
  }
  rare_batch <- arguments$rare_batch
  in_batches <- rare_batch %in% c(seq_len(arguments$n_batches), NA)
  if (!is.null(rare_batch) &&
    (length(rare_batch) != length(rare) || !all(in_batches))) {
    abort(c(
      "{.arg rare_batch} must hold a batch from 1 to {arguments$n_batches}, or
       `NA`, for each of the {length(rare)} rare type{?s}.",
      "x" = "Found {.val {rare_batch}}."
    ), call = call)
  }
}
