# Measures speed and memory of training.
#
#   Rscript throughput.R                    full grid, about half an hour
#   Rscript throughput.R --brief            only 50,000 peaks, 2 % open
#   Rscript throughput.R --against=LIBRARY  compare with the sailer in LIBRARY
#
# Each row is measured in a separate process on one thread. Speed is in cells
# per CPU second after the second epoch. "peak" is the peak resident memory,
# "resting" the resident memory before training; both include R, LibTorch and
# the data. "file" streams the cells from a 10x HDF5 file. With --against the
# two versions alternate, three runs each; "times" and "memory" are ratios of
# the medians of speed and peak memory, this version to the other.

arguments <- commandArgs(trailingOnly = TRUE)
file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(file), "engine.R"))
brief <- "--brief" %in% arguments
other <- sub("^--against=", "", grep("^--against=", arguments, value = TRUE))

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

# Few cells are enough: the cost of a step does not depend on their number.
row_of <- function(model, n_cells, n_peaks, density, file = NULL, epochs = 3) {
  x <- if (is.null(file)) {
    bquote(random_matrix(.(n_cells), .(n_peaks), .(density)))
  } else {
    bquote(open_cells(.(file)))
  }
  run <- function(library) {
    measure_apart(
      x = x, architecture = model$architecture, hidden = model$hidden,
      batch_size = model$batch_size, epochs = epochs, library = library
    )
  }
  turns <- if (length(other) > 0) 3 else 1
  ours <- theirs <- NULL
  for (turn in seq_len(turns)) {
    ours <- rbind(ours, run(NULL))
    if (length(other) > 0) theirs <- rbind(theirs, run(other))
  }
  middle <- function(x) apply(x, 2, stats::median)
  ours <- middle(ours)
  row <- data.frame(
    model = model$name, cells = n_cells, peaks = n_peaks, density = density,
    from = if (is.null(file)) "memory" else "file",
    cells_per_cpu_second = round(ours[["cells_per_cpu_second"]]),
    peak_mb = round(ours[["peak_mb"]]), resting_mb = round(ours[["resting_mb"]])
  )
  if (length(other) > 0) {
    ratio <- ours / middle(theirs)
    row$times <- round(ratio[["cells_per_cpu_second"]], 2)
    row$memory <- round(ratio[["peak_mb"]], 2)
  }
  row
}

show <- function(rows) {
  print(rows, row.names = FALSE)
  cat("\n")
  flush(stdout())
}

compare <- function(model, n_peaks, density) {
  n_cells <- 10 * model$batch_size
  rows <- row_of(model, n_cells, n_peaks, density, epochs = 5)
  # More cells when streaming, so that several blocks are read.
  if (requireNamespace("rhdf5", quietly = TRUE)) {
    path <- tempfile(fileext = ".h5")
    on.exit(unlink(path))
    random_tenx(path, 5 * n_cells, n_peaks, density)
    rows <- rbind(rows, row_of(model, 5 * n_cells, n_peaks, density, path))
  }
  show(rows)
}

cat("LibTorch ", sailer:::core_build_info()$libtorch_version, ", ",
    sailer:::core_build_info()$blas$name, ", one thread\n\n", sep = "")
sizes <- if (brief) 50000 else c(10000, 50000, 200000)
densities <- if (brief) 0.02 else c(0.005, 0.02, 0.05)
for (n_peaks in sizes) {
  for (density in densities) {
    for (model in models) compare(model, n_peaks, density)
  }
}

if (brief) quit(save = "no")
cat("By number of cells (50,000 peaks, 2 % open, chromosome 64-32):\n\n")
for (n_cells in c(2000, 8000, 32000)) {
  path <- tempfile(fileext = ".h5")
  random_tenx(path, n_cells, 50000, 0.02)
  show(rbind(
    row_of(models[[4]], n_cells, 50000, 0.02),
    row_of(models[[4]], n_cells, 50000, 0.02, path)
  ))
  unlink(path)
}
