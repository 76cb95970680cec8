set.seed(3)
reference <- matrix(rnorm(120), 40, dimnames = list(sprintf("r%d", 1:40), NULL))
labels <- rep(c("B", "T", "NK", "T"), 10)
query <- matrix(rnorm(24), 8, dimnames = list(sprintf("q%d", 1:8), NULL))

# The definition, applied cell by cell.
by_hand <- function(reference, labels, query, k) {
  distance <- function(x, y) sqrt(sum((x - y)^2))
  lapply(seq_len(nrow(query)), function(i) {
    d <- apply(reference, 1, distance, query[i, ])
    near <- order(d)[1:k]
    weight <- exp(-2 * (d[near] / max(d[near]))^2)
    share <- tapply(weight, factor(labels[near], sort(unique(labels))), sum)
    share[is.na(share)] <- 0
    share / sum(weight)
  })
}

test_that("labels and shares agree with the definition", {
  found <- transfer_labels(reference, labels, query, k = 6)
  expected <- by_hand(reference, labels, query, 6)
  scores <- do.call(rbind, expected)
  expect_equal(unname(found$scores), unname(scores))
  expect_identical(colnames(found$scores), c("B", "NK", "T"))
  expect_identical(rownames(found$scores), rownames(query))
  expect_identical(
    as.character(found$cells$predicted_label),
    colnames(scores)[max.col(scores, "first")]
  )
  expect_equal(found$cells$predicted_confidence, apply(scores, 1, max))
  expect_identical(rownames(found$cells), rownames(query))
  expect_identical(levels(found$cells$predicted_label), c("B", "NK", "T"))
})

test_that("cells without a label do not vote", {
  gaps <- ifelse(labels == "NK", NA, labels)
  some <- labels != "NK"
  expect_equal(
    transfer_labels(reference, gaps, query, k = 4),
    transfer_labels(reference[some, ], labels[some], query, k = 4)
  )
})

test_that("quality agrees with its definition", {
  fit <- structure(list(held_out = unname(reference)), class = "sailer_fit")
  distance <- function(x, others) sqrt(colSums((t(others) - x)^2))
  own <- sapply(seq_len(nrow(reference)), function(i) {
    sort(distance(reference[i, ], reference[-i, ]))[5]
  })
  by_hand <- apply(query, 1, function(x) {
    mean(own >= sort(distance(x, reference))[5])
  })
  expect_equal(mapping_quality(fit, query), unname(by_hand))
  expect_true(all(mapping_quality(fit, query + 100) == 0))
  guided <- structure(unclass(fit), class = c("sailerx_fit", "sailer_fit"))
  expect_equal(
    mapping_quality(guided, query), mapping_quality(guided, 7 * query)
  )
  fit$held_out <- reference[1:5, ]
  expect_true(all(is.na(mapping_quality(fit, query))))
  same <- transfer_labels(reference[rep(1, 20), ], labels[1:20], reference, 3)
  expect_true(all(is.finite(same$scores)))
})

test_that("one query cell suffices, and k is limited by the reference", {
  one <- transfer_labels(reference, labels, query[2, , drop = FALSE], 6)
  all <- transfer_labels(reference, labels, query, 6)
  expect_equal(one$scores, all$scores[2, , drop = FALSE])
  expect_warning(
    transfer_labels(reference[1:5, ], labels[1:5], query, 15), "lowered"
  )
})

test_that("invalid arguments are refused by name", {
  refuse <- function(code, pattern) {
    expect_error(code, pattern, class = "sailer_argument_error")
  }
  refuse(transfer_labels(reference, rep(NA, 40), query), "labels")
  refuse(transfer_labels(reference, labels, query, k = 0), "k")
})
