# Training speed on a GPU against its roofline: cells per second at 50,000 and
# 200,000 peaks, both architectures, with the cells kept on the GPU and streamed
# to it, and the share of the speed at which either its memory or its arithmetic
# would be the limit.
#
#   Rscript inst/benchmarks/gpu.R BANDWIDTH TFLOPS [DEVICE] [CELLS] [PEAKS ...]
#
# BANDWIDTH (GB/s) and TFLOPS (float32, without tensor cores) are those of the
# GPU: sailer has no function that measures them. A copy within the GPU's memory
# reaches some 85-90 % of what data sheets say, a large float32 matrix product
# as much; give measured numbers for a fair share. From data sheets:
#   T4 320 8.1 | V100 900 15.7 | A100 (80 GB) 2039 19.5 | RTX 4090 1008 82.6 |
#   H100 (SXM) 3350 67 | H200 4800 67
# DEVICE is "cuda" by default ("cpu" tries the script), CELLS 10000.

suppressMessages({
  library(sailer)
  library(Matrix)
})

arguments <- commandArgs(TRUE)
given <- function(k, default) {
  if (length(arguments) >= k) arguments[k] else default
}
device <- given(3, "cuda")
if (device != "cpu" && !any(grepl("cuda", sailer_sitrep()$devices))) {
  cat("Skipped: sailer sees no GPU; sailer_sitrep() says why.\n")
  quit(status = 0)
}
if (length(arguments) < 2) {
  stop("Give BANDWIDTH and TFLOPS: see the head of this file.", call. = FALSE)
}
bandwidth <- as.numeric(arguments[1]) * 1e9
rate <- as.numeric(arguments[2]) * 1e12
n_cells <- as.integer(given(4, 10000))
peaks <- if (length(arguments) > 4) as.integer(arguments[-(1:4)])
if (is.null(peaks)) peaks <- c(50000, 200000)
density <- 0.02

# Cells of random open peaks: their speed is that of real ones.
random_cells <- function(n_peaks) {
  set.seed(1)
  depth <- pmax(1, stats::rbinom(n_cells, n_peaks, density))
  open <- lapply(depth, function(n) sort(sample.int(n_peaks, n)) - 1L)
  chromosome <- sort(rep_len(1:24, n_peaks))
  start <- seq_len(n_peaks) * 1000
  methods::new("dgCMatrix",
    i = unlist(open), p = as.integer(c(0, cumsum(depth))),
    x = rep(1, sum(depth)), Dim = c(as.integer(n_peaks), n_cells),
    Dimnames = list(
      sprintf("chr%d-%.0f-%.0f", chromosome, start, start + 500),
      sprintf("cell%d", seq_len(n_cells))
    )
  )
}

# Bytes and operations of one step in the two layers that meet the peaks; the
# others are small. Passes over a weight of P x w: first layer 3 (rows read,
# gradient cleared and written), last layer 3 (read for the logits and for the
# hidden gradient, gradient written), Adam 7 for each. Passes over cells x
# peaks: see src/core/models/reconstruction.h.
floor_of_step <- function(n_peaks, batch, grouped) {
  w <- if (grouped) 64 else 128
  bytes <- 4 * n_peaks * w * (3 + 3 + 14) +
    (if (grouped) 44 else 36) * batch * n_peaks
  operations <- 2 * batch * n_peaks * w * (3 + 2 * density)
  c(memory = bytes / bandwidth, arithmetic = operations / rate)
}

# Cells per second of the best epoch after the first, which makes what is kept.
speed <- function(counts, grouped, batch, resident) {
  control <- train_control(
    epochs = 4, batch_size = batch, validation = 0, device = device,
    verbose = FALSE
  )
  if (!resident) control$resident_bytes <- 0
  fit <- sailer(counts,
    architecture = if (grouped) "chromosome" else "dense",
    hidden = if (grouped) c(64, 32) else 128,
    min_fraction = 1e-6, control = control
  )
  max(fit$history$cells_per_second[-1])
}

for (n_peaks in peaks) {
  counts <- random_cells(n_peaks)
  for (grouped in c(FALSE, TRUE)) {
    batch <- if (grouped) 200 else 100
    floor <- floor_of_step(n_peaks, batch, grouped)
    best <- batch / max(floor)
    cat(sprintf(
      "%6d peaks, %-10s roofline %8.0f cells/s (%s)\n", as.integer(n_peaks),
      if (grouped) "chromosome" else "dense", best, names(which.max(floor))
    ))
    for (resident in c(TRUE, FALSE)) {
      found <- speed(counts, grouped, batch, resident)
      cat(sprintf(
        "  %-8s %8.0f cells/s, %4.1f %% of it\n",
        if (resident) "resident" else "streamed", found, 100 * found / best
      ))
    }
  }
}
