# What differential_accessibility() passes to the core (core/models/contrast.h):
# two groups of cells as points in latent space, the confounders at which the
# decoder is held, and the cells that it was trained on.

# Returns rows of confounders and their weights: the batches of the training
# cells, weighted by their numbers of cells, or one row if all are given.
held_confounders <- function(fit, batch, depth, covariates, n_most = 8) {
  given <- given_batches(fit, batch)
  free <- setdiff(batch_labels(fit), names(given))
  seen <- fit$level_counts$batches
  if (length(free) == 0) {
    row <- fixed_confounders(fit, batch, depth, covariates)
    return(list(values = row, shares = 1))
  }
  group <- interaction(seen[free], drop = TRUE, lex.order = TRUE)
  count <- sort(c(tapply(seen$n_cells, group, sum)), decreasing = TRUE)
  count <- utils::head(count, n_most)
  rows <- lapply(match(names(count), group), function(k) {
    levels <- lapply(stats::setNames(nm = free), function(name) {
      fit$labels[[name]][seen[[name]][k]]
    })
    fixed_confounders(fit, unlist(c(given, levels)), depth, covariates)
  })
  list(values = do.call(rbind, rows), shares = as.numeric(count) / sum(count))
}

# Returns cells from which the decoder learned, at most `n_most` of each kind
# (`kinds`: 1, 2 or 0 for each of `cells`), clustered within their kind. They
# are the training cells if the fit has them, otherwise cells of the object.
training_cells <- function(held, cells, kinds, reference = NULL, n_most = 2000,
                           n_clusters = 6) {
  fit <- held$fit
  if (!is.null(fit$embedding)) {
    kinds <- kinds[match(fit$cells, cells)]
    kinds[is.na(kinds)] <- 0
    cells <- fit$cells
  }
  seen <- which(!cells %in% fit$validation_cells)
  kinds <- split(seen, kinds[seen])
  rows <- lapply(kinds, function(rows) {
    if (length(rows) > n_most) sort(sample(rows, n_most)) else rows
  })
  taken <- cells[unlist(rows, use.names = FALSE)]
  z <- if (!is.null(fit$embedding)) {
    fit$embedding[taken, , drop = FALSE]
  } else {
    input_points(held, taken, reference)
  }
  of_kind <- rep(seq_along(rows), lengths(rows))
  clusters <- integer()
  for (kind in seq_along(rows)) {
    codes <- cluster_cells(z[of_kind == kind, , drop = FALSE], n_clusters)
    clusters <- c(clusters, max(0L, clusters) + codes)
  }
  list(
    z = unname(z), confounders = own_confounders(held, taken),
    weights = rep(lengths(kinds) / lengths(rows), lengths(rows)),
    clusters = clusters, n_clusters = max(clusters)
  )
}

# Returns the confounders of cells as the decoder sees them, with numeric
# covariates at their means.
own_confounders <- function(held, cells) {
  fit <- held$fit
  if (!is.null(fit$embedding)) {
    at <- match(cells, fit$cells)
    labels <- Map(
      function(levels, codes) levels[codes[at]], fit$labels, fit$codes
    )
    return(encode_confounders(fit, length(cells), fit$depth[cells], labels))
  }
  table <- held$input$table
  at <- match(cells, held$input$names)
  known <- intersect(names(fit$labels), names(table))
  labels <- lapply(table[known], function(column) label_text(column[at]))
  encode_confounders(fit, length(cells), input_depth(held, cells), labels)
}

cluster_cells <- function(z, n_clusters) {
  n <- min(n_clusters, nrow(z) %/% 10)
  if (n < 2 || nrow(unique(z)) <= n) {
    return(rep(1L, nrow(z)))
  }
  found <- suppressWarnings(stats::kmeans(z, n, iter.max = 25))
  as.integer(factor(found$cluster))
}

# Returns points for the cells `rows` of `posterior`: samples, or just the mean.
latent_points <- function(posterior, rows, n_samples) {
  mean <- posterior$mean[rows, , drop = FALSE]
  if (is.null(posterior$log_variance)) {
    return(unname(mean))
  }
  spread <- exp(0.5 * posterior$log_variance[rows, , drop = FALSE])
  samples <- lapply(seq_len(n_samples), function(k) {
    mean + spread * stats::rnorm(length(mean))
  })
  unname(do.call(rbind, samples))
}
