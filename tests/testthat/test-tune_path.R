sim <- tiny_simulation()
counts <- sim$counts
types <- sim$cells$cell_type
rna <- reference_like_types(sim)

tune <- function(option = "lambda", values = c(2, 0, 0.5), ...,
                 control = quick(), clustering = "kmeans", verbose = FALSE) {
  tune_path(counts, option, values,
    batch = sim$cells$batch, ..., control = control, clustering = clustering,
    verbose = verbose
  )
}

# With small networks, and the same options as fit_alone().
tune_small <- function(...) tune(..., hidden = 8, n_latent = 3)

fit_alone <- function(..., reference = NULL, control = quick()) {
  small <- utils::modifyList(list(hidden = 8, n_latent = 3), list(...))
  model <- if (is.null(reference)) sailer else sailerx
  small$reference <- reference
  do.call(model, c(
    list(counts, batch = sim$cells$batch, control = control), small
  ))
}

last <- function(fit) utils::tail(fit$history, 1)

test_that("rows equal single fits, with numbers in increasing order", {
  path <- tune_small(labels = types)
  expect_s3_class(path, c("tune_path", "data.frame"), exact = TRUE)
  expect_identical(path$value, c(0, 0.5, 2))
  for (k in 1:3) {
    fit <- fit_alone(lambda = path$value[k])
    values <- embedding(fit)
    depth <- mutual_information(values, log(fit$depth))$mean
    batch <- mutual_information(values, sim$cells$batch)$mean
    expect_identical(path$mi_depth[k], depth)
    expect_identical(path$mi_batch[k], batch)
    expect_equal(path$mutual_information[k], depth + batch)
    mixing <- batch_mixing(values, sim$cells$batch)$summary
    expect_identical(path$ilisi[k], mixing[["ilisi"]])
    for (name in c("validation_elbo", "validation_log_likelihood")) {
      expect_identical(path[[name]][k], last(fit)[[name]])
    }
    cluster <- find_clusters(values, "kmeans", 3, 1)
    expect_identical(path$ari[k], adjusted_rand_index(cluster, types))
    expect_identical(path$nmi[k], normalized_mutual_information(cluster, types))
  }
  expect_identical(path$fits, rep(1L, 3))
  expect_identical(path$epochs, rep(3, 3))
  expect_equal(path$clusters, rep(3, 3))
  expect_identical(attr(path, "measure"), "mutual_information")
  expect_identical(
    which(path$suggested), find_end_of_fall(path$mutual_information, 0.1)$place
  )
  expect_identical(attr(path, "suggested"), path$value[path$suggested])
})

test_that("a path of SAILERX measures directions, as stored in objects", {
  path <- tune_small("alignment", c(1e4, 0), reference = rna)
  expect_identical(path$value, c(0, 1e4))
  for (k in 1:2) {
    fit <- fit_alone(alignment = path$value[k], reference = rna)
    for (name in c(
      "alignment", "validation_alignment", "validation_log_likelihood"
    )) {
      expect_identical(path[[name]][k], last(fit)[[name]])
    }
    directions <- embedding(fit)
    expect_identical(
      path$mi_depth[k], mutual_information(directions, log(fit$depth))$mean
    )
  }
  expect_identical(attr(path, "measure"), "validation_alignment")
  expect_identical(
    which(path$suggested), find_elbow(path$validation_alignment, 0.05)
  )
  # Other options also work, and an option of SAILERX selects that model.
  other <- tune_small(values = c(0, 1), reference = rna, alignment = 1e4)
  expect_identical(
    other$validation_elbo[2],
    last(fit_alone(lambda = 1, alignment = 1e4, reference = rna))$
      validation_elbo
  )
})

test_that("a file with both modalities needs no reference", {
  skip_without_rhdf5()
  path <- suppressMessages(tune_path(
    tiny_path("tiny.h5mu"), "alignment", c(0, 100), hidden = 8, n_latent = 3,
    control = quick(), verbose = FALSE
  ))
  expect_true(all(path$alignment > 0))
})

test_that("options with several parts, and of training, can be tuned", {
  path <- tune("hidden", list(8, c(16, 8)), n_latent = 2)
  expect_identical(path$value, c("8", "16-8"))
  fit <- fit_alone(n_latent = 2, hidden = c(16, 8))
  expect_identical(path$validation_elbo[2], last(fit)$validation_elbo)
  expect_identical(
    attr(path, "suggested"), list(8, c(16, 8))[[which(path$suggested)]]
  )
  path <- tune_small("learning_rate", c(0.01, 0.001))
  expect_identical(path$value, c(0.001, 0.01))
  slow <- fit_alone(control = quick(learning_rate = 0.001))
  expect_identical(path$validation_elbo[1], last(slow)$validation_elbo)
  expect_identical(attr(path, "measure"), "validation_elbo")
})

test_that("named labels are matched, and unknown ones left out", {
  some <- stats::setNames(as.character(types), colnames(counts))
  some[1:30] <- NA
  path <- tune_small(values = c(0, 1), labels = rev(some))
  cluster <- find_clusters(embedding(fit_alone(lambda = 1)), "kmeans", 3, 1)
  expect_identical(
    path$ari[2], adjusted_rand_index(cluster[-(1:30)], types[-(1:30)])
  )
  # Without labels there is no clustering, so its packages are not needed.
  local_missing("igraph")
  bare <- tune_small(values = c(0, 1), clustering = "leiden")
  expect_identical(bare$mi_depth, path$mi_depth)
  expect_false(any(c("clusters", "ari", "nmi") %in% names(bare)))
  expect_error(
    tune_small(labels = types, clustering = "leiden"),
    "igraph.*kmeans", class = "sailer_argument_error"
  )
})

test_that("both clustering methods find separate groups", {
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
  # A larger resolution splits them; R's random numbers are not affected.
  expect_gt(length(unique(fine)), 3)
  expect_lt(normalized_mutual_information(fine, truth), 1)
  expect_identical(before, withr::with_seed(8, rnorm(1)))
  expect_identical(find_clusters(points, "leiden", 3, 5), fine)
})

test_that("every confounder has a column, except constant ones", {
  extra <- data.frame(
    age = sqrt(1:150), sex = rep(c("f", "m", "f"), 50), same = 1
  )
  expect_message(
    path <- tune_small(values = c(0, 1), covariates = extra), "same"
  )
  expect_identical(
    grep("^mi_", names(path), value = TRUE),
    c("mi_depth", "mi_batch", "mi_sex", "mi_age")
  )
  values <- embedding(fit_alone(lambda = 1, covariates = extra[1:2]))
  expect_identical(path$mi_age[2], mutual_information(values, extra$age)$mean)
  expect_identical(path$mi_sex[2], mutual_information(values, extra$sex)$mean)
  ilisi <- function(label) batch_mixing(values, label)$summary[["ilisi"]]
  expect_identical(
    path$ilisi[2], mean(c(ilisi(sim$cells$batch), ilisi(extra$sex)))
  )
  # Two halves; and one third and two thirds.
  expect_equal(
    label_entropy(list(gl(2, 75), factor(extra$sex))),
    log(2) + log(3) - 2 / 3 * log(2)
  )
  named_depth <- data.frame(depth = sqrt(1:150))
  again <- tune_small(values = c(0, 1), covariates = named_depth)
  expect_true(all(c("mi_depth", "mi_depth.1") %in% names(again)))
})

test_that("samples of a list are the batches that are measured", {
  half <- rep(c("a", "b"), each = 75)
  samples <- list(a = counts[, half == "a"], b = counts[, half == "b"])
  try_lambda <- function(x, ...) {
    tune_path(x, values = c(0, 1), ..., hidden = 8, n_latent = 3,
              control = quick(), verbose = FALSE)
  }
  path <- suppressMessages(try_lambda(samples))
  expect_identical(path$mi_batch, try_lambda(counts, batch = half)$mi_batch)
})

test_that("runs use all values with one seed, then with the next seed", {
  # Names of folders do not depend on R's options for printing numbers.
  withr::local_options(scipen = -5)
  control <- quick(seed = 5, checkpoint = file.path(tempdir(), "here"))
  runs <- tune_runs(list(0, 1e5), "alignment", control, 2)
  of <- function(name) sapply(runs, function(run) run[[name]])
  expect_identical(of("value"), c(0, 1e5, 0, 1e5))
  expect_equal(of("seed"), c(5, 5, 6, 6))
  expect_identical(of("place"), c(1L, 2L, 1L, 2L))
  expect_identical(
    of("label"), rep(c("alignment = 0", "alignment = 100000"), 2)
  )
  controls <- lapply(runs, function(run) run$options$control)
  expect_identical(
    sapply(controls, function(control) basename(control$checkpoint)),
    c("alignment-0", "alignment-100000", "alignment-0-seed-6",
      "alignment-100000-seed-6")
  )
  expect_equal(controls[[3]]$seed, 6)
  expect_identical(runs[[2]]$options$alignment, 1e5)
  many <- tune_runs(list(c(64, 32), 16), "hidden", quick(), 1)
  expect_identical(many[[1]]$options$hidden, c(64, 32))
  expect_identical(many[[1]]$label, "hidden = 64-32")
  expect_identical(many[[1]]$value, "64-32")
  expect_null(many[[1]]$options$control$checkpoint)
})

test_that("repeats are fits with the next seeds; their spread is the noise", {
  path <- tune_small(values = c(0, 3), repeats = 2)
  expect_identical(path$fits, c(2L, 2L))
  runs <- attr(path, "runs")
  expect_equal(runs$seed, c(1, 1, 2, 2))
  expect_equal(runs$value, c(0, 3, 0, 3))
  second <- fit_alone(lambda = 3, control = quick(seed = 2))
  expect_identical(
    runs$mi_depth[4],
    mutual_information(embedding(second), log(second$depth))$mean
  )
  expect_equal(path$mi_depth[2], mean(runs$mi_depth[c(2, 4)]))
  expect_equal(attr(path, "noise"), noise_of_repeats(
    runs$mutual_information, c(1, 2, 1, 2), runs$seed
  ))
})

test_that("each fit has its own checkpoint, and the same call resumes", {
  folder <- withr::local_tempfile(pattern = "checkpoint-")
  try_two <- function() {
    tune_small(
      values = c(0, 0.5), repeats = 2, control = quick(checkpoint = folder)
    )
  }
  first <- try_two()
  expect_setequal(list.files(folder), c(
    "lambda-0", "lambda-0.5", "lambda-0-seed-2", "lambda-0.5-seed-2"
  ))
  expect_message(again <- try_two(), "Continuing from")
  expect_identical(again, first)
  without <- tune_small(values = c(0, 0.5), repeats = 2)
  expect_identical(without$mutual_information, first$mutual_information)
})

test_that("a value that diverges is a row of NA with a warning", {
  expect_warning(
    expect_warning(
      path <- tune_small(
        # Many steps, so that the first epoch already diverges.
        values = c(0, 1), labels = types,
        control = quick(learning_rate = 1e30, batch_size = 10)
      ),
      "lambda = 0", class = "sailer_diverged"
    ),
    "lambda = 1", class = "sailer_diverged"
  )
  expect_true(all(is.na(path$mutual_information) & is.na(path$ari)))
  expect_identical(path$fits, c(0L, 0L))
  expect_identical(path$suggested, c(FALSE, FALSE))
  expect_identical(attr(path, "suggested"), NA)
  expect_output(print(path), "NA")
})

test_that("notes are shown once, and there is a report for each fit", {
  messages <- capture_messages(tune_path(counts, "lambda", c(0, 1),
    batch = rep("one", 150), hidden = 8, n_latent = 3,
    control = quick(verbose = TRUE)
  ))
  expect_identical(sum(grepl("for all cells", messages)), 1L)
  expect_identical(
    sum(grepl("lambda = 1 \\(2/2\\): I\\(z, c\\).*ELBO", messages)), 1L
  )
  expect_length(messages, 3)
  expect_silent(tune_small(values = c(0, 1)))
})

test_that("an interruption between fits keeps the finished rows", {
  runs <- lapply(1:3, function(value) list(value = value, label = "a label"))
  # Ctrl-C while R prepares the run `fit_at` or makes the row `row_at`.
  # `warn_at`: training or embedding was interrupted.
  walk <- function(fit_at = 0, row_at = 0, warn_at = 0) {
    walk_path(
      runs,
      fit = function(run) {
        if (run$value == fit_at) rlang::interrupt()
        if (run$value == warn_at) {
          cli::cli_warn("Interrupted.", class = "sailer_interrupted")
        }
        list(status = "completed")
      },
      row = function(run, fitted) {
        if (run$value == row_at) rlang::interrupt()
        data.frame(value = run$value)
      }
    )
  }
  expect_warning(
    rows <- walk(fit_at = 3), "after 2 of the 3", class = "sailer_interrupted"
  )
  expect_identical(rows$value, 1:2)
  expect_warning(rows <- walk(row_at = 2), class = "sailer_interrupted")
  expect_identical(rows$value, 1L)
  expect_warning(
    rows <- walk(warn_at = 3), "after 2 of the 3", class = "sailer_interrupted"
  )
  expect_identical(rows$value, 1:2)
  expect_identical(walk()$value, 1:3)
  stopped <- tryCatch(walk(fit_at = 1), interrupt = function(cnd) "interrupt")
  expect_identical(stopped, "interrupt")
})

test_that("Ctrl-C returns the finished fits", {
  stopped <- after_ctrl_c({
    sim <- simulate_atac(
      n_cells = 150, n_peaks = 400, n_types = 3, depth = 60, seed = 11
    )
    tune_path(sim$counts, "lambda", c(0, 1, 2),
      hidden = 8, n_latent = 3,
      control = train_control(epochs = 500, batch_size = 20, threads = 1)
    )
  }, "lambda = 0 .1/3.")
  path <- stopped$value
  expect_gte(nrow(path), 1)
  expect_lt(nrow(path), 3)
  expect_identical(sum(path$suggested), 1L)
  expect_match(
    paste(stopped$said, collapse = " "),
    "Interrupted after [12] of the 3 fits"
  )
})

test_that("invalid arguments are refused by name, before any training", {
  refuse <- function(pattern, ...) {
    expect_error(tune(...), pattern, class = "sailer_argument_error")
  }
  refuse("one of.*lambda.*not.*epochs", "epochs", c(10, 20))
  refuse("one of.*lambda.*not.*min_fraction", "min_fraction", c(0, 0.1))
  for (values in list(3, c(3, 3), c(3, NA), sum)) {
    refuse("two different values", "n_latent", values)
  }
  refuse("two different values of `dropout`", "dropout", NULL)
  refuse("lambda", values = c(-1, 3))
  refuse("n_latent", "n_latent", c(4, 0.5))
  refuse("learning_rate", "learning_rate", c(0.01, -1))
  refuse("decoder", "decoder", c("linear", "lineal"))
  refuse("set `values`", "n_latent", c(3, 4), n_latent = 3)
  refuse("validation", "n_latent", c(3, 4), control = quick(validation = 0))
  refuse("no option named `dropuot`", dropuot = 0.2)
  refuse("repeats", repeats = 0)
  refuse("tolerance", tolerance = 2)
  refuse("verbose", verbose = NA)
  refuse("labels.*150", labels = types[-1])
  refuse("two classes", labels = rep("a", 150))
  refuse("clustering", labels = types, clustering = "louvain")
  refuse("resolution", labels = types, resolution = 0)
  refuse("reference", rna_depth = 1:150)
  expect_error(
    tune_path(counts, "mixing"), "needs `batch`",
    class = "sailer_argument_error"
  )
})
