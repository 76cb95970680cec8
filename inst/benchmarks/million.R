# Trains to completion on a million cells streamed from disk.
#
#   Rscript million.R [cells = 1000000] [peaks = 100000] [file]
#
# Simulates a 10x HDF5 file with 12 cell types, two batches and about 840 open
# peaks per cell (about 15 minutes for a million cells). An existing `file` is
# used instead, with the batches in FILE.batch.rds if it exists. Trains with the
# defaults on one thread until the stopping rule applies and embeds all cells.
# Prints time and resident memory for each stage and every 20 seconds of
# training. Run it with different numbers of cells to see what scales with them.

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(file), "engine.R"))
given <- commandArgs(trailingOnly = TRUE)
n_cells <- if (length(given) > 0) as.numeric(given[1]) else 1e6
n_peaks <- if (length(given) > 1) as.numeric(given[2]) else 1e5
path <- if (length(given) > 2) given[3] else tempfile(fileext = ".h5")

start <- proc.time()
say <- function(what) {
  spent <- proc.time() - start
  cat(sprintf(
    "%7.0f s, %7.0f CPU s, resident %5.0f MB, peak %5.0f MB: %s\n",
    spent[[3]], sum(spent[1:2]), memory_mb("VmRSS"), memory_mb("VmHWM"), what
  ))
  flush(stdout())
}

batch_file <- paste0(path, ".batch.rds")
if (!file.exists(path)) {
  # In a separate process, so that its memory is not counted.
  system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(sprintf(
    "saveRDS(sailer::simulate_atac(
       n_cells = %.0f, n_peaks = %.0f, n_types = 12, fragments = 700,
       signal = 0.5, seed = 1, file = '%s'
     )$cells$batch, '%s')", n_cells, n_peaks, path, batch_file
  ))))
  say(sprintf("simulated, %.1f GB", file.size(path) / 1e9))
}

batch <- if (file.exists(batch_file)) readRDS(batch_file)

x <- open_cells(path)
say("opened")

last <- proc.time()[[3]]
report <- function(p) {
  now <- proc.time()[[3]]
  if (now - last > 20) {
    last <<- now
    say(sprintf(
      "%.0f of %.0f cells of epoch %.0f, %.0f cells/s, loss %.1f",
      p$done, p$cells, p$epoch, p$speed, p$loss
    ))
  }
}
run <- sailer:::prepare_run(
  x, quote(sailer()), batch, NULL, list(), min_fraction = 0.002,
  max_fraction = 0.9, ranges = NULL,
  control = train_control(threads = 1, device = "cpu", verbose = FALSE)
)
say("counts checked and packed")
fit <- sailer:::run_plan(run$plan, run$cells, run$map, report = report)
say(paste("training", fit$status, "and cells embedded"))
print(fit)
print(fit$history[c("epoch", "validation_elbo", "seconds")], row.names = FALSE)
