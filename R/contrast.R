# What differential_accessibility() hands to the core: two groups of cells as
# points of the latent space, what the decoder is held at, and the cells that it
# was trained on (core/models/contrast.h).

# Rows of confounders and their shares: the batches of the training cells, as
# often as they have cells, unless all of them are given.
held_confounders <- function(fit, batch, depth, covariates, n_most = 8,
                             call = rlang::caller_env()) {
  given <- given_batches(fit, batch, call)
  for (name in names(given)) {
    given[[name]] <- check_level(fit, name, given[[name]], call)
  }
  free <- setdiff(batch_labels(fit), names(given))
  if (length(free) == 0 || is.null(fit$codes)) {
    row <- fixed_confounders(fit, batch, depth, covariates, call)
    return(list(values = row, shares = 1))
  }
  levels <- lapply(stats::setNames(nm = free), function(name) {
    fit$labels[[name]][fit$codes[[name]]]
  })
  known <- as.data.frame(levels, optional = TRUE)
  found <- interaction(known, drop = TRUE, lex.order = TRUE)
  count <- sort(table(found), decreasing = TRUE)
  count <- utils::head(count, n_most)
  rows <- lapply(match(names(count), found), function(cell) {
    chosen <- c(given, lapply(known, function(column) column[cell]))
    fixed_confounders(fit, unlist(chosen), depth, covariates, call)
  })
  list(
    values = do.call(rbind, rows), shares = as.numeric(count) / sum(count)
  )
}

# The confounders of training cells as they were in training. Values of numeric
# covariates are not kept: they stand at their mean. Fits of before the levels
# were kept stand between all of them.
own_confounders <- function(fit, rows) {
  scaling <- fit$scaling$log_depth
  depth <- (log(fit$depth[rows]) - scaling[["mean"]]) / scaling[["sd"]]
  labels <- lapply(names(fit$labels), function(name) {
    n <- length(fit$labels[[name]])
    if (is.null(fit$codes)) {
      return(matrix(1 / n, length(rows), n))
    }
    outer(fit$codes[[name]][rows], seq_len(n), "==") + 0
  })
  numbers <- matrix(0, length(rows), length(fit$numbers))
  unname(do.call(cbind, c(list(depth), labels, list(numbers))))
}

# The cells from which the decoder learned, at most `n_most` of each kind
# (`group` is 1, 2 or 0 for each cell of the fit), in clusters of their kind.
training_cells <- function(fit, group, n_most = 2000, n_clusters = 6,
                           call = rlang::caller_env()) {
  embedded <- embedding_of(fit, call)
  seen <- which(!fit$cells %in% fit$validation_cells)
  kinds <- split(seen, group[seen])
  rows <- lapply(kinds, function(cells) {
    if (length(cells) > n_most) sort(sample(cells, n_most)) else cells
  })
  weights <- rep(lengths(kinds) / lengths(rows), lengths(rows))
  clusters <- integer()
  for (cells in rows) {
    codes <- cluster_cells(embedded[cells, , drop = FALSE], n_clusters)
    clusters <- c(clusters, max(0L, clusters) + codes)
  }
  rows <- unlist(rows, use.names = FALSE)
  list(
    z = unname(embedded[rows, , drop = FALSE]),
    confounders = own_confounders(fit, rows), weights = as.numeric(weights),
    clusters = clusters, n_clusters = max(clusters)
  )
}

embedding_of <- function(fit, call) {
  if (is.null(fit$embedding)) {
    abort(
      c(
        "The cells of this fit were not embedded: its training was
         interrupted.",
        i = "Go on with it by {.code resume(fit, x)} first."
      ),
      call = call
    )
  }
  fit$embedding
}

cluster_cells <- function(z, n_clusters) {
  n <- min(n_clusters, nrow(z) %/% 10)
  if (n < 2 || nrow(unique(z)) <= n) {
    return(rep(1L, nrow(z)))
  }
  found <- suppressWarnings(stats::kmeans(z, n, iter.max = 25))
  as.integer(factor(found$cluster))
}

# Points for the cells `rows` of `posterior`, samples of each or its mean.
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

# One value per cell, named by cell or in their order; NA is allowed.
per_cell <- function(values, cells, arg, call = rlang::caller_env()) {
  values <- written_out(values)
  if (!is.atomic(values) || is.null(values)) {
    abort(
      "{.arg {arg}} must be a vector with one value per cell, not
       {.obj_type_friendly {values}}.",
      call = call
    )
  }
  names <- names(values)
  values <- if (is.factor(values)) as.character(values) else unname(values)
  if (!is.null(names) && all(cells %in% names)) {
    return(values[match(cells, names)])
  }
  if (length(values) != length(cells)) {
    abort(
      c(
        "{.arg {arg}} has {length(values)} value{?s}, but there are
         {length(cells)} cells.",
        i = "Give one value per cell, in the order of the cells or named by
             cell; NA leaves a cell out."
      ),
      call = call
    )
  }
  values
}
