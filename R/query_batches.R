# Finds the batch of the model that new cells are nearest to, and learns a batch
# input for them, which replaces the one-hot code when their counts are decoded.

query_cells_least <- 20

# Returns list(batches = data frame, one row per query batch; likelihoods =
# query batches x known batches; fit = the fit with the learned batches, or
# NULL); NULL for a model without batches. `query` is the result of
# query_cells(); `labels` and `covariates` are those of its cells.
query_batches <- function(fit, query, labels, covariates, adapt, column, steps,
                          seed) {
  check_flag(adapt)
  column <- batch_column(fit, column, adapt)
  if (is.null(column)) {
    return(NULL)
  }
  levels <- rownames(level_vectors(fit, column))
  covariates <- query_covariates(fit, column, covariates)
  results <- lapply(stats::setNames(nm = unique(labels)), function(name) {
    # A batch of this name that was learned for an earlier query is learned
    # again.
    learned <- adapt && !name %in% fit$labels[[column]]
    judge_batch(
      fit, query, which(labels == name), covariates, column,
      if (learned) setdiff(levels, name) else levels, name, adapt, steps, seed
    )
  })
  of_each <- function(what, type) vapply(results, what, type, USE.NAMES = FALSE)
  batches <- data.frame(
    batch = names(results),
    n_cells = of_each(function(x) x$n_cells, 1L),
    known = of_each(function(x) x$is_known, NA),
    nearest = of_each(function(x) names(which.max(x$likelihoods)), ""),
    log_likelihood = of_each(function(x) max(x$likelihoods), 1),
    adapted_log_likelihood = of_each(function(x) x$adapted %||% NA_real_, 1)
  )
  note(as_literal(batch_lines(batches)))
  learned <- lapply(results, function(x) x$vector)
  learned <- learned[lengths(learned) > 0]
  if (adapt) fit$extra_batches[names(learned)] <- learned
  likelihoods <- t(vapply(
    results, function(x) x$likelihoods[levels], numeric(length(levels))
  ))
  dimnames(likelihoods) <- list(names(results), levels)
  list(batches = batches, likelihoods = likelihoods, fit = if (adapt) fit)
}

# One line per batch of a query, for notes and print().
batch_lines <- function(batches) {
  adapted <- batches$adapted_log_likelihood
  sprintf(
    "Batch \"%s\" is most similar to \"%s\": %.2f nats per cell%s.",
    batches$batch, batches$nearest, batches$log_likelihood,
    ifelse(is.na(adapted), "", sprintf(", adapted %.2f", adapted))
  )
}

# Returns the label whose one-hot code is the batch input: the one named, or
# else the first of the fit. NULL if the model has none.
batch_column <- function(fit, column, adapt) {
  columns <- batch_labels(fit)
  if (!is.null(column)) {
    check_choice(column, columns, "batch column", "batch_column", "the model")
    return(column)
  }
  abort_if(length(columns) == 0 && adapt, c(
    "{.code adapt = TRUE} needs a model that was trained on several batches;
     this one has no batch input that could be learned.",
    i = "Leave {.arg adapt} out: the embedding is the same."
  ))
  if (length(columns) == 0) NULL else columns[1]
}

# Returns list(labels, numbers), as encode_confounders() takes them. `columns`:
# from as_columns().
query_covariates <- function(fit, column, columns) {
  check_known(
    names(columns), c(setdiff(names(fit$labels), column), fit$numbers),
    "covariate", "covariates", "the model"
  )
  number <- names(columns) %in% fit$numbers
  list(
    labels = lapply(columns[!number], label_text),
    numbers = Map(function(name, values) {
      as_number(name, values)$values
    }, names(columns)[number], columns[number])
  )
}

# Index, from 1, of the first column of a label among the confounders.
first_column <- function(fit, column) {
  before <- match(column, names(fit$labels)) - 1
  2 + sum(lengths(fit$labels[seq_len(before)]))
}

# Returns the likelihood of the cells of one query batch under each known batch
# and, if `adapt`, the batch input learned for them.
judge_batch <- function(fit, query, cells, covariates, column, known, name,
                        adapt, steps, seed) {
  is_new <- !name %in% known
  learns <- adapt && is_new
  if (learns && length(cells) < query_cells_least) {
    abort("{.code adapt = TRUE} needs at least {query_cells_least} cells per
           batch; {.val {name}} has {length(cells)}.", class = "data")
  }
  # Random cells to judge by and, if a batch is learned, others to learn from:
  # enough for a mean log-likelihood accurate to a fraction of a nat.
  drawn <- with_own_seed(seed, cells[sample.int(length(cells))])
  n <- min(if (learns) ceiling(length(cells) / 4) else length(cells), 1000)
  parts <- list(
    learned = if (learns) utils::head(drawn[-seq_len(n)], 2000),
    judged = drawn[seq_len(n)]
  )
  rows <- unlist(parts, use.names = FALSE)
  encoded <- encode_confounders(
    fit, length(rows), query$depth[rows], lapply(covariates$labels, `[`, rows),
    lapply(covariates$numbers, `[`, rows)
  )
  # The cells are read repeatedly, in any order, so they are stored.
  source <- core_scan(query$cells[, rows]$source, folder = tempdir())$store
  judged <- length(parts$learned) + seq_along(parts$judged)
  vectors <- level_vectors(fit, column)[known, , drop = FALSE]
  first <- first_column(fit, column)
  likelihood <- function(cells, vectors) {
    with_threads(fit$control$threads, core_sailer_likelihood(
      fit_model(fit), source, encoded, cells, first, vectors
    ))
  }
  out <- list(
    is_known = !is_new, n_cells = length(cells),
    likelihoods = stats::setNames(likelihood(judged, vectors), known)
  )
  if (learns) {
    # Starts at the batch nearest to the cells learned from: the held-out cells
    # only judge the result.
    start <- which.max(likelihood(seq_along(parts$learned), vectors))
    learned <- with_threads(fit$control$threads, core_sailer_adapt(
      fit_model(fit), source, encoded, seq_along(parts$learned), judged, first,
      vectors[start, ], list(seed = seed, steps = steps)
    ))
    out$vector <- structure(learned$vector, column = column)
    out$adapted <- learned$likelihood
  }
  out
}
