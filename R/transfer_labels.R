# Transfers labels of reference cells to new cells, by neighbours in an
# embedding.

# Gives each query cell the label with the most votes among its `k` nearest
# reference cells. A neighbour at distance d votes with the weight exp(-2 (d /
# D)^2), where D is the distance of the k-th neighbour: from 1 down to 0.14.
# `labels`: one for each row of `reference`, NA for cells that do not vote.
# Returns list(cells = data frame with one row per query cell: predicted_label
# and predicted_confidence (the share of the votes that the winner has); scores
# = query cells x labels, the shares of the votes).
transfer_labels <- function(reference, labels, query, k = 15) {
  labels <- labels_in_utf8(labels, "labels")
  labels <- factor(label_text(labels), label_levels(labels))
  labelled <- !is.na(labels)
  if (sum(labelled) < 2) {
    abort("{.arg labels}: {sum(labelled)} reference cell{?s} {?has/have} a
           label; at least 2 are needed.")
  }
  labels <- droplevels(labels[labelled])
  check_number(k, min = 1, whole = TRUE)
  k <- lowered(k, "k", length(labels), "the number of reference cells")
  near <- RANN::nn2(reference[labelled, , drop = FALSE], query, k)
  farthest <- near$nn.dists[, k]
  weight <- exp(-2 * (near$nn.dists / ifelse(farthest > 0, farthest, 1))^2)
  votes <- vapply(levels(labels), function(level) {
    rowSums(weight * (labels[near$nn.idx] == level))
  }, numeric(nrow(query)))
  scores <- matrix(
    votes / rowSums(weight), nrow(query),
    dimnames = list(rownames(query), levels(labels))
  )
  winner <- max.col(scores, "first")
  cells <- data.frame(
    predicted_label = factor(levels(labels)[winner], levels(labels)),
    predicted_confidence = scores[cbind(seq_along(winner), winner)],
    row.names = rownames(query)
  )
  list(cells = cells, scores = scores)
}

# Returns, for each query cell, the share of the model's held-out points whose
# own k-th neighbour among them is at least as far away as that of the query
# cell. For cells like the held-out ones it is spread over 0 to 1; near 0, the
# cell is where there are hardly any. Training cells would not do: they lie
# elsewhere than cells that the model never saw, mostly farther out. Posterior
# means of cells of an unknown type are often shorter, so their length counts,
# except for SAILERX, whose alignment leaves lengths free. NA if the model has
# too few points.
mapping_quality <- function(fit, means, k = 5) {
  points <- fit$held_out
  if (NROW(points) <= k) {
    return(rep(NA_real_, nrow(means)))
  }
  if (inherits(fit, "sailerx_fit")) {
    points <- unit_rows(points)
    means <- unit_rows(means)
  }
  # The first neighbour of a point is the point itself.
  own <- sort(RANN::nn2(points, k = k + 1)$nn.dists[, k + 1])
  found <- RANN::nn2(points, means, k)$nn.dists[, k]
  1 - findInterval(found, own, left.open = TRUE) / length(own)
}
