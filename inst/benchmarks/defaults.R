# The evidence behind sailer()'s defaults: variants of the options on simulated
# cells of known types, as shallow as real ones, and on real cells.
#
#   Rscript inst/benchmarks/defaults.R SEED [VARIANT ...]      simulated cells
#   Rscript inst/benchmarks/defaults.R DATA_SET [VARIANT ...]  in SAILER_DATA
#
# For each variant: the evidence lower bound and the log-likelihood on cells
# kept back, which need no labels, and the scores of common.R.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))

variants <- list(
  default = list(),
  latent_10 = list(n_latent = 10),
  thinning_.2_.9 = list(thinning = c(0.2, 0.9)),
  thinning_0_.5 = list(thinning = c(0, 0.5)),
  no_thinning = list(thinning = 0),
  no_scaling = list(input_scale = "none"),
  no_dropout = list(dropout = 0),
  lambda_0 = list(lambda = 0),
  pairwise = list(marginal = "pairwise"),
  linear = list(
    decoder = "linear", control = list(learning_rate = 3e-3)
  ),
  hidden_256_64 = list(hidden = c(256, 64)),
  hidden_1000_100 = list(hidden = c(1000, 100)),
  omega_5 = list(omega = 5),
  omega_auto = list(omega = "auto"),
  epochs_110 = list(control = list(epochs = 110)),
  more_peaks = list(min_fraction = 0.002),
  thesis = list(
    n_latent = 10, hidden = c(1000, 100), thinning = 0, input_scale = "none",
    dropout = 0, marginal = "pairwise"
  )
)

shallow <- function(seed) {
  data <- simulate_atac(
    n_cells = 3000, n_peaks = 4000, n_types = 12, depth = 70,
    rare = c(0.02, 0.02), type_specific = 0.08, seed = seed
  )
  list(counts = data$counts, cells = data$cells)
}

arguments <- commandArgs(TRUE)
if (length(arguments) == 0) {
  stop("Name a seed or a data set: see the head of this file.", call. = FALSE)
}
seed <- suppressWarnings(as.integer(arguments[1]))
data <- if (is.na(seed)) read_atac(arguments[1]) else shallow(seed)
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
    modifyList(list(epochs = 60, verbose = FALSE), as.list(options$control))
  ))
  time <- system.time(fit <- do.call(sailer, c(
    list(data$counts, batch = data$cells$batch), options
  )))
  last <- utils::tail(history(fit), 1)
  show(name, c(
    elbo = last$validation_elbo, ll = last$validation_log_likelihood,
    score(embedding(fit), data$cells, depth), seconds = time[["elapsed"]]
  ))
}
