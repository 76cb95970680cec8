# The measures that tune_path() takes of each fit.

# Returns the measures of a fit, named. All are NA if training diverged (`fit`
# is NULL); expressions that use the fit are then never evaluated.
measure_fit <- function(fit, judges) {
  known <- function(value) if (is.null(fit)) NA_real_ else value
  values <- known(embedding(fit))
  kept <- known(fit$history[max(1, fit$best_epoch), ])
  confounders <- c(list(depth = known(log(fit$depth))), judges$confounders)
  information <- lapply(confounders, function(confounder) {
    known(mutual_information(values, confounder)$mean)
  })
  # A covariate may also be named depth.
  names(information) <- make.unique(paste0("mi_", names(confounders)))
  columns <- c(
    if (judges$guided) c("alignment", "validation_alignment"),
    "validation_elbo", "validation_log_likelihood"
  )
  row <- c(
    list(mutual_information = sum(unlist(information))), information,
    if (length(judges$batches) > 0) {
      list(ilisi = known(mean_ilisi(values, judges$batches)))
    },
    lapply(stats::setNames(nm = columns), function(name) known(kept[[name]])),
    list(
      epochs = known(as.numeric(fit$best_epoch)),
      seconds = known(sum(fit$history$seconds))
    )
  )
  types <- judges$labels
  if (is.null(types)) {
    return(row)
  }
  cluster <- known(find_clusters(
    values, judges$clustering, nlevels(types), judges$resolution
  ))
  with_label <- !is.na(types)
  agree <- function(measure) {
    known(measure(cluster[with_label], types[with_label]))
  }
  c(row, list(
    clusters = known(length(unique(cluster))), ari = agree(adjusted_rand_index),
    nmi = agree(normalized_mutual_information)
  ))
}

# How well the levels of labels mix: iLISI, averaged over the labels.
mean_ilisi <- function(embedding, labels) {
  n_cells <- nrow(embedding)
  mean(vapply(labels, function(label) {
    mixing <- batch_mixing(
      embedding, label, k = min(50, n_cells - 1),
      perplexity = min(30, floor(n_cells / 3))
    )
    mixing$summary[["ilisi"]]
  }, 0))
}

# The entropy of the labels, in nats: the most that an embedding can tell about
# them.
label_entropy <- function(labels) {
  sum(vapply(labels, function(label) {
    share <- tabulate(label) / length(label)
    -sum(share[share > 0] * log(share[share > 0]))
  }, 0))
}

# The confounders other than depth: a named list of factors and numbers.
confounder_values <- function(cells, batch, covariates) {
  # The first fit reports the notes.
  known <- with_notes(FALSE, collect_confounders(
    samples_as_batches(cells, batch), covariates, cells$cells
  ))
  labels <- lapply(known$labels, function(label) {
    factor(label$codes, seq_len(label$n_levels), label$levels)
  })
  numbers <- lapply(known$numbers, function(number) number$values)
  stats::setNames(
    c(labels, numbers), column_names(c(known$labels, known$numbers))
  )
}

# Returns a factor in the order of the cells, with NA for cells to leave out.
tune_labels <- function(labels, cells, n_cells) {
  if (is.null(labels)) {
    return(NULL)
  }
  labels <- match_cells(labels, cells, "labels", table = FALSE, n = n_cells)
  labels <- droplevels(as.factor(labels))
  if (nlevels(labels) < 2) {
    abort("{.arg labels} must have at least two classes, not
           {nlevels(labels)}.")
  }
  labels
}

# Returns the cluster of each cell; every call uses the same random numbers.
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
