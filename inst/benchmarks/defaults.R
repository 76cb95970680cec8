# The comparisons behind sailer()'s defaults: variants of the options on
# simulated cells of known type and on real cells.
#
#   Rscript inst/benchmarks/defaults.R DATA_SET [VARIANT ...]
#
# DATA_SET is one of common.R's `simulations` or a folder below SAILER_DATA.
# Prints for each variant the evidence lower bound and the log-likelihood of
# held-out cells, which need no labels, and the scores of common.R.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))

variants <- list(
  default = list(),
  random_start = list(warm_start = FALSE),
  latent_10 = list(n_latent = 10),
  latent_16 = list(n_latent = 16),
  thinning_.5_.9 = list(thinning = c(0.5, 0.9)),
  thinning_0_.5 = list(thinning = c(0, 0.5)),
  no_thinning = list(thinning = 0),
  l2_input = list(input_scale = "l2"),
  no_dropout = list(dropout = 0),
  lambda_0 = list(lambda = 0),
  pairwise = list(marginal = "pairwise"),
  mirrored = list(decoder = "mirrored"),
  mirrored_slow = list(
    decoder = "mirrored", control = list(learning_rate = 1e-3)
  ),
  hidden_16 = list(hidden = 16),
  hidden_64 = list(hidden = 64),
  hidden_128 = list(hidden = 128),
  omega_5 = list(omega = 5),
  steps_1000 = list(control = list(steps = 1000)),
  steps_4000 = list(control = list(steps = 4000)),
  slow = list(control = list(learning_rate = 1e-3)),
  no_freeze = list(control = list(frozen = 0)),
  no_decay = list(control = list(weight_decay = 0)),
  fewer_peaks = list(min_fraction = 0.01),
  thesis = list(preset = "thesis")
)

arguments <- commandArgs(TRUE)
if (length(arguments) == 0) {
  stop("Give a data set: see the header of this file.", call. = FALSE)
}
data <- read_labelled(arguments[1])
chosen <- if (length(arguments) > 1) arguments[-1] else names(variants)
depth <- Matrix::colSums(data$counts > 0)

show <- function(name, values) {
  cat(sprintf("%-16s", name), sprintf("%s %.3f", names(values), values), "\n")
}

for (n in c(10, 30)) {
  show(paste("LSI", n), score(lsi(data$counts, n), data$cells, depth))
}
for (name in chosen) {
  options <- variants[[name]]
  options$control <- do.call(train_control, c(
    modifyList(list(verbose = FALSE, threads = 1), as.list(options$control))
  ))
  time <- system.time(fit <- do.call(sailer, c(
    list(data$counts, batch = data$cells$batch), options
  )))
  last <- fit$history[fit$best_epoch, ]
  show(name, c(
    elbo = last$validation_elbo, ll = last$validation_log_likelihood,
    score(embedding(fit), data$cells, depth), seconds = time[["elapsed"]]
  ))
}
