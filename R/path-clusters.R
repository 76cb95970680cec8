# Clusters of the embeddings along a path, compared with known classes.

choose_clustering <- function(clustering, call = rlang::caller_env()) {
  if (is.null(clustering)) {
    known <- requireNamespace("igraph", quietly = TRUE)
    return(if (known) "leiden" else "kmeans")
  }
  if (!rlang::is_string(clustering, c("kmeans", "leiden"))) {
    abort(
      '{.arg clustering} must be "kmeans" or "leiden",
       not {.val {clustering}}.',
      call = call
    )
  }
  if (clustering == "leiden") {
    need_package("igraph", "for Leiden clusters", call)
  }
  clustering
}

# A factor in the order of the cells, with NA for cells to leave out.
path_labels <- function(labels, cells, n_cells, call = rlang::caller_env()) {
  if (is.null(labels)) {
    return(NULL)
  }
  labels <- written_out(labels)
  named <- !is.null(names(labels)) && !is.null(cells) &&
    all(cells %in% names(labels))
  if (named) labels <- labels[match(cells, names(labels))]
  measured_length(labels, n_cells, "labels", "cell", call)
  labels <- droplevels(as.factor(labels))
  if (nlevels(labels) < 2) {
    abort(
      "{.arg labels} must have at least two classes, not {nlevels(labels)}.",
      call = call
    )
  }
  labels
}

# Number of clusters and their agreement with the labels, NA without a fit.
# NULL without labels.
cluster_columns <- function(fit, labels, clustering, resolution) {
  if (is.null(labels)) {
    return(NULL)
  }
  cluster <- if (!is.null(fit)) {
    find_clusters(fit$embedding, clustering, nlevels(labels), resolution)
  }
  known <- !is.na(labels)
  compare <- function(measure) {
    if (is.null(fit)) NA_real_ else measure(cluster[known], labels[known])
  }
  data.frame(
    clusters = if (is.null(fit)) NA_integer_ else length(unique(cluster)),
    adjusted_rand_index = compare(adjusted_rand_index),
    normalized_mutual_information = compare(normalized_mutual_information)
  )
}

# The cluster of each cell, by the same random numbers whenever it is called.
find_clusters <- function(embedding, clustering, n_classes, resolution,
                          neighbors = 15) {
  if (clustering == "kmeans") {
    return(with_own_seed(1, stats::kmeans(
      embedding, min(n_classes, nrow(embedding) - 1),
      iter.max = 100, nstart = 10
    ))$cluster)
  }
  near <- nearest_neighbors(embedding, min(neighbors, nrow(embedding) - 1))
  graph <- igraph::make_graph(
    rbind(c(col(near$index)), c(near$index) + 1),
    n = nrow(embedding), directed = FALSE
  )
  graph <- igraph::simplify(graph)
  options <- list(objective_function = "modularity", n_iterations = 10)
  options[[argument_name(
    igraph::cluster_leiden, "resolution", "resolution_parameter"
  )]] <- resolution
  with_own_seed(1, igraph::membership(
    do.call(igraph::cluster_leiden, c(list(graph), options))
  ))
}
