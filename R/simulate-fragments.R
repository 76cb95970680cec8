# Cells as in SCAN-ATAC-Sim (thesis 2.2.5): fragments drawn from a bulk profile,
# and a background in proportion to the lengths of the peaks.

# Draws the counts of cells of one profile, peaks x cells. Of n fragments, the
# share `signal` is drawn with the weights `profile`, the others with
# `background`; both in two halves, one for each copy of the genome, in which no
# peak is hit twice.
draw_fragments <- function(profile, background, signal, sizes) {
  by_portions(sizes, function(n) {
    in_peaks <- round(n * signal)
    first <- round(n * signal / 2)
    outside <- n - in_peaks
    drawn <- rbind(
      draw_distinct(profile, first),
      draw_distinct(profile, in_peaks - first),
      draw_distinct(background, round(outside / 2)),
      draw_distinct(background, outside - round(outside / 2))
    )
    counts_of(drawn[, 1], drawn[, 2], length(profile), length(n))
  })
}

# Draws for each cell as many different places as `sizes` says, one after
# another, each in proportion to the weights of the remaining places; or all
# places with a weight, if there are fewer. Returns a matrix with the columns
# place and cell.
#
# Drawing with replacement and skipping repeats gives this distribution. If a
# cell takes more than a quarter of the places, this would take long: then
# exponential variables are drawn with the weights as rates, and the places with
# the smallest ones taken, which gives the same distribution (Efraimidis and
# Spirakis 2006).
draw_distinct <- function(weights, sizes) {
  places <- which(weights > 0)
  weights <- weights[places]
  sizes <- pmin(sizes, length(places))
  most <- sizes > length(places) / 4
  cells <- which(!most)
  few <- draw_by_passing(weights, sizes[!most])
  many <- lapply(which(most), function(cell) {
    keys <- stats::rexp(length(weights)) / weights
    cbind(order(keys)[seq_len(sizes[cell])], cell)
  })
  drawn <- rbind(cbind(few[, 1], cells[few[, 2]]), do.call(rbind, many))
  cbind(places[drawn[, 1]], drawn[, 2])
}

draw_by_passing <- function(weights, sizes) {
  n <- length(weights)
  drawn <- numeric(0) # place and cell as one number
  lacking <- sizes
  repeat {
    open <- which(lacking > 0)
    if (length(open) == 0) break
    # Draw somewhat more than are lacking, so that few rounds are needed.
    cell <- rep(open, ceiling(1.3 * lacking[open]) + 2)
    key <- (cell - 1) * n + sample.int(n, length(cell), TRUE, weights)
    new <- !duplicated(key) & !key %in% drawn
    key <- key[new]
    cell <- cell[new]
    # Keep the first ones drawn, no more than are lacking.
    key <- key[sequence(rle(cell)$lengths) <= lacking[cell]]
    drawn <- c(drawn, key)
    lacking <- sizes - tabulate((drawn - 1) %/% n + 1, length(sizes))
  }
  cbind((drawn - 1) %% n + 1, (drawn - 1) %/% n + 1)
}
