# Mapping of one donor onto a model of the other:
#
#   Rscript inst/benchmarks/map.R [options of sailer() as R]
#
# bone_marrow_atac (below SAILER_DATA, default ../shared/data): SAILER and LSI
# are fitted to the cells of one donor. Those of the other are projected and
# labelled by their 15 nearest neighbours. Both donors serve as the reference in
# turn. LSI uses the idf and the singular vectors of the reference. Prints
# accuracy and balanced accuracy (mean recall over types) for query cells of
# types that the reference contains, accuracy by confidence, and the mapping
# quality of a cell type held out from training.
#
# mouse_cortex_multiome: one batch is mapped onto a model of the others. Prints
# the log-likelihood of its cells held out from adaptation, with the nearest
# known batch and with the adapted one.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))

# LSI of `counts` and a function that projects other cells, both without the
# first component, which reflects depth. See lsi().
lsi_model <- function(counts, n, logarithm) {
  open <- function(x) methods::as(x > 0, "dMatrix")
  idf <- ncol(counts) / pmax(1, Matrix::rowSums(open(counts)))
  weigh <- function(x) {
    tf <- open(x) %*% Matrix::Diagonal(x = 1 / Matrix::colSums(x > 0))
    out <- Matrix::Diagonal(x = if (logarithm) idf else log1p(idf)) %*% tf
    if (logarithm) out@x <- log1p(out@x * 1e4)
    Matrix::t(out)
  }
  set.seed(1)
  v <- irlba::irlba(weigh(counts), nv = n + 1)$v[, -1]
  project <- function(x) as.matrix(weigh(x) %*% v)
  list(reference = project(counts), project = project)
}

accuracies <- function(predicted, truth, known) {
  right <- as.character(predicted) == truth
  seen <- truth %in% known
  c(
    accuracy = mean(right[seen]),
    balanced = mean(tapply(right[seen], truth[seen], mean)),
    all_cells = mean(right)
  )
}

by_confidence <- function(cells, truth) {
  bin <- cut(cells$predicted_confidence, c(0, 0.5, 0.7, 0.9, 0.999, 1))
  right <- as.character(cells$predicted_label) == truth
  data.frame(
    confidence = levels(bin), cells = as.vector(table(bin)),
    mean_confidence = as.vector(tapply(cells$predicted_confidence, bin, mean)),
    accuracy = as.vector(tapply(right, bin, mean))
  )
}

# Probability that a `positive` cell has a lower value than another one.
auc_low <- function(values, positive) {
  ranks <- rank(-values)
  n <- sum(positive)
  (sum(ranks[positive]) - n * (n + 1) / 2) / (n * sum(!positive))
}

quiet <- function(code) suppressMessages(code, classes = "sailer_note")

map_donor <- function(data, from, options) {
  types <- as.character(data$cells$cell_type)
  old <- data$cells$batch == from
  train <- data$counts[, old]
  # LSI below uses the peaks that this model keeps.
  time <- system.time(fit <- do.call(sailer, c(list(train), options)))
  map_time <- system.time(
    query <- quiet(map_query(fit, data$counts[, !old], labels = types[old]))
  )
  truth <- types[!old]
  rows <- list(SAILER = accuracies(
    query$cells$predicted_label, truth, types[old]
  ))
  for (n in c(16, 30)) for (logarithm in c(TRUE, FALSE)) {
    linear <- lsi_model(train[fit$peaks, ], n, logarithm)
    placed <- linear$project(data$counts[fit$peaks, !old])
    for (unit in c(FALSE, TRUE)) {
      scaled <- if (unit) unit_rows else identity
      found <- sailer:::transfer_labels(
        scaled(linear$reference), types[old], scaled(placed)
      )
      name <- paste("LSI", n, if (logarithm) "log", if (unit) "unit")
      rows[[name]] <- accuracies(
        found$cells$predicted_label, truth, types[old]
      )
    }
  }
  cat(
    "\nTrained on ", from, " (", sum(old), " cells, ",
    round(time[["elapsed"]]), " s), mapped: ", sum(!old), " cells in ",
    round(map_time[["elapsed"]], 1), " s\n",
    sep = ""
  )
  print(round(do.call(rbind, rows), 3))
  cat("\nAccuracy by confidence\n")
  print(by_confidence(query$cells, truth), digits = 3, row.names = FALSE)
  cat("\nQuery cells of types that", from, "does not contain:",
      sum(!truth %in% types[old]), "of", length(truth), "\n")
  cat("Quantiles of mapping quality:",
      round(stats::quantile(query$cells$mapping_quality), 3), "\n")
  invisible(fit)
}

# Does mapping quality identify cells of a type held out from training?
map_without <- function(data, from, type, options) {
  types <- as.character(data$cells$cell_type)
  old <- data$cells$batch == from & types != type
  new <- data$cells$batch != from
  fit <- do.call(sailer, c(list(data$counts[, old]), options))
  query <- quiet(map_query(fit, data$counts[, new], labels = types[old]))
  absent <- types[new] == type
  data.frame(
    without = type, cells = sum(absent),
    quality_of_its_cells = stats::median(query$cells$mapping_quality[absent]),
    quality_of_others = stats::median(query$cells$mapping_quality[!absent]),
    auc_quality = auc_low(query$cells$mapping_quality, absent),
    auc_confidence = auc_low(query$cells$predicted_confidence, absent)
  )
}

# Maps one batch onto a model of the others, adapting to half of its cells.
adapt_batch <- function(data, batch, options) {
  old <- data$cells$batch != batch
  fit <- do.call(sailer, c(
    list(data$counts[, old], batch = data$cells$batch[old]), options
  ))
  own <- which(!old)
  first <- own[seq_along(own) %% 2 == 0]
  time <- system.time(query <- quiet(map_query(
    fit, data$counts[, first], batch = batch, adapt = TRUE, min_matched = 0.3,
    drop_empty = TRUE
  )))
  others <- quiet(map_query(
    query$fit, data$counts[, setdiff(own, first)],
    batch = "others", drop_empty = TRUE
  ))
  known <- others$likelihoods[1, fit$labels$batch]
  data.frame(
    batch = batch, cells = length(own), nearest = names(which.max(known)),
    farthest = min(known), likelihood = max(known),
    adapted = others$likelihoods[1, batch], seconds = time[["elapsed"]]
  )
}

if (sys.nframe() == 0) {
  options <- eval(parse(text = paste0(
    "list(", paste(commandArgs(TRUE), collapse = ", "), ")"
  )))
  if (is.null(options$control)) {
    options$control <- train_control(verbose = FALSE)
  }
  marrow <- read_atac("bone_marrow_atac")
  donors <- unique(marrow$cells$batch)
  for (donor in donors) map_donor(marrow, donor, options)
  large <- names(which.max(table(marrow$cells$batch)))
  cat("\nTrained on ", large, " with one type held out\n", sep = "")
  rows <- lapply(c("17_B", "25_NK"), function(type) {
    map_without(marrow, large, type, options)
  })
  print(do.call(rbind, rows), digits = 3, row.names = FALSE)
  cortex <- read_atac("mouse_cortex_multiome")
  batches <- unique(cortex$cells$batch)
  cat("\nLog-likelihood of held-out cells, nats per cell\n")
  rows <- lapply(batches[1:2], function(batch) {
    adapt_batch(cortex, batch, c(list(min_fraction = 0.002), options))
  })
  print(do.call(rbind, rows), digits = 6, row.names = FALSE)
}
