sim <- tiny_simulation()
counts <- sim$counts
types <- sim$cells$cell_type
rna <- withr::with_seed(5, {
  stats::model.matrix(~ 0 + cell_type, sim$cells)[, 1:2] %*%
    matrix(rnorm(8), 2) + matrix(rnorm(600, sd = 0.2), 150)
})
rownames(rna) <- colnames(counts)

# The last epoch is the one that is kept.
brief <- quick(patience = 0)

trace_path <- function(weights = c(1e4, 0, 100), ..., control = brief) {
  alignment_path(counts, rna,
    weights = weights, ..., batch = sim$cells$batch, hidden = 8, n_latent = 3,
    control = control, verbose = FALSE
  )
}

fit_alone <- function(alignment, control = brief) {
  sailerx(counts, rna,
    batch = sim$cells$batch, alignment = alignment, hidden = 8, n_latent = 3,
    control = control
  )
}

test_that("the elbow is the first weight nearly as good as the best", {
  # 5 % of 10 - 2 above the lowest is 2.4
  expect_identical(find_elbow(c(10, 5, 2.41, 2.4, 2, 2.2), 0.05), 4L)
  expect_identical(find_elbow(c(10, 5, 2.41, 2.4, 2, 2.2), 0), 5L)
  expect_identical(find_elbow(c(10, 5, 2.41, 2.4, 2, 2.2), 0.4), 2L)
  expect_identical(find_elbow(c(3, 1, 7), 0.05), 2L)
  expect_identical(find_elbow(c(3, 3, 3), 0.05), 1L)
  expect_identical(find_elbow(c(3, NA, 1), 0.05), 3L)
  expect_identical(find_elbow(c(NA, NaN), 0.05), NA_integer_)
})

test_that("rows are those of single fits, from the smallest weight on", {
  path <- trace_path(labels = types)
  expect_s3_class(path, c("alignment_path", "data.frame"), exact = TRUE)
  expect_identical(path$weight, c(0, 100, 1e4))
  for (k in 1:3) {
    fit <- fit_alone(path$weight[k])
    last <- utils::tail(fit$history, 1)
    for (name in c(
      "alignment", "validation_alignment", "validation_log_likelihood"
    )) {
      expect_identical(path[[name]][k], last[[name]])
    }
  }
  expect_identical(attr(path, "measure"), "validation_alignment")
  expect_identical(
    which(path$elbow), find_elbow(path$validation_alignment, 0.05)
  )
  expect_identical(attr(path, "elbow"), path$weight[path$elbow])
})

test_that("clusters are compared with the labels", {
  path <- trace_path(
    weights = c(0, 1e3), labels = types, clustering = "kmeans"
  )
  fit <- fit_alone(1e3)
  set.seed(1)
  cluster <- stats::kmeans(embedding(fit), 3, 100, nstart = 10)$cluster
  expect_identical(
    path$adjusted_rand_index[2], adjusted_rand_index(cluster, types)
  )
  expect_identical(
    path$normalized_mutual_information[2],
    normalized_mutual_information(cluster, types)
  )
  expect_identical(path$clusters, c(3L, 3L))
  expect_identical(attr(path, "clustering"), "kmeans")
  # Named labels in another order, some of them unknown.
  some <- stats::setNames(as.character(types), colnames(counts))
  some[1:30] <- NA
  path <- trace_path(
    weights = c(0, 1e3), labels = rev(some), clustering = "kmeans"
  )
  expect_identical(
    path$adjusted_rand_index[2], adjusted_rand_index(cluster[-(1:30)],
                                                     types[-(1:30)])
  )
  bare <- trace_path(weights = c(0, 1e3))
  expect_identical(bare$alignment, path$alignment)
  expect_named(bare, c(
    "weight", "alignment", "validation_alignment", "validation_log_likelihood",
    "elbow"
  ))
  expect_null(attr(bare, "clustering"))
})

test_that("both ways of clustering find groups that lie apart", {
  truth <- rep(1:3, each = 30)
  points <- withr::with_seed(3, matrix(rnorm(180), 90) + 20 * truth)
  clusters <- find_clusters(points, "kmeans", 3, 1)
  expect_identical(adjusted_rand_index(clusters, truth), 1)
  skip_if_not_installed("igraph")
  before <- withr::with_seed(8, {
    fine <- find_clusters(points, "leiden", 3, 5)
    rnorm(1)
  })
  coarse <- find_clusters(points, "leiden", 3, 0.1)
  expect_identical(adjusted_rand_index(coarse, truth), 1)
  expect_length(coarse, 90)
  # A larger resolution splits them; R's random numbers are left alone.
  expect_gt(length(unique(fine)), 3)
  expect_identical(normalized_mutual_information(fine, truth) < 1, TRUE)
  expect_identical(before, withr::with_seed(8, rnorm(1)))
  expect_identical(find_clusters(points, "leiden", 3, 5), fine)
})

test_that("without cells kept back the training cells tell the elbow", {
  path <- trace_path(
    weights = c(0, 1e3), control = quick(validation = 0, epochs = 10)
  )
  expect_true(all(is.na(path$validation_alignment)))
  expect_identical(attr(path, "measure"), "alignment")
  expect_identical(attr(path, "elbow"), 1e3)
  expect_s3_class(plot(path), "ggplot")
})

test_that("each weight has its checkpoint, and the same call goes on", {
  folder <- withr::local_tempfile(pattern = "checkpoint-")
  control <- quick(checkpoint = folder, patience = 0)
  first <- trace_path(weights = c(0, 1e5), control = control)
  expect_setequal(
    list.files(folder), c("alignment-0", "alignment-1e+05")
  )
  expect_message(
    again <- trace_path(weights = c(0, 1e5), control = control), "Going on"
  )
  expect_identical(again, first)
  expect_identical(first, trace_path(weights = c(0, 1e5)))
})

test_that("a weight that diverges is a row of NA with a warning", {
  expect_warning(
    expect_warning(
      path <- trace_path(
        # Many steps, so that it is the first epoch that diverges.
        weights = c(0, 1), labels = types,
        control = quick(learning_rate = 1e30, batch_size = 10)
      ),
      "alignment = 0", class = "sailer_diverged"
    ),
    "alignment = 1", class = "sailer_diverged"
  )
  expect_true(all(is.na(path$alignment)))
  expect_identical(path$elbow, c(FALSE, FALSE))
  expect_identical(attr(path, "elbow"), NA_real_)
  expect_output(print(path), "NA")
})

test_that("notes come once, and progress for each weight", {
  heard <- capture_messages(
    path <- alignment_path(counts, rna,
      weights = c(0, 1e3), batch = rep("one", 150), hidden = 8,
      n_latent = 3, control = quick(verbose = TRUE)
    )
  )
  expect_identical(sum(grepl("for all cells", heard)), 1L)
  expect_identical(sum(grepl("Weight 1000 \\(2/2\\)", heard)), 1L)
  expect_length(heard, 3)
  expect_silent(trace_path(weights = c(0, 1e3)))
})

test_that("Ctrl-C returns the weights that are done", {
  skip_if_not_installed("processx")
  result <- withr::local_tempfile(fileext = ".rds")
  log <- withr::local_tempfile()
  child <- start_child(c(
    sprintf("result <- %s", deparse(result)),
    'suppressMessages(library(sailer))
     sim <- simulate_atac(
       n_cells = 150, n_peaks = 400, n_types = 3, depth = 60, seed = 11
     )
     rna <- stats::model.matrix(~ 0 + cell_type, sim$cells)
     path <- alignment_path(sim$counts, rna,
       weights = c(0, 1, 2), hidden = 8, n_latent = 3,
       control = train_control(epochs = 500, batch_size = 20, threads = 1)
     )
     saveRDS(path, result)
     cat("saved\n")'
  ), log)
  expect_true(child_said(log, "Weight 0 .1/3."))
  child$interrupt()
  expect_true(child_said(log, "saved"))
  path <- readRDS(result)
  expect_gte(nrow(path), 1)
  expect_lt(nrow(path), 3)
  expect_identical(sum(path$elbow), 1L)
  expect_match(
    paste(readLines(log), collapse = " "),
    "Interrupted after [12] of the 3 weights"
  )
  stopped <- tryCatch(
    tell_of_stopped_path(0, 7), interrupt = function(cnd) "interrupt"
  )
  expect_identical(stopped, "interrupt")
})

test_that("print() and plot() mark the elbow", {
  path <- trace_path(labels = types, clustering = "kmeans")
  lines <- capture.output(print(path))
  expect_match(lines[1], "<alignment_path> 3 weights", fixed = TRUE)
  marked <- grep("<-", lines, value = TRUE)
  expect_length(marked, 1)
  expect_match(marked, format(attr(path, "elbow")), fixed = TRUE)
  expect_output(print(path[1:2, c("weight", "alignment")]), "100")
  picture <- plot(path)
  built <- ggplot2::ggplot_build(picture)
  # Places of 0, 100 and 10,000.
  expect_equal(sort(unique(built$data[[2]]$x)), c(1.5, 2, 4))
  expect_equal(
    built$data[[1]]$xintercept[1], c(1.5, 2, 4)[path$elbow]
  )
  expect_identical(
    levels(picture$data$panel),
    c("alignment", "validation log-likelihood", "clusters")
  )
  expect_equal(
    picture$data$value[picture$data$line == "ARI"], path$adjusted_rand_index
  )
})

test_that("what does not fit is refused by name", {
  refuse <- function(pattern, ...) {
    expect_error(trace_path(...), pattern, class = "sailer_argument_error")
  }
  refuse("weights", weights = 3)
  refuse("weights", weights = c(3, 3))
  refuse("weights", weights = c(-1, 3))
  refuse("weights", weights = c(NA, 3))
  refuse("weights", weights = "3")
  refuse("give `weights`", alignment = 3)
  refuse("rna_depth", rna_dept = 3)
  refuse("labels.*150", labels = types[-1])
  refuse("two classes", labels = rep("a", 150))
  refuse("clustering", clustering = "louvain")
  refuse("resolution", resolution = 0)
  refuse("tolerance", tolerance = 2)
  expect_error(
    alignment_path(counts, rna, c(0, 1), types, 3), "must be named",
    class = "sailer_argument_error"
  )
  expect_error(
    alignment_path(counts, rna, verbose = NA), "verbose",
    class = "sailer_argument_error"
  )
})
