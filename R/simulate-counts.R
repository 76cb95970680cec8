# Counts of simulated cells, block by block: kept in memory, or written to a 10x
# file with one block in memory at a time.

# Returns list(counts, depth, fragments, cells = names).
simulate_blocks <- function(arguments, source, cells, file, overwrite) {
  draw <- group_drawer(arguments, source)
  n_cells <- length(cells$size)
  n_peaks <- length(source$peaks)
  names <- sprintf("%s_cell%d", cells$batch, seq_len(n_cells))
  # Few enough cells that their fragments fit in memory.
  size <- getOption("sailer.simulation_block", 10000)
  blocks <- split(seq_len(n_cells), ceiling(seq_len(n_cells) / size))
  kept <- list()
  sink <- if (is.null(file)) {
    list(
      add = function(counts) kept[[length(kept) + 1]] <<- counts,
      finish = function() do.call(cbind, kept), abandon = function() NULL
    )
  } else {
    tenx_sink(file, source$peaks, names, overwrite)
  }
  on.exit(sink$abandon())
  depth <- integer(n_cells)
  fragments <- numeric(n_cells)
  hit <- logical(n_peaks)
  for (members in blocks) {
    counts <- draw_block(draw, cells, members)
    hit[counts@i + 1] <- TRUE
    missed <- which(!hit)
    if (is.null(arguments$fragments) && n_cells %in% members &&
          length(missed) > 0) {
      # One fragment in each of these peaks, in cells drawn at random.
      cell <- sample.int(ncol(counts), length(missed), TRUE)
      counts <- counts + counts_of(missed, cell, n_peaks, ncol(counts))
    }
    depth[members] <- diff(counts@p)
    fragments[members] <- Matrix::colSums(counts)
    dimnames(counts) <- list(source$peaks, names[members])
    sink$add(counts)
  }
  list(
    counts = sink$finish(), depth = depth, fragments = fragments, cells = names
  )
}

# Draws the counts of a block of cells, in groups of one type and batch, whose
# peaks have the same frequencies.
draw_block <- function(draw, cells, members) {
  batch <- as.integer(cells$batch)[members]
  type <- as.integer(cells$cell_type)[members]
  groups <- split(seq_along(members), list(batch, type), drop = TRUE)
  drawn <- lapply(groups, function(group) {
    draw(batch[group[1]], type[group[1]], cells$size[members[group]])
  })
  counts <- do.call(cbind, unname(drawn))
  counts[, order(unlist(groups, use.names = FALSE)), drop = FALSE]
}

# Returns a function that draws counts, given batch, type and sizes of the
# cells.
group_drawer <- function(arguments, source) {
  n_peaks <- length(source$peaks)
  by_fragments <- !is.null(arguments$fragments)
  strength <- if (by_fragments) 1 else stats::rlnorm(n_peaks, 0, 0.5)
  effects <- matrix(
    stats::rlnorm(arguments$n_batches * n_peaks, 0, arguments$batch_effect),
    arguments$n_batches, n_peaks
  )
  signal <- rep_len(arguments$signal, arguments$n_batches)
  function(batch, type, sizes) {
    factors <- strength * effects[batch, ]
    open <- factors * source$weights[, type]
    if (by_fragments) {
      sizes <- pmin(pmax(sizes, arguments$fragment_range[1]),
                    arguments$fragment_range[2])
      return(draw_fragments(open, source$background, signal[batch], sizes))
    }
    frequency <- signal[batch] * open / sum(open) +
      (1 - signal[batch]) * factors / sum(factors)
    by_portions(fragments_for(sizes, frequency), function(n) {
      peak <- sample.int(n_peaks, sum(n), TRUE, frequency)
      counts_of(peak, rep(seq_along(n), n), n_peaks, length(n))
    })
  }
}

# Number of fragments that open `depth` peaks on average, some being hit
# repeatedly: the inverse, by interpolation, of sum(1 - exp(-fragments *
# frequency)).
fragments_for <- function(depth, frequency) {
  n_peaks <- length(frequency)
  fragments <- exp(seq(0, log(100 * n_peaks), length.out = 200))
  open <- vapply(fragments, function(n) sum(-expm1(-n * frequency)), 0)
  depth <- pmin(depth, 0.8 * n_peaks)
  exp(stats::approx(log(open), log(fragments), log(depth), rule = 2)$y)
}

# Binds what `draw` returns for these sizes of cells, rounded and at least 1, in
# portions that bound the memory.
by_portions <- function(sizes, draw, portion = 2e6) {
  sizes <- pmax(1, round(sizes))
  portions <- split(sizes, ceiling(cumsum(sizes) / portion))
  do.call(cbind, unname(lapply(portions, draw)))
}

counts_of <- function(peak, cell, n_peaks, n_cells) {
  sparseMatrix(peak, cell, x = 1, dims = c(n_peaks, n_cells))
}
