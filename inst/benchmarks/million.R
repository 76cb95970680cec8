# Memory of training while a million cells stream from disk.
#
#   Rscript million.R [cells = 1000000] [peaks = 100000] [minutes = 10] [file]
#
# Simulates a 10x HDF5 file with 0.5 % of the entries open (about 9 minutes for
# a million cells; an existing `file` is taken as it is), trains the chromosome
# architecture for at most an epoch or so many minutes on one thread, and prints
# what is resident every 20 seconds. Ctrl-C, which the script sends to itself
# when the time is up, returns the fit so far.

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(file), "engine.R"))
given <- commandArgs(trailingOnly = TRUE)
n_cells <- if (length(given) > 0) as.numeric(given[1]) else 1e6
n_peaks <- if (length(given) > 1) as.numeric(given[2]) else 1e5
minutes <- if (length(given) > 2) as.numeric(given[3]) else 10
path <- if (length(given) > 3) given[4] else tempfile(fileext = ".h5")

start <- proc.time()
say <- function(what) {
  spent <- proc.time() - start
  cat(sprintf(
    "%7.0f s, %7.0f CPU-s, resident %5.0f MB, peak %5.0f MB: %s\n",
    spent[[3]], sum(spent[1:2]), memory_mb("VmRSS"), memory_mb("VmHWM"), what
  ))
  flush(stdout())
}

if (!file.exists(path)) {
  # In a process of its own: memory of the simulation is not that of training.
  system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(sprintf(
    "source('%s'); random_tenx('%s', %.0f, %.0f, 0.005)",
    file.path(benchmark_folder(), "engine.R"), path, n_cells, n_peaks
  ))))
  say("simulated")
}

x <- open_cells(path)
say("opened")
depth <- cell_depth(x)
say(paste(format(sum(as.numeric(depth)), big.mark = ","), "non-zeros checked"))

last <- proc.time()[[3]]
end <- last + 60 * minutes
report <- function(p) {
  now <- proc.time()[[3]]
  if (now - last > 20) {
    last <<- now
    say(sprintf(
      "%.0f of %.0f cells of epoch %.0f, %.0f cells/s, loss %.1f",
      p$done, p$cells, p$epoch, p$speed, p$loss
    ))
  }
  if (now > end) tools::pskill(Sys.getpid(), tools::SIGINT)
}
run <- sailer:::prepare_run(
  x, quote(sailer()), NULL, NULL, list(architecture = "chromosome"),
  min_fraction = 0.001, max_fraction = 0.9, ranges = NULL,
  control = train_control(
    epochs = 1, validation = 0, warmup = 0, threads = 1, device = "cpu",
    verbose = FALSE
  )
)
say("ready")
fit <- sailer:::run_plan(run$plan, run$cells, run$map, report = report)
say(paste("training", fit$status))
