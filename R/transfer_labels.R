# Labels of reference cells for new cells, by their neighbours in an embedding.

#' Give new cells the labels of their neighbours
#'
#' Each query cell takes the label that most of its `k` nearest reference cells
#' have, near ones counting more. [map_query()] calls this; it takes the
#' embeddings of any method as well.
#'
#' A neighbour at distance d votes with weight exp(-2 (d / D)^2), where D is
#' the distance of the k-th neighbour: from 1 down to 0.14. The confidence is
#' the share of the votes that the winner has. It says how much the neighbours
#' agree, not whether they are near: a cell of a type that the reference lacks
#' may lie beside one type and be labelled with a confidence of 1. For that look
#' at the mapping quality: how many of the reference cells have their own k-th
#' neighbour at least as far away as the query cell has. In cells like those of
#' the reference it is spread over 0 to 1; near 0 the cell is in a place where
#' the reference has hardly any. Cells that a model learned from lie elsewhere
#' than cells that it never saw, mostly farther out; compare with those that it
#' did not learn from (`kept_back`) where there are any.
#'
#' Neighbours are exact (a k-d tree, [RANN::nn2()]).
#'
#' @param reference,query Numeric matrices, cells x dimensions, of the same
#'   model: one row for each reference cell and each query cell.
#' @param labels Label of each reference cell: factor, character, logical or
#'   numeric; in the order of the rows of `reference`, or named by them. Cells
#'   whose label is NA are left out.
#' @param k Number of neighbours that vote, default 15. More is steadier, and
#'   hides types with fewer cells. Where the reference has not so many cells,
#'   all vote, with a warning.
#' @param metric `"euclidean"`, the default, or `"cosine"`: by the angle between
#'   cells, whatever their lengths. Embeddings of [sailer()] and [sailerx()]
#'   want the latter, see [map_query()].
#' @param quality_metric The same for the mapping quality; `metric` by default.
#' @param kept_back Names or numbers of reference cells that the model did not
#'   learn from: the mapping quality compares query cells with these. NULL, the
#'   default, or fewer than 30 of them: with all reference cells.
#'
#' @return A list:
#' * `cells`: data frame with a row for each query cell: `predicted_label`, a
#'   factor; `predicted_confidence`, above 0 and at most 1; `mapping_quality`,
#'   from 0 to 1.
#' * `scores`: matrix, query cells x labels, of the shares of the votes; rows
#'   sum to 1.
#' @section Errors:
#' `sailer_argument_error`, naming the argument, when the embeddings differ in
#' width, are missing values, or when lengths do not fit; and when fewer than
#' two reference cells have a label.
#' @seealso [map_query()]
#' @references Cao (2023), section 2.2.3, for the embedding.
#' @examples
#' set.seed(1)
#' types <- rep(c("B", "T"), each = 50)
#' place <- function(type) cbind(3 * (type == "T"), 0) + rnorm(length(type))
#' new <- transfer_labels(place(types), types, place(c("T", "B", "B")))
#' new$cells
#' new$scores
#' @export
transfer_labels <- function(reference, labels, query, k = 15,
                            metric = c("euclidean", "cosine"),
                            quality_metric = metric, kept_back = NULL) {
  metric <- rlang::arg_match(metric)
  quality_metric <- rlang::arg_match0(quality_metric, c("euclidean", "cosine"))
  reference <- measured_matrix(reference, "reference")
  query <- query_matrix(query, ncol(reference))
  labels <- aligned_labels(labels, rownames(reference), nrow(reference))
  labelled <- !is.na(labels)
  if (sum(labelled) < 2) {
    abort("{.arg labels}: {sum(labelled)} reference cell{?s} {?has/have} a
           label; at least 2 are needed.")
  }
  held <- logical(nrow(reference))
  if (!is.null(kept_back)) {
    held[places(kept_back, nrow(reference), rownames(reference),
                "reference cell")] <- TRUE
  }
  reference <- reference[labelled, , drop = FALSE]
  near <- neighbors_in_reference(reference, query, k, metric)
  quality <- mapping_quality(
    reference, query, k, quality_metric, which(held[labelled])
  )
  votes <- count_votes(near, droplevels(labels[labelled]))
  winner <- max.col(votes, "first")
  cells <- data.frame(
    predicted_label = factor(colnames(votes)[winner], colnames(votes)),
    predicted_confidence = votes[cbind(seq_along(winner), winner)],
    mapping_quality = quality
  )
  if (!is.null(rownames(query)) && !anyDuplicated(rownames(query))) {
    rownames(cells) <- rownames(query)
  }
  rownames(votes) <- rownames(query)
  list(cells = cells, scores = votes)
}

# A single cell may be asked for, unlike in a reference.
query_matrix <- function(query, width, call = rlang::caller_env()) {
  alone <- is.matrix(query) && nrow(query) == 1
  if (alone) query <- query[c(1, 1), , drop = FALSE]
  query <- measured_matrix(query, "query", call)
  if (alone) query <- query[1, , drop = FALSE]
  if (ncol(query) != width) {
    abort(
      "{.arg query} has {ncol(query)} dimension{?s}, but {.arg reference} has
       {width}: they must come from one model.",
      call = call
    )
  }
  query
}

# One label for each reference cell as a factor, in their order; NA for cells
# that named labels lack.
aligned_labels <- function(labels, cells, n_cells,
                           call = rlang::caller_env()) {
  labels <- match_cells(
    labels, cells, "labels", call, table = FALSE, partial = TRUE, n = n_cells
  )
  labels <- column_in_utf8(list(name = "labels", values = labels), call)$values
  factor(label_text(labels), label_levels(labels))
}

# The k nearest reference cells of each query cell, nearest first: `index` and
# `distance`, query cells x k.
neighbors_in_reference <- function(reference, query, k, metric,
                                   call = rlang::caller_env()) {
  check_number(k, min = 1, whole = TRUE, call = call)
  k <- lowered(k, "k", nrow(reference), "the number of reference cells")
  if (metric == "cosine") {
    reference <- unit_rows(reference)
    query <- unit_rows(query)
  }
  found <- RANN::nn2(reference, query, k)
  list(index = found$nn.idx, distance = found$nn.dists)
}

# The share of reference cells, those kept back where there are enough, whose
# own k-th neighbour is at least as far away as that of each query cell.
mapping_quality <- function(reference, query, k, metric, kept_back) {
  k <- min(k, nrow(reference) - 1)
  if (metric == "cosine") reference <- unit_rows(reference)
  distance <- neighbors_in_reference(reference, query, k, metric)$distance
  own <- own_distances(reference, k, kept_back)
  1 - findInterval(distance[, k], own, left.open = TRUE) / length(own)
}

# Distances of reference cells to their k-th other cell, rising: of those kept
# back where they are enough. A quantile needs no more than some thousands.
own_distances <- function(reference, k, kept_back, least = 30, most = 5000) {
  rows <- if (length(kept_back) < least) seq_len(nrow(reference)) else kept_back
  if (length(rows) > most) {
    rows <- rows[round(seq(1, length(rows), length.out = most))]
  }
  # The cell itself is among the k + 1 nearest, at distance 0.
  found <- RANN::nn2(reference, reference[rows, , drop = FALSE], k + 1)
  sort(found$nn.dists[, k + 1])
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
