quiet <- function(code) suppressMessages(code, classes = "sailer_note")

# Three batches with their own effects; the third one is the query.
sim <- simulate_atac(
  n_cells = 600, n_peaks = 400, n_types = 3, n_batches = 3, rare = NULL,
  depth = 80, batch_effect = 0.8, type_specific = 0.25, seed = 21
)
old <- sim$cells$batch != "batch3"
types <- sim$cells$cell_type
fit <- quick_fit(
  sim$counts[, old], batch = droplevels(sim$cells$batch[old]), n_latent = 4,
  hidden = 32, control = quick(epochs = 30, learning_rate = 5e-3)
)
new <- sim$counts[, !old]

test_that("the embedding is that of predict(), with any other options", {
  query <- quiet(map_query(fit, new))
  expect_s3_class(query, "sailer_query")
  expect_equal(query$embedding, predict(fit, new))
  expect_equal(
    quiet(map_query(fit, new, batch = "batch2", labels = types[old]))$embedding,
    query$embedding
  )
  expect_identical(embedding(query), query$embedding)
  expect_equal(query$cells$depth, unname(Matrix::colSums(new[fit$peaks, ] > 0)))
  expect_null(query$fit)
  expect_null(query$scores)
  expect_identical(query$batches$batch, "query")
})

test_that("labels and quality come from the neighbours", {
  query <- quiet(map_query(fit, new, labels = types[old], k = 9))
  expected <- transfer_labels(
    embedding(fit), types[old], predict(fit, new), 9
  )
  expect_equal(query$cells[names(expected$cells)], expected$cells)
  expect_equal(query$scores, expected$scores)
  expect_gt(mean(query$cells$predicted_label == types[!old]), 0.9)
  named <- setNames(as.character(types), colnames(sim$counts))
  expect_equal(
    quiet(map_query(fit, new, labels = rev(named), k = 9))$scores, query$scores
  )
  expect_gt(median(query$cells$mapping_quality), 0.1)
  # A model without cells also gives the quality.
  without <- quiet(map_query(as_model(fit), new, k = 9))
  expect_equal(without$cells$mapping_quality, query$cells$mapping_quality)
})

test_that("a SAILERX fit can be used as well", {
  set.seed(1)
  reference <- stats::model.matrix(~ 0 + cell_type, sim$cells[old, ]) +
    rnorm(3 * sum(old), sd = 0.3)
  rownames(reference) <- colnames(sim$counts)[old]
  guided <- sailerx(
    sim$counts[, old], reference, hidden = 16, n_latent = 4, control = quick()
  )
  query <- quiet(map_query(guided, new, labels = types[old]))
  expect_equal(query$embedding, predict(guided, new))
  expected <- transfer_labels(
    embedding(guided), types[old], predict(guided, new)
  )
  expect_equal(query$scores, expected$scores)
  expect_equal(query$cells[names(expected$cells)], expected$cells)
  expect_null(query$batches)
})

# The log-likelihood from all probabilities at once, with the model's own
# tensors.
dense_likelihood <- function(fit, x, vector) {
  tensor <- function(name) {
    value <- fit$state[[name]]
    values <- readBin(value, "double", length(value) / 4, 4)
    shape <- attr(value, "shape")
    if (length(shape) == 1) {
      values
    } else {
      aperm(array(values, rev(shape)), rev(seq_along(shape)))
    }
  }
  x <- as.matrix(x[fit$peaks, ] > 0)
  scaling <- fit$scaling$log_depth
  depth <- (log(colSums(x)) - scaling[["mean"]]) / scaling[["sd"]]
  cells <- read_input(sim$counts[, colnames(x)])$counts
  input <- cbind(
    embed_counts(fit, cells), depth,
    matrix(vector, ncol(x), length(vector), byrow = TRUE)
  )
  weight <- tensor("decoder.0.weight")
  hidden <- input %*% weight[1, , ] +
    rep(tensor("decoder.0.bias"), each = nrow(input))
  of <- function(what) {
    rep(tensor(paste0("decoder.0.norm.", what)), each = nrow(input))
  }
  hidden <- (hidden - of("mean")) / sqrt(of("variance") + 1e-5) *
    of("weight") + of("bias")
  hidden <- ifelse(hidden > 0, hidden, 0.2 * hidden)
  logits <- hidden %*% t(tensor("decoder.output.weight")) +
    rep(tensor("decoder.output.bias"), each = nrow(input))
  p <- plogis(logits - log(fit$options$omega))
  mean(rowSums(t(x) * log(p) + (1 - t(x)) * log(1 - p)))
}

test_that("the nearest batch is that of the highest likelihood", {
  query <- quiet(map_query(fit, new))
  found <- query$likelihoods
  expect_identical(dimnames(found), list("query", c("batch1", "batch2")))
  expect_equal(
    found[1, "batch1"], dense_likelihood(fit, new, c(1, 0)), tolerance = 1e-5
  )
  expect_equal(
    found[1, "batch2"], dense_likelihood(fit, new, c(0, 1)), tolerance = 1e-5
  )
  expect_identical(query$batches$nearest, colnames(found)[which.max(found)])
  expect_equal(query$batches$log_likelihood, max(found))
  # For cells of a known batch, that batch is the nearest.
  own <- quiet(map_query(fit, sim$counts[, old], batch = sim$cells$batch[old]))
  expect_identical(own$batches$nearest, own$batches$batch)
  expect_true(all(own$batches$known))
  expect_equal(own$batches$n_cells, c(200, 200))
})

test_that("an adapted batch fits unseen cells and changes nothing else", {
  before <- fit$state
  seen <- seq_len(ncol(new)) <= 120
  query <- quiet(map_query(fit, new[, seen], batch = "batch3", adapt = TRUE))
  vector <- query$fit$extra_batches$batch3
  expect_length(vector, 2)
  expect_null(fit$extra_batches)
  expect_identical(fit$state, before)
  expect_identical(query$fit$state, before)
  expect_equal(predict(fit, new), predict(query$fit, new))
  model <- fit_model(fit)
  others <- new[, !seen]
  known <- sapply(
    list(c(1, 0), c(0, 1)),
    function(one_hot) dense_likelihood(fit, others, one_hot)
  )
  expect_gt(dense_likelihood(fit, others, vector), max(known) + 0.1)
  expect_gt(
    query$batches$adapted_log_likelihood, query$batches$log_likelihood
  )
  # The adapted fit contains the batch, to which these cells are nearest.
  again <- quiet(map_query(query$fit, others, batch = "other"))
  expect_identical(again$batches$nearest, "batch3")
  expect_equal(
    again$batches$log_likelihood, dense_likelihood(fit, others, vector),
    tolerance = 1e-5
  )
  # It can be saved to a file.
  path <- withr::local_tempfile(fileext = ".h5")
  save_model(query$fit, path)
  expect_equal(load_model(path)$extra_batches, query$fit$extra_batches)
})

test_that("each unknown query batch is adapted, known ones are not", {
  batch <- rep(c("a", "b", "batch1"), length.out = ncol(new))
  query <- quiet(map_query(fit, new, batch = batch, adapt = TRUE))
  expect_named(query$fit$extra_batches, c("a", "b"))
  expect_identical(query$batches$known, c(FALSE, FALSE, TRUE))
  expect_identical(
    is.na(query$batches$adapted_log_likelihood), c(FALSE, FALSE, TRUE)
  )
  same <- quiet(map_query(fit, new, batch = batch, adapt = TRUE))
  expect_identical(same$fit$extra_batches, query$fit$extra_batches)
  # Adapting again: a is learned anew, b stays the same.
  more <- quiet(map_query(
    query$fit, new[, 1:60], batch = "a", adapt = TRUE, seed = 2
  ))
  expect_identical(
    more$fit$extra_batches$b, query$fit$extra_batches$b
  )
  expect_false(identical(
    more$fit$extra_batches$a, query$fit$extra_batches$a
  ))
})

test_that("covariates enter the likelihood as in training", {
  cells <- data.frame(
    plate = rep(c("p", "q", "r"), 200), score = sin(1:600),
    row.names = colnames(sim$counts)
  )
  wide <- quick_fit(
    sim$counts[, old], batch = droplevels(sim$cells$batch[old]),
    covariates = cells[old, ], hidden = 16, n_latent = 3
  )
  given <- cells[!old, ][c(5, 2), ]
  rows <- encode_confounders(
    wide, 2, labels = list(plate = given$plate),
    numbers = list(score = given$score)
  )
  scaling <- wide$scaling$numbers[[1]]
  expect_equal(
    rows,
    unname(cbind(
      0, 0.5, 0.5, outer(given$plate, wide$labels$plate, "==") + 0,
      (given$score - scaling[["mean"]]) / scaling[["sd"]]
    ))
  )
  expect_equal(
    encode_confounders(wide, 2),
    matrix(c(0, 1, 1, 1, 1, 1, 0) / c(1, 2, 2, 3, 3, 3, 1), 2, 7, byrow = TRUE)
  )
  expect_equal(ncol(rows), wide$n_confounders)
  expect_equal(first_column(wide, "plate"), 4)
  query <- quiet(map_query(wide, new, covariates = cells[!old, ]))
  expect_identical(colnames(query$likelihoods), c("batch1", "batch2"))
  # A value that all query cells share also matters.
  same <- transform(cells[!old, ], plate = "q", score = 0.9)
  shared <- quiet(map_query(wide, new, covariates = same))
  expect_false(isTRUE(all.equal(
    shared$likelihoods, quiet(map_query(wide, new))$likelihoods
  )))
  expect_error(
    quiet(map_query(wide, new, covariates = data.frame(
      score = rep("high", 200)
    ))),
    "score", class = "sailer_data_error"
  )
  expect_error(
    quiet(map_query(wide, new, covariates = data.frame(colour = 1:200))),
    "colour", class = "sailer_argument_error"
  )
})

test_that("invalid arguments are refused by name", {
  refuse <- function(code, pattern, class = "sailer_argument_error") {
    expect_error(quiet(code), pattern, class = class)
  }
  refuse(map_query(fit), "newdata")
  refuse(map_query(fit, new, lables = types[old]), "labels")
  refuse(map_query(fit, new, labels = types), "labels")
  refuse(map_query(fit, new, labels = "cell_type"), "labels")
  refuse(map_query(fit, new, batch = c("a", "b")), "batch")
  refuse(map_query(fit, new, batch_column = "donor"), "donor")
  refuse(map_query(fit, new, min_matched = 2), "min_matched")
  refuse(map_query(fit, 1), "counts")
  refuse(map_query(list(), new), "fit")
  refuse(
    map_query(fit, new[, 1:10], adapt = TRUE), "20", "sailer_data_error"
  )
  lonely <- quick_fit(sim$counts[, old])
  refuse(map_query(lonely, new, adapt = TRUE), "adapt")
  expect_null(quiet(map_query(lonely, new))$batches)
  halted <- fit
  halted["embedding"] <- list(NULL)
  refuse(map_query(halted, new, labels = types[old]), "interrupted")
  halted["held_out"] <- list(NULL)
  expect_true(all(is.na(quiet(map_query(halted, new))$cells$mapping_quality)))
})

test_that("files, dropped cells and single cells are mapped", {
  empty <- new
  empty[, 2] <- 0
  query <- quiet(map_query(
    fit, empty, batch = rep(c("a", "b"), 100), drop_empty = TRUE
  ))
  expect_identical(query$dropped, colnames(new)[2])
  expect_identical(rownames(query$cells), colnames(new)[-2])
  expect_identical(query$cells$batch, rep(c("a", "b"), 100)[-2])
  expect_equal(query$embedding, predict(fit, new[, -2]))
  one <- quiet(map_query(fit, new[, 3, drop = FALSE], labels = types[old]))
  expect_equal(one$embedding, predict(fit, new[, 3, drop = FALSE]))
  skip_without_rhdf5()
  path <- write_tenx(new)
  expect_equal(quiet(map_query(fit, path))$embedding, predict(fit, new))
})

test_that("print shows the main results", {
  query <- quiet(map_query(
    fit, new, labels = types[old], batch = "batch3", adapt = TRUE
  ))
  text <- paste(capture.output(print(query)), collapse = "\n")
  for (part in c(
    "200 cells in 4 dimensions", "by name", "Batch .batch3. is most similar",
    "adapted", "3 labels", "mapping quality"
  )) {
    expect_match(text, part)
  }
  expect_false(withVisible(print(query))$visible)
})

test_that("a joint model places query cells by both modalities", {
  sim <- small_multiome()
  old <- colnames(sim$counts)[1:80]
  new <- colnames(sim$counts)[81:120]
  joint <- sailerx(
    sim$counts[, old], sim$pca[old, ],
    hidden = 16, n_latent = 4, control = brief_control()
  )
  map <- function(reference) {
    suppressMessages(map_query(joint, sim$counts[, new], reference = reference))
  }
  both <- map(sim$pca)
  expect_equal(
    embedding(both), predict(joint, sim$counts[, new], reference = sim$pca)
  )
  expect_equal(embedding(map(NULL)), predict(joint, sim$counts[, new]))
  expect_false(isTRUE(all.equal(embedding(both), embedding(map(NULL)))))
  # The same holds for imputation and comparisons of groups.
  imputed <- impute(
    joint, sim$counts, cells = new, peaks = joint$peaks[1:3],
    reference = sim$pca
  )
  alone <- impute(joint, sim$counts, cells = new, peaks = joint$peaks[1:3])
  expect_identical(dimnames(imputed), dimnames(alone))
  expect_false(isTRUE(all.equal(imputed, alone)))
  expect_equal(
    impute(
      joint, sim$counts[, old], peaks = joint$peaks[1:3], reference = sim$pca
    ),
    impute(joint, peaks = joint$peaks[1:3]), tolerance = 1e-5
  )
  groups <- rep(c("a", "b"), 60)
  compared <- function(...) {
    differential_accessibility(
      joint, groups, x = sim$counts, peaks = joint$peaks[1:5], ...
    )[joint$peaks[1:5], ]
  }
  expect_false(isTRUE(all.equal(
    compared(reference = sim$pca)$prob_1, compared()$prob_1
  )))
  for (wrong in list(
    function() impute(joint, reference = sim$pca),
    function() differential_accessibility(joint, groups, reference = sim$pca),
    function() map(sim$pca[, 1])
  )) {
    expect_error(wrong(), "reference", class = "sailer_argument_error")
  }
})
