#' Simulate scATAC-seq and multiome cells of known types
#'
#' Simulates counts with a known truth: cell types in a hierarchy, a log-normal
#' depth, batches that differ in depth and in the peaks they favour, a
#' background of fragments outside open peaks, and rare types. With the
#' defaults, the types can be recovered, while depth and batch visibly distort a
#' linear embedding (LSI). With `fragments`, `profiles` or `preset`, cells are
#' drawn as in SCAN-ATAC-Sim, the simulator of the thesis (2.2.5).
#'
#' Each peak has a probability of being open in each type. The types are the
#' leaves of a binary tree; on each branch a share `type_specific` of the peaks
#' opens or closes, so that types with a common branch resemble each other. For
#' each cell, a depth is drawn, then its fragments: a share `signal` from the
#' open peaks of its type, the rest from all peaks equally, both scaled by the
#' factors of its batch. A peak may be hit more than once, but most counts are 1
#' or 2. A peak that no cell hits gets one fragment in a cell drawn at random.
#' Memory grows with the number of fragments: no dense matrix of cells x peaks
#' is made.
#'
#' @section Cells drawn from bulk profiles:
#' SCAN-ATAC-Sim draws cells from bulk experiments, one for each type. The
#' number of fragments of a cell is log-normal with the median `fragments` and
#' the standard deviation `depth_sd` of the natural logarithm (mu and sigma of
#' the thesis), limited to `fragment_range`. A share `signal` (rho) lies in the
#' peaks of its type, drawn with the weights of the type's bulk profile; the
#' rest is background, drawn with the lengths of the peaks as weights. Both are
#' drawn in two halves, one for each copy of the genome, in which no peak is hit
#' twice, so that counts are at most 4. Batches may differ in the median and in
#' rho and, by `batch_effect`, in the weights of the signal. Peaks that no cell
#' hits stay empty.
#'
#' Bulk profiles are given as `profiles`, or generated: the probability of each
#' peak in the hierarchy of types, times its strength and its length (median 500
#' bases), converted to counts with 200 reads per peak on average.
#'
#' @section Presets:
#' The three simulations of section 2.2.5, with 10,000 cells and 50,000 peaks
#' (not all of these numbers are given in the thesis), and 1,000 to 20,000
#' fragments per cell, the limits of SCAN-ATAC-Sim itself. Arguments given
#' explicitly override those of the preset.
#' * `"Sim1"`: 5 types, one of them with 1 % of the cells; mu 5,000, sigma 1.5,
#'   rho 0.4.
#' * `"Sim2"`: 9 types of equal size; mu 3,000, sigma 1.5, rho 0.4.
#' * `"Sim3"`: two batches with mu 2,500 and 5,000, rho 0.4 and 0.5; 6 types,
#'   two of them rare, each with 1 % of the cells and in one batch only.
#'
#' @param n_cells,n_peaks,n_types,n_batches Whole numbers: cells (at least 2 per
#'   type and per batch), peaks (at least 20), types, including rare ones, and
#'   batches. Cells are divided evenly among the batches.
#' @param depth Median number of open peaks per cell, 8 % of the peaks by
#'   default: one number for all batches, which `batch_effect` then spreads, or
#'   one per batch. Between 1 and half of the peaks. Cannot be combined with
#'   `fragments`.
#' @param depth_sd Standard deviation of the natural logarithm of a cell's
#'   depth, or number of fragments, within a batch. With 0, all cells of a batch
#'   have about the same.
#' @param batch_effect Strength of the batch effects, 0 for none: the standard
#'   deviation, on the natural log scale, of a factor on every peak's frequency
#'   per batch; and, if `depth` (`fragments`) is one number, the log ratio
#'   between the medians of the last and the first batch.
#' @param rare Fractions of all cells, one per rare type, each below the share
#'   of a common type; the other types share the rest evenly. `NULL` or
#'   `numeric(0)` for none. There must be fewer rare types than `n_types`.
#' @param rare_batch For each rare type, the number of the only batch in which
#'   it occurs, or `NA` for all batches (in the third simulation of the thesis,
#'   a type occurs in only one batch). `NULL` for all types in all batches.
#' @param type_specific Share of the peaks that change on each branch of the
#'   hierarchy, in (0, 1]. Larger values make types easier to distinguish.
#' @param signal Share of the fragments that lie in open peaks, in (0, 1]: the
#'   signal-to-noise ratio of the thesis. One number or one per batch.
#' @param n_chromosomes Number of chromosomes, `chr1` onwards, over which the
#'   peaks are spread.
#' @param seed Whole number: the same seed gives the same cells, in memory and
#'   in a file. R's random number generator is not changed.
#' @param preset `"Sim1"`, `"Sim2"` or `"Sim3"`, see the section on presets;
#'   NULL, the default, for none.
#' @param fragments Median number of fragments of a cell, one number or one per
#'   batch, like `depth`; cells are then drawn from bulk profiles. NULL, the
#'   default, draws open peaks by `depth`.
#' @param fragment_range Minimum and maximum number of fragments of a cell.
#' @param profiles Bulk profiles, used with `fragments`: a matrix of counts,
#'   peaks x types, with names for both; peaks are named like `chr1-100-600`.
#'   Every type needs at least one read. If `rare` has fractions, the last types
#'   are the rare ones. NULL, the default, generates them.
#' @param file Path of a 10x HDF5 file to write the counts to, in blocks of
#'   10,000 cells, for any number of cells (needs the package rhdf5). NULL, the
#'   default, keeps them in memory.
#' @param overwrite Replace an existing file. With FALSE, the default, an
#'   existing file is an error.
#'
#' @return A list of class `sailer_simulation`:
#' * `counts`: `dgCMatrix`, peaks x cells, of fragment counts; with `file`, the
#'   handle that [open_cells()] returns. Peaks are named `chr1-1000-1500` and
#'   sorted along each chromosome. No cell is empty. No peak is empty either,
#'   unless cells are drawn from bulk profiles.
#' * `cells`: data frame, with rows named like the columns of `counts`:
#'   `cell_type` and `batch` (factors), `depth` (number of open peaks) and
#'   `fragments`.
#' * `truth`: matrix, types x peaks, of the probability that a peak is open in a
#'   type; NULL if `profiles` were given.
#' * `profiles`: bulk profiles, peaks x types, if cells are drawn from them.
#' * `arguments`: list of the arguments used.
#'
#' `simulate_multiome()` adds `rna`, a `dgCMatrix` of genes x cells; `genes`, a
#' data frame of `chromosome`, `start` and `end`, the range of a gene's peaks;
#' and `expression`, types x genes: the expected share of a cell's counts.
#'
#' @references Chen, Zhang, Liu et al. (2021), SCAN-ATAC-Sim, *Bioinformatics*
#'   37, 1756. Cao (2023), sections 2.2.5 and 3.2.1.
#' @seealso [simulate_rna()]
#'
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, depth = 60)
#' sim
#' table(sim$cells$cell_type, sim$cells$batch)
#' sim$counts[1:3, 1:3]
#'
#' # The third simulation of the thesis, smaller.
#' sim3 <- simulate_atac(preset = "Sim3", n_cells = 300, n_peaks = 8000)
#' table(sim3$cells$cell_type, sim3$cells$batch)
#'
#' # Cells from your own bulk profiles, here made from simulated cells.
#' type <- sim$cells$cell_type
#' bulk <- vapply(levels(type), function(t) {
#'   Matrix::rowSums(sim$counts[, type == t])
#' }, numeric(500))
#' simulate_atac(
#'   n_cells = 100, profiles = bulk, fragments = 80, signal = 0.6, rare = NULL
#' )
#' @importFrom Matrix sparseMatrix
#' @export
simulate_atac <- function(n_cells = 2000, n_peaks = 5000, n_types = 6,
                          n_batches = 2, depth = 0.08 * n_peaks, depth_sd = 0.6,
                          batch_effect = 0.3, rare = 0.02, rare_batch = NULL,
                          type_specific = 0.06, signal = 0.7,
                          n_chromosomes = 5, seed = 1, preset = NULL,
                          fragments = NULL, fragment_range = c(1, Inf),
                          profiles = NULL, file = NULL, overwrite = FALSE) {
  given <- names(match.call())[-1]
  arguments <- simulation_arguments(as.list(environment()), given)
  profiles <- arguments$profiles
  arguments$profiles <- NULL
  with_own_seed(arguments$seed, {
    source <- simulation_source(arguments, profiles)
    cells <- simulate_cells(arguments, colnames(source$weights))
    counts <- simulate_blocks(arguments, source, cells, file, overwrite)
  })
  cells <- data.frame(
    cell_type = cells$cell_type, batch = cells$batch, depth = counts$depth,
    fragments = counts$fragments, row.names = counts$cells
  )
  structure(
    list(
      counts = counts$counts, cells = cells, truth = source$truth,
      profiles = source$profiles, arguments = arguments
    ),
    class = "sailer_simulation"
  )
}

#' @export
print.sailer_simulation <- function(x, ...) {
  depth <- stats::quantile(x$cells$depth, c(0.05, 0.5, 0.95))
  listed <- function(labels) {
    counts <- table(labels)
    paste(names(counts), counts, collapse = ", ")
  }
  cat(
    sprintf(
      "<sailer_simulation> %d cells x %d peaks\n",
      ncol(x$counts), nrow(x$counts)
    ),
    "types:   ", listed(x$cells$cell_type), "\n",
    "batches: ", listed(x$cells$batch), "\n",
    sprintf(
      "depth:   median %.0f open peaks (5%% to 95%%: %.0f to %.0f)\n",
      depth[2], depth[1], depth[3]
    ),
    sep = ""
  )
  invisible(x)
}

# Evaluates `code` with its own seed and random number generators.
with_own_seed <- function(seed, code) {
  withr::with_seed(
    seed, code,
    .rng_kind = "Mersenne-Twister", .rng_normal_kind = "Inversion",
    .rng_sample_kind = "Rejection"
  )
}
