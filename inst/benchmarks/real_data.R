# SAILER beside LSI on real data with labels:
#
#   Rscript inst/benchmarks/real_data.R [data set] [options of sailer() as R]
#   Rscript inst/benchmarks/real_data.R bone_marrow_atac 'n_latent = 20'
#
# Data sets are folders below SAILER_DATA (default ../shared/data). For each
# embedding it prints ARI and NMI of Leiden clusters with the labels, their best
# and their mean over resolutions, the purity of 50 neighbours, mutual
# information with depth and batch, seconds, CPU seconds and the peak memory of
# the process so far.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))

run <- function(name, options) {
  data <- read_atac(name)
  depth <- Matrix::colSums(data$counts > 0)
  cpu <- function(code) {
    time <- system.time(code)
    c(seconds = time[["elapsed"]], cpu = sum(time[c(1, 2)]))
  }
  kinds <- expand.grid(n = c(10, 16, 30), logarithm = c(TRUE, FALSE))
  linear <- t(mapply(function(n, logarithm) {
    time <- cpu(embedded <- lsi(data$counts, n, logarithm))
    c(score(embedded, data$cells, depth), time, peak_gb = peak_memory_gb())
  }, kinds$n, kinds$logarithm))
  rownames(linear) <- paste(
    "LSI", kinds$n, ifelse(kinds$logarithm, "log", "")
  )
  time_fit <- cpu(fit <- do.call(sailer, c(
    list(data$counts, batch = data$cells$batch), options
  )))
  rows <- rbind(linear, SAILER = c(
    score(embedding(fit), data$cells, depth), time_fit,
    peak_gb = peak_memory_gb()
  ))
  cat("\n", name, ": ", ncol(data$counts), " cells x ", nrow(data$counts),
    " peaks\n",
    sep = ""
  )
  print(fit)
  print(round(rows, 3))
  invisible(list(fit = fit, rows = rows))
}

if (sys.nframe() == 0) {
  arguments <- commandArgs(TRUE)
  names <- if (length(arguments)) {
    arguments[1]
  } else {
    c("bone_marrow_atac", "leukemia_atac")
  }
  options <- eval(parse(text = paste0(
    "list(", paste(arguments[-1], collapse = ", "), ")"
  )))
  for (name in names) run(name, options)
}
