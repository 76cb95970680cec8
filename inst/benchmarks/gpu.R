# GPU benchmark of a few minutes: builds sailer with the LibTorch of Python's
# torch, compares the training speed with the measured speed of matrix products
# and copies on the GPU, and runs the tests that need a GPU.
#
#   Rscript inst/benchmarks/gpu.R [--minutes=8] [--built] [--device=cuda]
#
# Run it in a checkout. Requires R and the packages that sailer imports, Python
# with a CUDA build of torch, HDF5 and a compiler; the tests also require cmake,
# Catch2 and Eigen. No measurement starts after --minutes. --built uses the
# installed sailer. --device=cpu tries the script on small data.
#
# SAILER and SAILERX train on cells with 50,000 and 200,000 random peaks, kept
# in GPU memory, Expresser at full size on random counts. Each runs in float32
# (TF32 while training) and bf16, with one process and, if there are two GPUs,
# with two. Each line comes from separate R processes: the speed of the best
# epoch after the first, and its share of the limit set by the GPU's memory
# bandwidth or arithmetic.

arguments <- commandArgs(TRUE)
option <- function(name, default) {
  given <- grep(paste0("^--", name, "="), arguments, value = TRUE)
  if (length(given) > 0) sub("^[^=]*=", "", given[1]) else default
}
script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
device <- option("device", "cuda")
small <- device == "cpu"
density <- 0.02

# ---- one measurement, in a separate process ----------------------------------

# n columns with `n_entries` non-zeros in n_rows rows each.
random_columns <- function(n_rows, n, n_entries, values) {
  set.seed(1)
  rows <- lapply(seq_len(n), function(k) sort(sample.int(n_rows, n_entries)))
  methods::new("dgCMatrix",
    i = unlist(rows) - 1L, p = as.integer(seq(0, n) * n_entries),
    x = values(n * n_entries), Dim = c(as.integer(n_rows), as.integer(n))
  )
}

random_peaks <- function(n_peaks, n_cells) {
  x <- random_columns(
    n_peaks, n_cells, round(density * n_peaks), function(n) rep(1, n)
  )
  chromosome <- sort(rep_len(1:24, n_peaks))
  start <- seq_len(n_peaks) * 1000
  dimnames(x) <- list(
    sprintf("chr%d-%.0f-%.0f", chromosome, start, start + 500),
    sprintf("cell%d", seq_len(n_cells))
  )
  x
}

random_genes <- function(n_genes, n_cells, n_entries) {
  x <- random_columns(n_genes, n_cells, n_entries, function(n) {
    1 + stats::rgeom(n, 0.3)
  })
  dimnames(x) <- list(
    sprintf("gene%d", seq_len(n_genes)), sprintf("cell%d", seq_len(n_cells))
  )
  x
}

sailer_row <- function(row) {
  counts <- random_peaks(row$size, row$cells)
  control <- train_control(
    epochs = 4, batch_size = row$batch, validation = 0, device = device,
    precision = row$precision, verbose = FALSE
  )
  if (row$model == "SAILER") {
    return(sailer(counts, min_fraction = 1e-6, control = control))
  }
  reference <- matrix(stats::rnorm(20 * row$cells), row$cells)
  rownames(reference) <- colnames(counts)
  sailerx(counts, reference, min_fraction = 1e-6, control = control)
}

expresser_row <- function(row) {
  counts <- random_genes(row$size, row$cells, min(1500, row$size %/% 4))
  expresser(counts,
    size = if (small) "small" else "full",
    control = pretrain_control(
      epochs = 3, batch_size = row$batch, validation = 0, device = device,
      precision = row$precision, verbose = FALSE
    )
  )
}

# Prints cells per second and, for Expresser, the tokens computed at once.
measure_row <- function(row) {
  suppressMessages({
    library(sailer)
    library(Matrix)
  })
  fit <- if (row$model == "Expresser") expresser_row(row) else sailer_row(row)
  speed <- max(fit$history$cells_per_second[-1])
  cat("MEASURED", speed, fit$control$token_budget %||% 0, "\n")
}

`%||%` <- function(x, y) if (is.null(x)) y else x

if (any(grepl("^--row=", arguments))) {
  row <- strsplit(option("row", ""), ",")[[1]]
  measure_row(list(
    model = row[1], size = as.integer(row[2]), cells = as.integer(row[3]),
    batch = as.integer(row[4]), precision = row[5]
  ))
  quit(status = 0)
}

# ---- the machine -------------------------------------------------------------

started <- Sys.time()
minutes <- as.numeric(option("minutes", "8"))
elapsed <- function() as.numeric(difftime(Sys.time(), started, units = "mins"))
say <- function(...) {
  cat(sprintf("[%4.1f min] ", elapsed()), sprintf(...), "\n", sep = "")
  flush(stdout())
}

run <- function(command, args, env = character(), timeout = 0) {
  suppressWarnings(system2(
    command, shQuote(args), stdout = TRUE, stderr = TRUE, env = env,
    timeout = timeout
  ))
}

# Speed of Python's torch: bytes per second of a copy in GPU memory, operations
# per second of 8192 x 8192 matrix products.
card_script <- '
import os, time, torch
def best(work):
    for _ in range(3): work()
    torch.cuda.synchronize()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(5): work()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) / 5)
    return min(times)
print("HOME", os.path.dirname(torch.__file__))
print("VERSION", torch.__version__)
print("CARDS", torch.cuda.device_count())
if torch.cuda.device_count() > 0:
    print("NAME", torch.cuda.get_device_name(0))
    a = torch.empty(1 << 28, device="cuda"); b = torch.empty_like(a)
    print("BANDWIDTH", 2 * a.numel() * 4 / best(lambda: b.copy_(a)))
    del a, b
    n = 8192
    for name, type, tf32 in (("FLOAT32", torch.float32, False),
                             ("TF32", torch.float32, True),
                             ("BF16", torch.bfloat16, False)):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        x = torch.randn(n, n, device="cuda", dtype=type)
        y = torch.empty_like(x)
        print(name, 2 * n ** 3 / best(lambda: torch.mm(x, x, out=y)))
'

ask_card <- function() {
  file <- tempfile(fileext = ".py")
  writeLines(card_script, file)
  lines <- run(Sys.which("python3"), file)
  known <- grep("^[A-Z0-9]+ ", lines, value = TRUE)
  values <- as.list(sub("^[A-Z0-9]+ ", "", known))
  names(values) <- sub(" .*", "", known)
  if (is.null(values$HOME)) {
    stop("Python's torch cannot be loaded:\n", paste(lines, collapse = "\n"),
         call. = FALSE)
  }
  values
}

build <- function(home) {
  root <- normalizePath(file.path(dirname(script), "..", ".."))
  library <- tempfile("library-")
  dir.create(library)
  env <- c(
    paste0("LIBTORCH_HOME=", home),
    paste0("MAKEFLAGS=-j", parallel::detectCores())
  )
  log <- run(
    file.path(R.home("bin"), "R"),
    c("CMD", "INSTALL", "--no-docs", paste0("--library=", library), root), env
  )
  if (!dir.exists(file.path(library, "sailer"))) {
    stop(paste(utils::tail(log, 40), collapse = "\n"), call. = FALSE)
  }
  say("sailer built")
  library
}

# Builds and runs the C++ tests that need a GPU.
test_core <- function(home) {
  root <- normalizePath(file.path(dirname(script), "..", ".."))
  folder <- tempfile("core-")
  env <- paste0("LIBTORCH_HOME=", home)
  if (Sys.which("cmake") == "") {
    return(say("no cmake: tests that need a GPU are skipped"))
  }
  log <- run("cmake", c("-S", file.path(root, "tests", "cpp"), "-B", folder),
             env)
  log <- c(log, run("cmake", c(
    "--build", folder, "--target", "torch-tests", "-j",
    as.character(parallel::detectCores())
  ), env))
  program <- file.path(folder, "torch-tests")
  if (!file.exists(program)) {
    say("the tests failed to build:\n%s", paste(utils::tail(log, 5),
                                               collapse = "\n"))
    return(invisible())
  }
  say("tests that need a GPU: %s", utils::tail(run(program, "[gpu]"), 3)[2])
}

# ---- the measurements --------------------------------------------------------

# Minimum seconds per step, by memory and by arithmetic. Counts bytes and
# operations of the two layers connected to the peaks; the others are small.
# Passes over a P x w weight: first layer 3 (rows read, gradient cleared and
# written), last layer 3 (read for the logits and for the hidden gradient,
# gradient written), Adam 7 for each. Passes over cells x peaks: see
# src/core/models/reconstruction.h.
floor_of_sailer <- function(row, card) {
  w <- 128
  bf16 <- row$precision == "bf16"
  bytes <- 4 * row$size * w * (3 + 3 + 14) +
    (if (bf16) 32 else 36) * row$batch * row$size
  operations <- 2 * row$batch * row$size * w * (3 + 2 * density)
  c(memory = bytes / card$bandwidth, arithmetic = operations /
      (if (bf16) card$bf16 else card$tf32))
}

# Forward pass plus a backward pass of twice the cost: matrix products of the
# layers (12 d^2 weights per token) and attention over the n tokens of a cell.
floor_of_expresser <- function(row, card) {
  n <- 1100
  d <- 200
  operations <- 3 * row$batch * n * 12 * (2 * 12 * d^2 + 4 * n * d)
  c(arithmetic = operations /
      (if (row$precision == "bf16") card$bf16 else card$tf32))
}

processes_env <- function(rank, n, port) {
  if (n == 1) {
    return(character())
  }
  c(
    paste0("RANK=", rank), paste0("LOCAL_RANK=", rank),
    paste0("WORLD_SIZE=", n), "MASTER_ADDR=127.0.0.1",
    paste0("MASTER_PORT=", port)
  )
}

# Result of the first process; the others run in the background.
measure_apart <- function(row, n, library) {
  given <- c(
    script, paste0("--device=", device),
    paste0("--row=", paste(
      c(row$model, row$size, row$cells, row$batch, row$precision),
      collapse = ","
    ))
  )
  program <- file.path(R.home("bin"), "Rscript")
  set.seed(as.integer(Sys.getpid()))
  port <- 29600 + sample.int(300, 1)
  env <- function(rank) {
    c(if (!is.null(library)) paste0("R_LIBS=", library),
      processes_env(rank, n, port))
  }
  for (rank in seq_len(n - 1)) {
    system2(program, shQuote(given), env = env(rank), wait = FALSE,
            stdout = FALSE, stderr = FALSE)
  }
  out <- run(program, given, env(0), timeout = 180)
  found <- grep("^MEASURED", out, value = TRUE)
  if (length(found) == 0) {
    say("failed: %s", paste(utils::tail(out, 3), collapse = " | "))
    return(NULL)
  }
  as.numeric(strsplit(found, " ")[[1]][2:3])
}

rows_of <- function(precision, n_cards) {
  scale <- if (small) 0.01 else 1
  row <- function(model, size, cells, batch, n) {
    list(model = model, size = max(200, size * scale),
         cells = max(200, cells * scale), batch = batch, precision = precision,
         n = n)
  }
  rows <- list()
  for (n in if (n_cards > 1) 1:2 else 1) {
    rows <- c(rows, list(
      row("SAILER", 50000, 10000, 400, n), row("SAILER", 200000, 6000, 400, n),
      row("SAILERX", 50000, 10000, 400, n),
      row("SAILERX", 200000, 6000, 400, n),
      row("Expresser", 20000, 5000, 256, n)
    ))
  }
  rows
}

show_row <- function(row, found, card) {
  is_expresser <- row$model == "Expresser"
  line <- sprintf(
    "%-9s %7d %s, %-7s, %d process%s: %9.0f cells/s", row$model,
    as.integer(row$size), if (is_expresser) "genes" else "peaks", row$precision,
    row$n, if (row$n > 1) "es" else "", found[1]
  )
  if (is_expresser) {
    line <- sprintf("%s, %.0f tokens/s, %.0f at once", line, 1100 * found[1],
                    found[2])
  }
  if (!is.null(card$bandwidth)) {
    floor <- if (is_expresser) {
      floor_of_expresser(row, card)
    } else {
      floor_of_sailer(row, card)
    }
    best <- row$n * row$batch / max(floor)
    line <- sprintf("%s, %.1f %% of the %s limit", line,
                    100 * found[1] / best, names(which.max(floor)))
  }
  say("%s", line)
}

known <- if (small) list(CARDS = "0") else ask_card()
n_cards <- as.integer(known$CARDS)
if (!small && n_cards == 0) {
  cat("Skipped: Python's torch", known$VERSION, "finds no GPU.\n")
  quit(status = 0)
}
card <- list()
if (!small) {
  number <- function(name) as.numeric(known[[name]])
  card <- list(bandwidth = number("BANDWIDTH"), tf32 = number("TF32"),
               bf16 = number("BF16"))
  say(paste("%d x %s, torch %s: copies %.0f GB/s, matrix products float32",
            "%.1f, TF32 %.1f, bf16 %.1f TFLOP/s"),
      n_cards, known$NAME, known$VERSION, card$bandwidth / 1e9,
      number("FLOAT32") / 1e12, card$tf32 / 1e12, card$bf16 / 1e12)
}
library <- if ("--built" %in% arguments) NULL else build(known$HOME)
for (precision in c("float32", "bf16")) {
  for (row in rows_of(precision, n_cards)) {
    if (elapsed() > minutes) {
      say("skipped, out of time: %s, %s", row$model, precision)
      next
    }
    found <- measure_apart(row, row$n, library)
    if (!is.null(found)) show_row(row, found, card)
  }
}
# Last: building the tests takes as long as building sailer.
if (!small && elapsed() < minutes) test_core(known$HOME)
