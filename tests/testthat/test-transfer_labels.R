set.seed(3)
reference <- matrix(rnorm(120), 40, dimnames = list(sprintf("r%d", 1:40), NULL))
labels <- rep(c("B", "T", "NK", "T"), 10)
query <- matrix(rnorm(24), 8, dimnames = list(sprintf("q%d", 1:8), NULL))

# The definition, cell by cell.
by_hand <- function(reference, labels, query, k) {
  distance <- function(x, y) sqrt(sum((x - y)^2))
  own <- sapply(seq_len(nrow(reference)), function(i) {
    sort(apply(reference[-i, ], 1, distance, reference[i, ]))[k]
  })
  lapply(seq_len(nrow(query)), function(i) {
    d <- apply(reference, 1, distance, query[i, ])
    near <- order(d)[1:k]
    weight <- exp(-2 * (d[near] / max(d[near]))^2)
    share <- tapply(weight, factor(labels[near], sort(unique(labels))), sum)
    share[is.na(share)] <- 0
    list(score = share / sum(weight), quality = mean(own >= max(d[near])))
  })
}

test_that("labels, shares and quality are those of the definition", {
  found <- transfer_labels(reference, labels, query, k = 6)
  expected <- by_hand(reference, labels, query, 6)
  scores <- t(sapply(expected, function(x) x$score))
  expect_equal(unname(found$scores), unname(scores))
  expect_identical(colnames(found$scores), c("B", "NK", "T"))
  expect_identical(rownames(found$scores), rownames(query))
  expect_identical(
    as.character(found$cells$predicted_label),
    colnames(scores)[max.col(scores, "first")]
  )
  expect_equal(found$cells$predicted_confidence, apply(scores, 1, max))
  expect_equal(
    found$cells$mapping_quality, sapply(expected, function(x) x$quality)
  )
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

test_that("far cells have quality 0, and reference cells all qualities", {
  far <- transfer_labels(reference, labels, query + 100)
  expect_true(all(far$cells$mapping_quality == 0))
  # A cell of the reference has itself as a neighbour, so it is nearer.
  own <- transfer_labels(reference, labels, reference, k = 5)
  expect_gt(mean(own$cells$mapping_quality), 0.5)
  same <- transfer_labels(reference[rep(1, 20), ], labels[1:20], reference, 3)
  expect_true(all(is.finite(same$scores)))
})

test_that("quality compares with held-out points, if they are enough", {
  quality <- function(...) {
    transfer_labels(reference, labels, query, 6, ...)$cells$mapping_quality
  }
  by_hand <- function(points, skipped) {
    from <- function(x) sqrt(colSums((t(reference) - x)^2))
    own <- apply(points, 1, function(x) sort(from(x))[6 + skipped])
    sapply(seq_len(nrow(query)), function(i) {
      mean(own >= sort(from(query[i, ]))[6])
    })
  }
  # Points of the reference do not count as their own neighbours.
  inside <- unname(reference[1:32, ])
  expect_equal(quality(held_out = inside), by_hand(inside, 1))
  beside <- inside + 0.3
  expect_equal(quality(held_out = beside), by_hand(beside, 0))
  expect_identical(quality(held_out = inside[1:9, ]), quality())
})

test_that("one query cell will do, and k is lowered to the reference", {
  one <- transfer_labels(reference, labels, query[2, , drop = FALSE], 6)
  all <- transfer_labels(reference, labels, query, 6)
  expect_equal(one$scores, all$scores[2, , drop = FALSE])
  expect_warning(
    transfer_labels(reference[1:5, ], labels[1:5], query, 15), "lowered"
  )
})

test_that("what does not fit is refused by name", {
  refuse <- function(code, pattern) {
    expect_error(code, pattern, class = "sailer_argument_error")
  }
  refuse(transfer_labels(reference, rep(NA, 40), query), "labels")
  refuse(transfer_labels(reference, labels, query, k = 0), "k")
})
