# Speed and memory of training: ours against the plain dense computation with
# the same LibTorch, threads, minibatches and data.
#
#   Rscript throughput.R            the whole grid, about an hour
#   Rscript throughput.R --brief    50,000 peaks at 2 % only
#
# "dense" makes every minibatch a dense matrix, computes all logits at once and
# leaves the rest to autograd and plain Adam. Each row is measured in a process
# of its own, on one thread, in cells per CPU-second after the first epoch;
# memory is the peak of the resident set, R and LibTorch included ("resting" is
# what they and the data took before training). "ours, file" streams the cells
# from a 10x HDF5 file.

arguments <- commandArgs(trailingOnly = TRUE)
file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(file), "engine.R"))
brief <- "--brief" %in% arguments

models <- list(
  list(name = "dense 32", architecture = "dense", hidden = 32,
       batch_size = 100),
  list(name = "dense 128", architecture = "dense", hidden = 128,
       batch_size = 100),
  list(name = "dense 1000-100", architecture = "dense", hidden = c(1000, 100),
       batch_size = 100),
  list(name = "chromosome 64-32", architecture = "chromosome",
       hidden = c(64, 32), batch_size = 200)
)

# Few cells are enough: a step costs the same whatever there is in all.
row_of <- function(model, n_cells, n_peaks, density, engine, file = NULL,
                   epochs = 2, ...) {
  x <- if (is.null(file)) {
    bquote(random_matrix(.(n_cells), .(n_peaks), .(density)))
  } else {
    bquote(open_cells(.(file)))
  }
  measured <- measure_apart(
    x = x, architecture = model$architecture, hidden = model$hidden,
    batch_size = model$batch_size, engine = engine, epochs = epochs, ...
  )
  data.frame(
    model = model$name, cells = n_cells, peaks = n_peaks,
    density = density, how = paste0(
      if (engine == "dense") "dense" else "ours",
      if (!is.null(file)) ", file", if (...length() > 0) ", sampled"
    ),
    cells_per_cpu_second = round(measured[["cells_per_cpu_second"]]),
    peak_mb = round(measured[["peak_mb"]]),
    resting_mb = round(measured[["resting_mb"]])
  )
}

show <- function(rows) {
  base <- rows[rows$how == "dense", ]
  if (nrow(base) == 1) {
    rows$times_dense <- round(
      rows$cells_per_cpu_second / base$cells_per_cpu_second, 2
    )
    rows$memory_share <- round(rows$peak_mb / base$peak_mb, 2)
  }
  print(rows, row.names = FALSE)
  cat("\n")
  flush(stdout())
  rows
}

compare <- function(model, n_peaks, density) {
  n_cells <- 10 * model$batch_size
  rows <- lapply(c("dense", "fused"), function(engine) {
    row_of(model, n_cells, n_peaks, density, engine, epochs = 3)
  })
  # More cells where they stream, so that several blocks are read.
  if (requireNamespace("rhdf5", quietly = TRUE)) {
    path <- tempfile(fileext = ".h5")
    on.exit(unlink(path))
    random_tenx(path, 5 * n_cells, n_peaks, density)
    rows <- c(rows, list(
      row_of(model, 5 * n_cells, n_peaks, density, "fused", path)
    ))
  }
  rows <- c(rows, list(row_of(
    model, n_cells, n_peaks, density, "fused", epochs = 3,
    reconstruction = "sampled"
  )))
  show(do.call(rbind, rows))
}

cat("LibTorch ", sailer:::core_build_info()$libtorch_version, ", ",
    sailer:::core_build_info()$blas, ", one thread\n\n", sep = "")
sizes <- if (brief) 50000 else c(10000, 50000, 200000)
densities <- if (brief) 0.02 else c(0.005, 0.02, 0.05)
for (n_peaks in sizes) {
  for (density in densities) {
    for (model in models) compare(model, n_peaks, density)
  }
}

if (brief) quit(save = "no")
cat("With the number of cells, 50,000 peaks at 2 %, chromosome 64-32:\n\n")
for (n_cells in c(2000, 8000, 32000)) {
  path <- tempfile(fileext = ".h5")
  random_tenx(path, n_cells, 50000, 0.02)
  show(rbind(
    row_of(models[[4]], n_cells, 50000, 0.02, "dense"),
    row_of(models[[4]], n_cells, 50000, 0.02, "fused"),
    row_of(models[[4]], n_cells, 50000, 0.02, "fused", path)
  ))
  unlink(path)
}
