# Labels of reference cells for new cells, by their neighbours in an embedding.

# Each query cell takes the label that most of its `k` nearest reference cells
# have, near ones counting more: a neighbour at distance d votes with weight
# exp(-2 (d / D)^2), where D is the distance of the k-th neighbour, from 1 down
# to 0.14. `labels`: one for each row of `reference`, NA for cells that do not
# vote. Returns list(cells = data frame with a row for each query cell:
# predicted_label and predicted_confidence (the share of the votes that the
# winner has); scores = query cells x labels, the shares of the votes).
transfer_labels <- function(reference, labels, query, k = 15) {
  labels <- labels_in_utf8(labels, "labels")
  labels <- factor(label_text(labels), label_levels(labels))
  labelled <- !is.na(labels)
  if (sum(labelled) < 2) {
    abort("{.arg labels}: {sum(labelled)} reference cell{?s} {?has/have} a
           label; at least 2 are needed.")
  }
  reference <- reference[labelled, , drop = FALSE]
  near <- neighbors_in_reference(reference, query, k)
  votes <- count_votes(near, droplevels(labels[labelled]))
  winner <- max.col(votes, "first")
  cells <- data.frame(
    predicted_label = factor(colnames(votes)[winner], colnames(votes)),
    predicted_confidence = votes[cbind(seq_along(winner), winner)]
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

# The share of the model's held-out points whose own k-th neighbour among them
# is at least as far away as that of each query cell: in cells like them it is
# spread over 0 to 1; near 0 the cell is in a place where there are hardly any.
# Cells that a model learned from lie elsewhere than cells that it never saw,
# mostly farther out. Posterior means of cells of an unknown type are often
# shorter, so their length counts, but for SAILERX, whose alignment leaves
# lengths free. NA where the model has too few points.
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
