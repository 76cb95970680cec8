# Shared by the benchmarks of training speed: random cells in memory or written
# directly to disk, and the speed and peak memory of training in a separate
# process. The cells have no types, as speed does not depend on what is learned.

suppressMessages({
  library(sailer)
  library(Matrix)
})

# Random open entries of `n_cells` x `n_peaks`, in order of cells. Gaps between
# them are geometric, so the cost is proportional to the number of non-zeros.
random_cells <- function(n_cells, n_peaks, density) {
  total <- as.numeric(n_cells) * n_peaks
  n <- ceiling(total * density + 6 * sqrt(total * density) + 10)
  at <- cumsum(stats::rgeom(n, density) + 1)
  at <- at[at <= total] - 1
  list(
    peak = as.integer(at %% n_peaks),
    ends = cumsum(tabulate(at %/% n_peaks + 1, n_cells))
  )
}

peak_names <- function(n_peaks) {
  chromosome <- 1 + (seq_len(n_peaks) - 1) * 24 %/% n_peaks
  start <- 1000 * seq_len(n_peaks)
  sprintf("chr%d-%.0f-%.0f", chromosome, start, start + 500)
}

random_matrix <- function(n_cells, n_peaks, density, seed = 1) {
  set.seed(seed)
  counts <- random_counts(n_cells, n_peaks, density)
  dimnames(counts) <- list(peak_names(n_peaks), cell_names(n_cells))
  counts
}

random_counts <- function(n_cells, n_peaks, density) {
  cells <- random_cells(n_cells, n_peaks, density)
  methods::new("dgCMatrix",
    i = cells$peak, p = c(0L, as.integer(cells$ends)),
    x = rep(1, length(cells$peak)), Dim = as.integer(c(n_peaks, n_cells))
  )
}

cell_names <- function(n_cells) sprintf("cell%07d", seq_len(n_cells))

# Writes a 10x HDF5 file in blocks, with at most `block` cells in memory.
random_tenx <- function(file, n_cells, n_peaks, density, seed = 1,
                        block = 10000) {
  set.seed(seed)
  sink <- sailer:::tenx_sink(
    file, peak_names(n_peaks), cell_names(n_cells), FALSE
  )
  on.exit(sink$abandon())
  for (first in seq(1, n_cells, by = block)) {
    n <- min(block, n_cells - first + 1)
    sink$add(random_counts(n, n_peaks, density))
  }
  sink$finish()
  invisible(file)
}

memory_mb <- function(field) {
  line <- grep(paste0("^", field), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}

cpu_seconds <- function() sum(proc.time()[c(1, 2)])

# Trains on `x`; returns cells per CPU-second and per second over the epochs
# after the second (the checkpoint written after the first would weigh too much
# in a run of a few steps), and peak resident memory. `epochs`: at least 3.
measure <- function(x, architecture, hidden, batch_size, epochs = 3) {
  run <- sailer:::prepare_run(
    x, quote(sailer()), NULL, NULL,
    list(architecture = architecture, hidden = hidden, n_latent = 16),
    min_fraction = 1e-9, max_fraction = 1, ranges = NULL,
    control = train_control(
      epochs = epochs, batch_size = batch_size, validation = 0, warmup = 0,
      frozen = 0, threads = 1, device = "cpu", verbose = FALSE
    )
  )
  gc()
  resting <- memory_mb("VmRSS")
  cat("5", file = "/proc/self/clear_refs") # resets the peak
  clock <- NULL
  report <- function(p) {
    if (p$done >= p$cells) {
      clock <<- rbind(clock, c(p$epoch, cpu_seconds(), proc.time()[[3]]))
    }
  }
  sailer:::run_plan(run$plan, run$cells, run$map, report = report)
  spent <- clock[nrow(clock), ] - clock[2, ]
  n <- length(run$plan$cells)
  c(
    cells_per_cpu_second = n * spent[[1]] / spent[[2]],
    cells_per_second = n * spent[[1]] / spent[[3]],
    resting_mb = resting, peak_mb = memory_mb("VmHWM")
  )
}

# The same in a separate R process, so that peak memory is that of this run,
# with sailer loaded from `library`.
measure_apart <- function(..., library = NULL) {
  arguments <- tempfile(fileext = ".rds")
  result <- tempfile(fileext = ".rds")
  on.exit(unlink(c(arguments, result)))
  saveRDS(list(...), arguments)
  here <- benchmark_folder()
  code <- sprintf(
    paste(
      "source('%s'); a <- readRDS('%s'); a$x <- eval(a$x);",
      "saveRDS(do.call(measure, a), '%s')"
    ),
    file.path(here, "engine.R"), arguments, result
  )
  paths <- c(library, .libPaths())
  status <- system2(
    file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code)),
    env = c(
      "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1",
      paste0("R_LIBS=", paste(paths, collapse = ":"))
    )
  )
  if (status != 0 || !file.exists(result)) {
    return(c(
      cells_per_cpu_second = NA, cells_per_second = NA, resting_mb = NA,
      peak_mb = NA
    ))
  }
  readRDS(result)
}

benchmark_folder <- function() {
  file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
  if (length(file) == 1) {
    dirname(normalizePath(file))
  } else {
    system.file("benchmarks", package = "sailer")
  }
}
