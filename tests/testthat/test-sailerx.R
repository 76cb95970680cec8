sim <- tiny_simulation()
counts <- sim$counts
batch <- sim$cells$batch
cells <- colnames(counts)
n <- length(cells)

rna <- reference_like_types(sim)
rna_depth <- stats::setNames(100 + 13 * (seq_len(n) %% 29), cells)

# The encoder is trained from the first step on and all epochs count, regardless
# of the defaults.
schedule <- list(
  epochs = 6, batch_size = 20, warmup = 1, period = 4, frozen = 0,
  learning_rate_decay = 0.995, patience = 0
)

trainx <- function(x = counts, reference = rna, ..., alignment = 1e4,
                   control = list()) {
  sailerx(x, reference,
    batch = batch, alignment = alignment, hidden = 8, n_latent = 3,
    control = do.call(quick, utils::modifyList(schedule, control)), ...
  )
}

# Everything that training determines; the clock differs between runs.
learned <- function(fit) {
  history <- fit$history
  history[c("seconds", "cells_per_second")] <- NULL
  list(fit$state, embedding(fit), history, fit$best_epoch, fit$scaling)
}

# How well similarities of the embedding agree with those of the reference.
followed <- function(fit, reference = rna) {
  cosine <- function(x) tcrossprod(x / sqrt(rowSums(x^2)))
  pairs <- lower.tri(diag(nrow(reference)))
  stats::cor(
    cosine(embedding(fit)[rownames(reference), ])[pairs],
    cosine(reference)[pairs]
  )
}

aligned <- trainx()

test_that("sailerx() refuses missing and invalid arguments", {
  expect_error(
    sailerx(counts), "reference.*missing", class = "sailer_argument_error"
  )
  expect_error(
    trainx(alignment = -1), "alignment", class = "sailer_argument_error"
  )
  expect_error(
    trainx(alignment = NA), "alignment", class = "sailer_argument_error"
  )
  expect_error(
    trainx(referense = 1), "reference", class = "sailer_argument_error"
  )
  expect_error(
    trainx(reference = rna[1, , drop = FALSE]), "1 of the 150",
    class = "sailer_data_error"
  )
})

# Training ---------------------------------------------------------------------

test_that("without alignment it is SAILER, bit for bit", {
  control <- do.call(quick, schedule)
  for (architecture in c("dense", "chromosome")) {
    hidden <- if (architecture == "dense") 8 else c(4, 3)
    plain <- sailer(counts,
      batch = batch, architecture = architecture, hidden = hidden,
      n_latent = 3, beta = 1, control = control
    )
    zero <- sailerx(counts, rna,
      rna_depth = rna_depth, batch = batch, alignment = 0,
      architecture = architecture, hidden = hidden, n_latent = 3,
      thinning = plain$options$thinning, decoder = plain$options$decoder,
      control = control
    )
    expect_identical(zero$embedding, plain$embedding)
    expect_identical(zero$state, plain$state)
    shared <- setdiff(names(plain$history), c("seconds", "cells_per_second"))
    expect_identical(zero$history[shared], plain$history[shared])
  }
  expect_setequal(
    setdiff(names(zero$history), names(plain$history)),
    c("alignment", "validation_alignment")
  )
  expect_s3_class(zero, c("sailerx_fit", "sailer_fit"), exact = TRUE)
  expect_false(identical(embedding(aligned), embedding(trainx(alignment = 0))))
})

test_that("defaults are those for cells with a reference", {
  fit <- sailerx(counts, rna, hidden = 8, control = quick(epochs = 1))
  # The 4 dimensions of the reference, plus the signal in the LSI of its cells.
  expect_true(fit$options$n_latent %in% (4 + 5:7))
  expect_equal(fit$options$thinning, c(0, 0.5))
  expect_equal(fit$options$alignment, 1e5)
  expect_true(fit$options$joint)
  expect_equal(fit$options$reference_dropout, 0.5)
  open <- setdiff(names(fit$options), "n_latent")
  expect_equal(
    core_sailer_options(list(hidden = 8), guided = TRUE)[open],
    fit$options[open]
  )
  expect_equal(core_sailer_options(list())$alignment, 0)
  expect_false(core_sailer_options(list())$joint)
  unit <- embedding(fit)
  expect_equal(unname(rowSums(unit^2)), rep(1, n))
  expect_equal(unit * sqrt(rowSums(fit$embedding^2)), fit$embedding)
})

test_that("the loss includes the weighted alignment, even in the warm-up", {
  for (alignment in c(0, 100, 1e4)) {
    epochs <- trainx(
      alignment = alignment, rna_depth = rna_depth, mixing = 0
    )$history
    # Epochs in which beta is constant.
    even <- epochs[c(1, 4, 5), ]
    expect_equal(
      even$loss,
      with(even, 2 * reconstruction + beta * (kl + marginal)) +
        alignment * even$alignment,
      tolerance = 1e-5
    )
    expect_true(all(epochs$alignment > 0))
  }
  # Without weights the warm-up is the same, later epochs are not.
  plain <- aligned$history
  weighted <- trainx(rna_depth = rna_depth)$history
  expect_identical(weighted$alignment[1], plain$alignment[1])
  expect_true(all(weighted$alignment[-1] < plain$alignment[-1]))
  none <- trainx(control = list(validation = 0))$history
  expect_true(all(is.na(none$validation_alignment)))
})

test_that("the validation alignment is that of the held-out cells", {
  for (depth in list(NULL, rna_depth)) {
    # All held-out cells are in one minibatch.
    fit <- trainx(rna_depth = depth, control = list(
      batch_size = 60, validation = 0.3
    ))
    kept <- fit$validation_cells
    expect_length(kept, 45)
    cosine <- function(x) tcrossprod(x / sqrt(rowSums(x^2)))
    training <- setdiff(seq_along(cells), match(kept, cells))
    expect_equal(
      core_training_cells(length(cells), 0.3, fit$control$seed), training
    )
    weight <- as_reference(
      rna, depth, fit$depth, cells, training = training
    )$weight
    weight <- weight[match(kept, cells)]
    term <- outer(weight, weight) *
      (cosine(rna[kept, ]) - cosine(embedding(fit)[kept, ]))^2
    expect_equal(
      utils::tail(fit$history$validation_alignment, 1), mean(term),
      tolerance = 1e-4
    )
  }
})

test_that("held-out cells without a reference do not affect the alignment", {
  kept <- aligned$validation_cells
  few <- trainx(reference = rna[setdiff(cells, kept[-1]), ])
  expect_identical(few$validation_cells, kept)
  expect_identical(few$history$validation_alignment, rep(NA_real_, 6))
  expect_true(all(few$history$alignment > 0))
  two <- trainx(reference = rna[setdiff(cells, kept[-(1:2)]), ])
  expect_false(anyNA(two$history$validation_alignment))
})

test_that("reference values of cells without a reference have no effect", {
  absent <- seq(3, n, by = 4)
  first <- rna
  first[absent, ] <- NA
  second <- rna
  second[absent, 2] <- NA
  second[absent, -2] <- 1e6 * rev(absent)
  third <- rna[rev(setdiff(seq_len(n), absent)), ]
  depth <- rna_depth
  depth[absent] <- NA
  expected <- learned(trainx(reference = first, rna_depth = depth))
  expect_identical(
    learned(trainx(reference = second, rna_depth = rna_depth)), expected
  )
  expect_identical(
    learned(trainx(reference = third, rna_depth = rev(depth))), expected
  )
  # Values of other cells do have an effect.
  first[1, ] <- -first[1, ]
  other <- trainx(reference = first, rna_depth = depth)
  expect_false(identical(other$state, expected[[1]]))
})

test_that("cells without a reference, and new cells, are embedded", {
  absent <- which(batch == levels(batch)[2])
  fit <- trainx(reference = rna[-absent, ])
  expect_identical(rownames(embedding(fit)), cells)
  expect_true(all(is.finite(embedding(fit))))
  expect_true(all(apply(embedding(fit)[absent, ], 2, sd) > 0))
  expect_equal(
    predict(fit, counts[, absent]), embedding(fit)[absent, ],
    tolerance = 1e-5
  )
})

test_that("more alignment brings the embedding closer to the reference", {
  weights <- c(0, 3, 1e3)
  fits <- lapply(weights, function(alignment) {
    trainx(alignment = alignment, control = list(
      epochs = 60, warmup = 5, period = 55, learning_rate = 0.005
    ))
  })
  term <- vapply(fits, function(fit) {
    utils::tail(fit$history$alignment, 1)
  }, 0)
  expect_true(all(diff(term) < 0))
  likeness <- vapply(fits, followed, 0)
  expect_true(all(diff(likeness) > 0))
  expect_gt(likeness[3], likeness[1] + 0.2)
})

# Input of the encoder ---------------------------------------------------------

test_that("a joint model also places cells by their reference", {
  expect_true(aligned$options$joint)
  expect_identical(aligned$n_reference, 4L)
  # Its own reference, in any order and scale, gives the embedding again.
  expect_equal(
    predict(aligned, counts, reference = rna[rev(cells), ] * 7),
    embedding(aligned), tolerance = 1e-5
  )
  apart <- predict(aligned, counts)
  expect_gt(mean(abs(apart - embedding(aligned))), 1e-3)
  # Cells without a reference are embedded as if no cell had one.
  some <- rna[1:40, ]
  mixed <- predict(aligned, counts, reference = some)
  expect_equal(mixed[1:40, ], embedding(aligned)[1:40, ], tolerance = 1e-5)
  expect_equal(mixed[-(1:40), ], apart[-(1:40), ], tolerance = 1e-5)
  none <- rna
  none[] <- NA
  expect_equal(predict(aligned, counts, reference = none), apart)
})

test_that("held-out cells are placed better with both modalities", {
  fits <- lapply(c(TRUE, FALSE), function(joint) {
    trainx(joint = joint, control = list(
      epochs = 60, warmup = 5, period = 55, learning_rate = 0.005,
      validation = 0.3
    ))
  })
  term <- vapply(fits, function(fit) {
    utils::tail(fit$history$validation_alignment, 1)
  }, 0)
  expect_lt(term[1], 0.7 * term[2])
})

test_that("with `joint = FALSE` the embedding is of open peaks alone", {
  fit <- trainx(joint = FALSE)
  expect_equal(predict(fit, counts), embedding(fit), tolerance = 1e-5)
  expect_error(
    predict(fit, counts, reference = rna),
    "reference.*only\\s+the\\s+open\\s+peaks",
    class = "sailer_argument_error"
  )
  for (model in list(trainx(alignment = 0), sailer(
    counts, hidden = 8, control = quick(epochs = 1)
  ))) {
    expect_error(
      predict(model, counts, reference = rna), "reference",
      class = "sailer_argument_error"
    )
  }
})

test_that("the rate of hiding the reference affects training", {
  never <- trainx(reference_dropout = 0)
  often <- trainx(reference_dropout = 0.9)
  expect_false(identical(never$state, often$state))
  expect_error(
    trainx(reference_dropout = 1), "reference_dropout",
    class = "sailer_argument_error"
  )
  expect_error(
    trainx(joint = "yes"), "joint.*TRUE or FALSE",
    class = "sailer_argument_error"
  )
})

test_that("references of new cells are checked", {
  refuse <- function(pattern, reference, class = "argument") {
    expect_error(
      predict(aligned, counts, reference = reference), pattern,
      class = paste0("sailer_", class, "_error")
    )
  }
  refuse("3 dimensions.*trained with 4", rna[, 1:3])
  refuse("numeric matrix", "pca")
  bad <- rna
  bad[2, 1] <- Inf
  refuse("infinite", bad, "data")
})

# Resuming and files -----------------------------------------------------------

test_that("a checkpointed run resumes with the same bits", {
  folder <- withr::local_tempfile(pattern = "checkpoint-")
  hybrid <- rna[-(1:40), ]
  begun <- trainx(
    reference = hybrid, rna_depth = rna_depth,
    control = list(epochs = 3, checkpoint = folder)
  )
  expect_identical(nrow(begun$history), 3L)
  resumed <- resume(folder, counts, epochs = 6)
  whole <- trainx(reference = hybrid, rna_depth = rna_depth)
  expect_identical(learned(resumed), learned(whole))
  expect_s3_class(resumed, c("sailerx_fit", "sailer_fit"), exact = TRUE)
})

test_that("the same call resumes; another reference is refused", {
  folder <- withr::local_tempfile(pattern = "checkpoint-")
  trainx(rna_depth = rna_depth, control = list(epochs = 3, checkpoint = folder))
  again <- function(...) trainx(..., control = list(checkpoint = folder))
  refuse <- function(pattern, ...) {
    expect_error(again(...), pattern, class = "sailer_file_error")
  }
  other <- rna
  other[5, 1] <- other[5, 1] + 0.1
  refuse("reference", reference = other, rna_depth = rna_depth)
  refuse("reference", reference = rna[-1, ], rna_depth = rna_depth)
  refuse("reference", rna_depth = rev(unname(rna_depth)))
  refuse("reference")
  refuse("alignment", rna_depth = rna_depth, alignment = 5)
  expect_error(
    sailer(counts,
      batch = batch, hidden = 8, n_latent = 3,
      control = quick(
        epochs = 6, batch_size = 20, warmup = 1, period = 4, frozen = 0,
        learning_rate_decay = 0.995, patience = 0, checkpoint = folder
      )
    ),
    "reference", class = "sailer_file_error"
  )
  expect_message(
    fit <- again(reference = rna[n:1, ], rna_depth = rna_depth),
    "Continuing from"
  )
  expect_identical(learned(fit), learned(trainx(rna_depth = rna_depth)))
})

test_that("save_model() keeps class, history and predictions", {
  path <- withr::local_tempfile(fileext = ".h5")
  save_model(aligned, path)
  loaded <- load_model(path)
  expect_s3_class(loaded, c("sailerx_fit", "sailer_fit"), exact = TRUE)
  expect_identical(learned(loaded), learned(aligned))
  expect_identical(loaded$options$alignment, 1e4)
  expect_identical(predict(loaded, counts), predict(aligned, counts))
  # A finished fit does not need the reference any more.
  expect_null(aligned$reference)
  expect_null(aligned$progress)
})

test_that("other forms of the same input give the same results", {
  expect_identical(
    learned(trainx(x = as.matrix(counts))), learned(aligned)
  )
  expect_identical(
    learned(trainx(reference = rna[rev(cells), ] * 3))[[1]],
    learned(trainx(reference = rna * 3))[[1]]
  )
})
