# Labels of reference cells for new cells, by their neighbours in an embedding.

# Each query cell takes the label that most of its `k` nearest reference cells
# have, near ones counting more: a neighbour at distance d votes with weight
# exp(-2 (d / D)^2), where D is the distance of the k-th neighbour, from 1 down
# to 0.14. `labels`: one for each row of `reference`, NA for cells that do not
# vote. `held_out`: see mapping_quality(). Returns list(cells = data frame with
# a row for each query cell: predicted_label, predicted_confidence (the share of
# the votes that the winner has) and mapping_quality; scores = query cells x
# labels, the shares of the votes).
transfer_labels <- function(reference, labels, query, k = 15,
                            held_out = NULL) {
  labels <- labels_in_utf8(labels, "labels")
  labels <- factor(label_text(labels), label_levels(labels))
  labelled <- !is.na(labels)
  if (sum(labelled) < 2) {
    abort("{.arg labels}: {sum(labelled)} reference cell{?s} {?has/have} a
           label; at least 2 are needed.")
  }
  reference <- reference[labelled, , drop = FALSE]
  near <- neighbors_in_reference(reference, query, k)
  quality <- mapping_quality(reference, query, k, held_out)
  votes <- count_votes(near, droplevels(labels[labelled]))
  winner <- max.col(votes, "first")
  cells <- data.frame(
    predicted_label = factor(colnames(votes)[winner], colnames(votes)),
    predicted_confidence = votes[cbind(seq_along(winner), winner)],
    mapping_quality = quality
  )
  rownames(cells) <- rownames(query)
  rownames(votes) <- rownames(query)
  list(cells = cells, scores = votes)
}

# The k nearest reference cells of each query cell, nearest first: `index` and
# `distance`, query cells x k.
neighbors_in_reference <- function(reference, query, k) {
  check_number(k, min = 1, whole = TRUE)
  k <- lowered(k, "k", nrow(reference), "the number of reference cells")
  found <- RANN::nn2(reference, query, k)
  list(index = found$nn.idx, distance = found$nn.dists)
}

# The share of `held_out` points whose own k-th neighbour in the reference is at
# least as far away as that of each query cell: in cells like those of the
# reference it is spread over 0 to 1; near 0 the cell is in a place where the
# reference has hardly any. Cells that a model learned from lie elsewhere than
# cells that it never saw, mostly farther out, so points of held-out cells are
# compared with where there are enough, and else all of the reference.
mapping_quality <- function(reference, query, k, held_out) {
  k <- min(k, nrow(reference) - 1)
  if (NROW(held_out) < 30) held_out <- reference
  distance <- neighbors_in_reference(reference, query, k)$distance
  own <- own_distances(reference, held_out, k)
  1 - findInterval(distance[, k], own, left.open = TRUE) / length(own)
}

# Distances of points to their k-th reference cell, rising. Where a point is
# itself in the reference, at distance 0, that does not count. A quantile needs
# no more than some thousands.
own_distances <- function(reference, points, k, most = 5000) {
  if (nrow(points) > most) {
    rows <- round(seq(1, nrow(points), length.out = most))
    points <- points[rows, , drop = FALSE]
  }
  found <- RANN::nn2(reference, points, k + 1)$nn.dists
  inside <- found[, 1] <= 1e-6 * sqrt(rowSums(points^2))
  sort(found[cbind(seq_len(nrow(found)), k + inside)])
}

# Query cells x levels: shares of the weighted votes.
count_votes <- function(near, labels) {
  farthest <- near$distance[, ncol(near$distance)]
  weight <- exp(-2 * (near$distance / ifelse(farthest > 0, farthest, 1))^2)
  code <- matrix(as.integer(labels)[near$index], nrow(near$index))
  votes <- vapply(seq_len(nlevels(labels)), function(level) {
    rowSums(weight * (code == level))
  }, numeric(nrow(code)))
  votes <- matrix(votes, nrow(code))
  colnames(votes) <- levels(labels)
  votes / rowSums(weight)
}
