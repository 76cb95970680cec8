# File size, speed and memory of a corpus.
#
#   Rscript corpus.R [cells = 50000] [genes = 20000] [per_cell = 1000] [file]
#
# Simulates RNA counts with the given number of non-zeros per cell as a 10x HDF5
# file (or uses an existing `file`), builds a corpus from it, and reads all
# cells in minibatches of 256, once in order and twice in random order. Prints
# bytes and seconds per non-zero, and resident memory. Cached pages of the
# mapped file count as resident ("RssFile"), but the system reclaims them when
# memory is needed; "RssAnon" is the memory of the process itself.

file <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(file), "engine.R"))
given <- commandArgs(trailingOnly = TRUE)
n_cells <- if (length(given) > 0) as.numeric(given[1]) else 5e4
n_genes <- if (length(given) > 1) as.numeric(given[2]) else 2e4
per_cell <- if (length(given) > 2) as.numeric(given[3]) else 1000
path <- if (length(given) > 3) given[4] else tempfile(fileext = ".h5")

# Counts distributed as in real cells: most are 1, some are hundreds.
simulate <- function(path, n_cells, n_genes, per_cell, block = 5000) {
  set.seed(1)
  weight <- exp(stats::rnorm(n_genes, sd = 2))
  scale <- stats::uniroot(function(s) {
    sum(pmin(1, s * weight)) - per_cell
  }, c(0, 1e6))$root
  chance <- pmin(1, scale * weight)
  sink <- sailer:::tenx_sink(
    path, sprintf("GENE%d", seq_len(n_genes)),
    sprintf("cell%07d", seq_len(n_cells)),
    overwrite = TRUE, type = "Gene Expression"
  )
  for (cells in split(seq_len(n_cells), ceiling(seq_len(n_cells) / block))) {
    drawn <- lapply(cells, function(cell) {
      genes <- which(stats::runif(n_genes) < chance)
      list(genes, 1L + stats::rpois(length(genes), weight[genes] / 30))
    })
    sink$add(Matrix::sparseMatrix(
      i = unlist(lapply(drawn, `[[`, 1)),
      p = c(0, cumsum(lengths(lapply(drawn, `[[`, 1)))),
      x = unlist(lapply(drawn, `[[`, 2)), dims = c(n_genes, length(cells))
    ))
  }
  sink$finish()
}

say <- function(what, spent = NULL, n = NULL) {
  cat(sprintf(
    "%-34s %s anon %5.0f MB, mapped %5.0f MB, peak %5.0f MB\n", what,
    if (is.null(spent)) {
      strrep(" ", 42)
    } else {
      sprintf(
        "%6.1f s, %6.1f CPU-s, %6.3f s/1e6 counts;", spent[[3]],
        sum(spent[1:2]), spent[[3]] / n * 1e6
      )
    },
    memory_mb("RssAnon"), memory_mb("RssFile"), memory_mb("VmHWM")
  ))
  flush(stdout())
}

# Simulates in a separate process, whose memory does not count.
if (length(given) > 4) {
  simulate(path, n_cells, n_genes, per_cell)
  quit("no")
}
if (!file.exists(path)) {
  system2(file.path(R.home("bin"), "Rscript"), shQuote(c(
    file, format(n_cells, scientific = FALSE),
    format(n_genes, scientific = FALSE), per_cell, path, "simulate"
  )))
}

say("started")
target <- tempfile(fileext = ".corpus")
spent <- system.time(
  corpus <- build_corpus(path, target, min_cells = 0, verbose = FALSE)
)
n <- corpus$n_nonzeros
say("built", spent, n)
cat(sprintf(
  "%.0f cells, %.0f counts, %.2f bytes per count (10x file: %.2f)\n",
  corpus$n_cells, n, file.size(target) / n, file.size(path) / n
))
spent <- system.time(open_cells(target))
say("reopened", spent, n)
spent <- system.time(sailer:::core_corpus_open(target, check = TRUE))
say("checked", spent, n)

read_all <- function(order) {
  for (cells in split(order, ceiling(seq_along(order) / 256))) {
    sailer:::core_cells_block(corpus$source, cells)
  }
}
set.seed(1)
for (how in c("in order", "at random", "at random again")) {
  order <- seq_len(corpus$n_cells)
  if (how != "in order") order <- sample(order)
  spent <- system.time(read_all(order))
  say(paste("read", how), spent, n)
}
unlink(target)
