# Comparison of imputed and raw profiles, on real cells with labels:
#
#   Rscript inst/benchmarks/impute.R [data set] [options of sailer() as R]
#
# Pooled profiles of cell types replace bulk data as the truth (thesis 2.2.6):
# the peaks open in at least `share` of a type's cells. They are computed from a
# random half of each type's cells, and the other half is scored, so that no
# cell is compared with itself. The model is trained on all cells, without
# labels. Types with fewer than 50 cells are excluded.
#
# For each scored cell, the Dice score (eq. 2.7) of the pooled profile of its
# type and
#   raw        the observed peaks
#   common     the most frequent peaks over all cells (ignores the cell)
#   LSI 30     the most frequent peaks among the cell and its 30
#   LSI 100    or 100 nearest neighbours in LSI
#   imputed    the most probable peaks by impute()
# The last four have the same number of peaks in every cell, the mean size of
# the pooled profiles; "own size" has the number of the profile of the cell's
# type. Means are over cells, and over types (of the mean per type). Then CPU
# seconds and values (peaks x cells) per CPU second for each form of output.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))

# peaks x types, TRUE if open in at least `share` of the type's cells.
pooled_profiles <- function(open, types, share) {
  by_type <- Matrix::fac2sparse(types, drop.unused.levels = FALSE)
  counts <- open %*% Matrix::t(by_type)
  as.matrix(counts) >= rep(share * table(types), each = nrow(open))
}

# Mean accessibility over each of `cells` and its `k` nearest neighbours.
smooth <- function(open, embedding, cells, k) {
  nn <- RANN::nn2(embedding, embedding[cells, ], k = k + 1)$nn.idx
  mean <- Matrix::sparseMatrix(
    i = as.vector(nn), j = rep(seq_along(cells), ncol(nn)), x = 1 / ncol(nn),
    dims = c(ncol(open), length(cells))
  )
  open %*% mean
}

compare <- function(fit, open, types, pool, share, smoothed) {
  profiles <- pooled_profiles(open[, pool], types[pool], share)
  sizes <- colSums(profiles)
  cells <- setdiff(seq_along(types), pool)
  own <- as.character(types[cells])
  truth <- profiles[, own]
  n <- round(mean(sizes))
  common <- rank(-Matrix::rowMeans(open), ties.method = "first") <= n
  exact <- numeric(length(cells))
  for (type in unique(own)) {
    at <- own == type
    exact[at] <- dice_score(truth[, at], impute(
      fit, cells = colnames(open)[cells[at]], n_open = sizes[[type]]
    ))
  }
  scores <- cbind(
    raw = dice_score(truth, open[, cells]),
    common = dice_score(truth, as.numeric(common)),
    `LSI 30` = dice_score(truth, largest(smoothed[[1]], n)),
    `LSI 100` = dice_score(truth, largest(smoothed[[2]], n)),
    imputed = dice_score(
      truth, impute(fit, cells = colnames(open)[cells], n_open = n)
    ),
    `imputed, own size` = exact
  )
  by_type <- apply(scores, 2, function(x) mean(tapply(x, own, mean)))
  rows <- rbind(colMeans(scores), by_type)
  data.frame(
    share = share, size = n, mean_over = c("cells", "types"),
    round(rows, 3), row.names = NULL, check.names = FALSE
  )
}

# CPU seconds of a second run: the first one loads packages.
cpu_seconds <- function(code) {
  code <- substitute(code)
  eval(code, parent.frame())
  sum(system.time(eval(code, parent.frame()))[c("user.self", "sys.self")])
}

speed <- function(fit) {
  n <- as.numeric(length(fit$peaks)) * length(fit$cells)
  path <- tempfile(fileext = ".h5")
  seconds <- c(
    matrix = cpu_seconds(impute(fit)),
    threshold = cpu_seconds(impute(fit, threshold = 0.1)),
    n_open = cpu_seconds(impute(fit, n_open = 1000)),
    file = cpu_seconds(impute(fit, file = path, overwrite = TRUE))
  )
  cat(sprintf(
    "\n%.0f million values; %.2f bytes per value in the file\n", n / 1e6,
    file.size(path) / n
  ))
  print(round(rbind(
    `CPU seconds` = seconds, `million/s` = n / seconds / 1e6
  ), 1))
}

run <- function(name, options) {
  data <- read_atac(name)
  types <- factor(data$cells$cell_type)
  fit <- do.call(sailer, c(
    list(data$counts, batch = data$cells$batch), options
  ))
  print(fit)
  many <- types %in% names(which(table(types) >= 50))
  types <- droplevels(types[many])
  open <- methods::as(data$counts[fit$peaks, many] > 0, "dMatrix")
  set.seed(1)
  pool <- unlist(tapply(seq_along(types), types, function(cells) {
    sample(cells, length(cells) %/% 2)
  }))
  cells <- setdiff(seq_along(types), pool)
  linear <- lsi(data$counts)[many, ]
  smoothed <- lapply(c(30, 100), function(k) {
    as.matrix(smooth(open, linear, cells, k))
  })
  rows <- lapply(c(0.02, 0.05, 0.1, 0.2), function(share) {
    compare(fit, open, types, pool, share, smoothed)
  })
  print(do.call(rbind, rows))
  speed(fit)
}

if (sys.nframe() == 0) {
  arguments <- commandArgs(TRUE)
  options <- eval(parse(text = paste0(
    "list(", paste(arguments[-1], collapse = ", "), ")"
  )))
  run(c(arguments, "bone_marrow_atac")[1], options)
}
