# Compares SAILER with LSI on labelled cells, real and simulated:
#
#   Rscript inst/benchmarks/real_data.R [data set] [options of sailer() as R]
#   Rscript inst/benchmarks/real_data.R bone_marrow_atac 'n_latent = 20'
#
# Data sets are folders in SAILER_DATA (default ../shared/data) or names in
# `simulations` of common.R. LSI uses both weightings and 10, 16 and 30
# components, without and with harmony (if there are batches and the package is
# installed), unscaled and with each cell scaled to length 1, as in SAILER.
# SAILER is trained with three seeds (mean and standard deviation). Prints the
# scores of common.R, iLISI (effective number of batches among the neighbours of
# a cell) and CPU seconds; for SAILER also the number of dimensions and the
# evidence lower bound of held-out cells.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))
source(file.path(dirname(script), "rivals.R"))

cpu_seconds <- function(code) sum(system.time(code)[c(1, 2)])

with_mixing <- function(embedding, cells, depth) {
  ilisi <- NA
  if (length(unique(cells$batch)) > 1) {
    ilisi <- batch_mixing(embedding, cells$batch, k = 15)$summary[["ilisi"]]
  }
  c(score(embedding, cells, depth), ilisi = ilisi)
}

# LSI with one weighting and number of components, without and with harmony.
linear_rows <- function(counts, cells, depth, n, logarithm) {
  name <- paste0("LSI ", n, if (logarithm) " log")
  cpu <- cpu_seconds(embedded <- lsi(counts, n, logarithm))
  found <- rlang::set_names(list(embedded), name)
  if (length(unique(cells$batch)) > 1) {
    corrected <- NULL
    more <- cpu_seconds(corrected <- harmonised(embedded, cells$batch, 1))
    if (!is.null(corrected)) {
      found[[paste(name, "harmony")]] <- corrected
      cpu <- c(cpu, cpu + more)
    }
  }
  both <- with_unit(found)
  cbind(
    t(vapply(both, with_mixing, numeric(6), cells, depth)),
    cpu = rep(cpu, each = 2)
  )
}

sailer_rows <- function(data, depth, options, seeds = 1:3) {
  t(vapply(seeds, function(seed) {
    control <- do.call(train_control, utils::modifyList(
      list(seed = seed, verbose = FALSE, threads = 1), as.list(options$control)
    ))
    options$control <- control
    cpu <- cpu_seconds(fit <- do.call(sailer, c(
      list(data$counts, batch = data$cells$batch), options
    )))
    c(
      with_mixing(embedding(fit), data$cells, depth), cpu = cpu,
      dimensions = ncol(embedding(fit)),
      elbo = fit$history$validation_elbo[fit$best_epoch]
    )
  }, numeric(9)))
}

run <- function(name, options) {
  data <- read_labelled(name)
  depth <- Matrix::colSums(data$counts > 0)
  cat("\n", name, ": ", ncol(data$counts), " cells x ", nrow(data$counts),
    " peaks\n",
    sep = ""
  )
  # The peak filter of sailer().
  share <- Matrix::rowMeans(data$counts > 0)
  kept <- data$counts[share >= 0.002 & share <= 0.9, ]
  for (logarithm in c(TRUE, FALSE)) {
    for (n in c(10, 16, 30)) {
      rows <- linear_rows(kept, data$cells, depth, n, logarithm)
      print(round(rows, 3))
    }
  }
  rows <- sailer_rows(data, depth, options)
  print(round(rbind(
    SAILER = colMeans(rows), sd = apply(rows, 2, stats::sd)
  ), 3))
}

if (sys.nframe() == 0) {
  arguments <- commandArgs(TRUE)
  names <- if (length(arguments)) {
    arguments[1]
  } else {
    c(
      names(simulations), "bone_marrow_atac", "leukemia_atac",
      "mouse_cortex_multiome"
    )
  }
  options <- eval(parse(text = paste0(
    "list(", paste(arguments[-1], collapse = ", "), ")"
  )))
  for (name in names) run(name, options)
}
