# Figure 2.5: time and memory by number of cells.

source(file.path(folder, "engine.R"), local = TRUE)

run <- function(context) {
  sizes <- if (context$full) {
    c(5000, 20000, 100000, 1e6)
  } else {
    c(2000, 4000, 8000, 16000)
  }
  n_peaks <- if (context$full) 50000 else 10000
  rows <- NULL
  for (n_cells in sizes) {
    path <- tempfile(fileext = ".h5")
    simulated <- timed(simulate_atac(
      n_cells = n_cells, n_peaks = n_peaks, n_types = 5, rare = NULL,
      fragments = 0.02 * n_peaks, seed = context$seed, file = path
    ))
    # Three epochs in a separate process, whose memory is measured.
    made <- measure_apart(
      x = bquote(open_cells(.(path))), architecture = "dense", hidden = 32,
      batch_size = 100, epochs = 3
    )
    unlink(path)
    rows <- rbind(rows, rows_of(
      "streamed from a file", paste(format(n_cells, scientific = FALSE),
                                    "cells"),
      c(
        `CPU seconds an epoch` = n_cells / made[["cells_per_cpu_second"]],
        `cells per CPU-second` = made[["cells_per_cpu_second"]],
        `peak memory, MB` = made[["peak_mb"]],
        `MB above rest` = made[["peak_mb"]] - made[["resting_mb"]],
        `simulation, s` = simulated$seconds
      ), context
    ))
  }
  list(rows = rows, figures = if (context$first) scale_figures(rows))
}

cells_in <- function(rows) as.numeric(sub(" .*", "", rows$method))

scale_figures <- function(rows) {
  lapply(c("CPU seconds an epoch", "peak memory, MB"), function(measure) {
    own <- rows[rows$measure == measure, ]
    own$cells <- cells_in(own)
    ggplot2::ggplot(own, ggplot2::aes(.data$cells, .data$value)) +
      ggplot2::geom_line() +
      ggplot2::geom_point() +
      ggplot2::expand_limits(y = 0) +
      ggplot2::labs(x = "cells", y = measure) +
      ggplot2::theme_bw(11)
  })
}

linear <- claim_by(
  "The time per epoch grows linearly with the number of cells", function(rows) {
    own <- rows[rows$measure == "CPU seconds an epoch", ]
    slope <- stats::coef(stats::lm(log(own$value) ~ log(cells_in(own))))[[2]]
    list(
      verdict = if (abs(slope - 1) < 0.15) "holds" else "does not hold",
      evidence = sprintf("time ~ cells^%.2f from %s to %s cells", slope,
                         min(cells_in(own)), max(cells_in(own)))
    )
  }
)

bounded <- claim_by(
  "Memory does not grow with the number of cells", function(rows) {
    own <- rows[rows$measure == "peak memory, MB", ]
    means <- tapply(own$value, cells_in(own), mean)
    ends <- means[c(1, length(means))]
    list(
      verdict = if (ends[2] < 1.15 * ends[1]) "holds" else "does not hold",
      evidence = sprintf(
        "%.0f MB for %s cells, %.0f MB for %s cells", ends[1], names(ends)[1],
        ends[2], names(ends)[2]
      )
    )
  }
)

experiment(
  "scalability",
  "Figure 2.5: time and memory by number of cells",
  paste(
    "Simulated cells, streamed from a 10x HDF5 file, with 2 % of the peaks",
    "open. Dense architecture with 32 hidden units, one thread. Quick: 2,000",
    "to 16,000 cells x 10,000 peaks. Full: 5,000 to a million cells x 50,000",
    "peaks."
  ),
  run, list(linear, bounded),
  not_here = paste(
    "comparison with the hours that SCALE and SnapATAC take on the mouse",
    "atlas, because neither program is available here. Times on a GPU are",
    "measured by gpu.R."
  ),
  seconds = 10
)
