# Unites samples that were counted in different peaks: overlapping peaks become
# one, and their counts are summed (thesis 3.2.3).

#' Unite the peaks of several samples
#'
#' Unites overlapping peaks of several samples and sums the counts of peaks that
#' become one, so that a single model can be trained on all samples. A message
#' reports the peaks of each sample.
#'
#' Peaks that share at least one base are united, and so is any peak that
#' overlaps the result, as by `reduce()` of GenomicRanges: a peak of one sample
#' can join two peaks of another. Adjacent peaks without a shared base stay
#' separate; strand is ignored. Counts are summed by sparse matrix products and
#' never made dense; files are read into memory one sample at a time. A fragment
#' counted in two peaks that become one counts twice, which makes no difference
#' to models of binarised counts. If fragment files are available, counting them
#' in the united `ranges` is more accurate.
#'
#' @param counts Named list of the samples: counts of peaks x cells, with names
#'   for both, in any form that [as_cells()] accepts.
#' @param ranges `GRanges` of each sample's peaks, in the order of its rows: a
#'   list named by sample. For samples not in the list, and by default for all,
#'   ranges are taken from the file or object, or from the peak names, such as
#'   `chr1-100-200` or `chr1:100-200`.
#' @param how `"union"`: all united peaks; a sample has zeros in peaks that it
#'   lacks. `"shared"`: only united peaks that contain peaks of every sample. A
#'   peak that was not counted is not necessarily closed: the zeros of `"union"`
#'   separate the samples, so a `batch` is needed.
#' @return A list:
#' * `counts`: `dgCMatrix`, united peaks x all cells, sample after sample. Peaks
#'   are named `chr1-100-200`. If samples share cell names, all cells are named
#'   `sample_cell`.
#' * `sample`: factor, the sample of each cell, named by cell: use it as `batch`
#'   in [sailerx()] and [sailer()].
#' * `ranges`: `GRanges` of the united peaks.
#' * `map`: data frame of all samples' peaks: `sample`, `peak` and `united`, the
#'   name of the united peak, NA if it was omitted.
#' * `summary`: data frame, one row per sample: the number of `peaks`; how many
#'   of them were `kept` unchanged and how many were `merged` into a larger one;
#'   how many united peaks occur only in this sample (`alone`); `counts_kept`,
#'   the share of its counts in the result.
#' @references Cao (2023), section 3.2.3: hybrid integration.
#' @examplesIf requireNamespace("GenomicRanges", quietly = TRUE)
#' counts_in <- function(peaks, cells) {
#'   Matrix::Matrix(1:2, length(peaks), length(cells),
#'     sparse = TRUE, dimnames = list(peaks, cells)
#'   )
#' }
#' united <- unite_peaks(list(
#'   multiome = counts_in(c("chr1-100-200", "chr1-500-600"), c("a", "b")),
#'   atac = counts_in(c("chr1-150-250", "chr2-10-90"), c("a", "c"))
#' ))
#' united$counts
#' united$map
#' @importFrom Matrix sparseMatrix
#' @export
unite_peaks <- function(counts, ranges = NULL, how = c("union", "shared")) {
  how <- rlang::arg_match(how)
  need_package("GenomicRanges", "to unite peaks")
  check_samples(counts)
  counts <- read_samples(counts, names(counts), counts = TRUE)
  peaks <- sample_ranges(counts, ranges)
  united <- unite_ranges(peaks)
  map <- united$map
  present <- vapply(map, function(to) {
    seq_along(united$ranges) %in% to
  }, logical(length(united$ranges)))
  present <- matrix(present, ncol = length(counts))
  kept <- how == "union" | rowSums(present) == ncol(present)
  abort_if(!any(kept), c(
    "No peak is shared by all {length(counts)} samples.",
    i = 'Set {.code how = "union"}, or leave samples out.'
  ), class = "data")
  names <- range_names(united$ranges)
  place <- cumsum(kept)
  place[!kept] <- NA
  blocks <- lapply(names(counts), function(sample) {
    # Sums the rows that go to the same place; rows with NA are left out.
    to <- place[map[[sample]]]
    from <- which(!is.na(to))
    sparseMatrix(to[from], from, x = 1, dims = c(sum(kept), length(to))) %*%
      as_sparse(counts[[sample]])
  })
  cells <- sample_cells(lapply(counts, colnames))
  all <- do.call(cbind, blocks)
  dimnames(all) <- list(names[kept], unlist(cells, use.names = FALSE))
  summary <- summarise_union(counts, blocks, peaks, united, present)
  note_union(summary, how, sum(kept), length(kept))
  list(
    counts = all,
    sample = factor(
      stats::setNames(rep(names(counts), lengths(cells)), colnames(all)),
      names(counts)
    ),
    ranges = stats::setNames(united$ranges, names)[kept],
    map = data.frame(
      sample = rep(names(counts), lengths(map)),
      peak = unlist(lapply(counts, rownames), use.names = FALSE),
      united = ifelse(kept, names, NA)[unlist(map, use.names = FALSE)]
    ),
    summary = summary
  )
}

check_samples <- function(counts) {
  good <- is.list(counts) && !is.data.frame(counts) && length(counts) > 1
  must_be(good, counts, "a named list of at least two samples")
  abort_if(!rlang::is_dictionaryish(counts), c(
    "Every sample in {.arg counts} must have a unique name.",
    i = "For example {.code list(multiome = first, atac = second)}."
  ))
}

# Returns a list of GRanges, one per sample: those given, those of the sample,
# or those in the peaks' names.
sample_ranges <- function(counts, ranges) {
  samples <- names(counts)
  if (!is.null(ranges) &&
        (is.null(names(ranges)) || !all(names(ranges) %in% samples))) {
    abort(c(
      "{.arg ranges} must be a list named by sample.",
      i = "The samples are {.val {samples}}."
    ))
  }
  peaks <- lapply(stats::setNames(nm = samples), function(sample) {
    given <- if (sample %in% names(ranges)) ranges[[sample]]
    found <- ranges_of_peaks(
      rownames(counts[[sample]]), given, counts[[sample]]$ranges,
      of = as_literal(cli::format_inline("sample {.val {sample}}")),
      hint = "Name peaks like {.val chr1-100-200}, or give {.arg ranges}.",
      none = "data"
    )
    GenomicRanges::granges(found, use.names = FALSE)
  })
  # With "chr1" in one sample and "1" in another, nothing would be united,
  # silently.
  chromosomes <- lapply(peaks, chromosomes_of)
  first <- chromosomes[[1]]
  for (sample in samples[-1]) {
    abort_if(!any(chromosomes[[sample]] %in% first), c(
      "Samples {.val {samples[1]}} and {.val {sample}} have no chromosome in
       common.",
      x = "They have {.val {utils::head(first, 2)}}, and {.val
           {utils::head(chromosomes[[sample]], 2)}}.",
      i = "Give the chromosomes the same names in both."
    ), class = "data")
  }
  peaks
}

# Returns list(ranges = the united GRanges, map = for each sample, the index
# among them of each of its peaks).
unite_ranges <- function(peaks) {
  all <- of_one_genome(do.call(c, unname(peaks)), "the samples")
  # Peaks that only touch, with a gap of 0 bases, stay separate.
  united <- GenomicRanges::reduce(all, min.gapwidth = 0L, ignore.strand = TRUE)
  map <- GenomicRanges::findOverlaps(
    all, united, select = "first", ignore.strand = TRUE
  )
  sample <- rep(seq_along(peaks), lengths(peaks))
  list(ranges = united, map = stats::setNames(split(map, sample), names(peaks)))
}

# Returns the names of the cells of each sample, unique over all samples.
sample_cells <- function(cells) {
  if (anyDuplicated(unlist(cells))) {
    cells <- Map(
      function(names, sample) paste(sample, names, sep = "_"),
      cells, names(cells)
    )
  }
  all <- unlist(cells)
  abort_if(anyDuplicated(all), c(
    "Two cells are named {.val {all[duplicated(all)][1]}} even with the sample
     name in front.",
    i = "Rename the samples."
  ), class = "data")
  cells
}

summarise_union <- function(counts, blocks, peaks, united, present) {
  rows <- lapply(seq_along(counts), function(k) {
    to <- united$ranges[united$map[[k]]]
    same <- GenomicRanges::start(to) == GenomicRanges::start(peaks[[k]]) &
      GenomicRanges::end(to) == GenomicRanges::end(peaks[[k]])
    data.frame(
      sample = names(counts)[k], peaks = length(same), kept = sum(same),
      merged = sum(!same), alone = sum(present[, k] & rowSums(present) == 1),
      counts_kept = sum(blocks[[k]]) /
        sum(cell_depth(counts[[k]], counts = TRUE))
    )
  })
  do.call(rbind, rows)
}

note_union <- function(summary, how, n_kept, n_united) {
  lines <- sprintf(
    paste(
      "%s: %d peaks, %d kept as they are, %d merged into larger ones;",
      "%d united peak%s in no other sample"
    ),
    summary$sample, summary$peaks, summary$kept, summary$merged, summary$alone,
    ifelse(summary$alone == 1, "", "s")
  )
  end <- if (how == "shared") {
    share <- sprintf("%s %.1f %%", summary$sample, 100 * summary$counts_kept)
    sprintf(
      "%d of %d united peaks are in every sample; counts kept: %s",
      n_kept, n_united, paste(share, collapse = ", ")
    )
  } else {
    sprintf("%d united peaks", n_united)
  }
  # Names of samples may contain braces.
  lines <- as_literal(c(lines, end))
  note(stats::setNames(lines, c(rep("*", nrow(summary)), "i")))
}
