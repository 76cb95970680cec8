# SAILER beside LSI on real data with labels:
#
#   Rscript inst/benchmarks/real_data.R [data set] [options of sailer() as R]
#   Rscript inst/benchmarks/real_data.R bone_marrow_atac 'n_latent = 20'
#
# Data sets are folders below SAILER_DATA (default ../shared/data). For each
# embedding it prints ARI and NMI of Leiden clusters with the labels, their best
# and their mean over resolutions, mutual information with depth and batch, time
# and the peak memory of the process.

suppressMessages({
  library(sailer)
  library(Matrix)
})

read_atac <- function(name) {
  folder <- file.path(Sys.getenv("SAILER_DATA", "../shared/data"), name)
  if (!dir.exists(folder)) {
    stop("There is no folder ", folder, ": set SAILER_DATA.", call. = FALSE)
  }
  cells <- utils::read.delim(file.path(folder, "cells.tsv"))
  counts <- methods::as(
    Matrix::readMM(gzfile(file.path(folder, "atac.mtx.gz"))), "CsparseMatrix"
  )
  peaks <- utils::read.delim(
    file.path(folder, "atac_features.tsv.gz"),
    header = FALSE
  )[[1]]
  dimnames(counts) <- list(
    make.unique(peaks), make.unique(as.character(cells[[1]]))
  )
  counts@x[] <- round(counts@x)
  list(counts = counts, cells = cells)
}

# TF-IDF as Signac computes it (log(tf * idf * 1e4 + 1)), truncated SVD, and the
# first component, which is depth, dropped. Components keep their singular
# values: scaled to equal variance they did far worse on shallow data.
lsi <- function(counts, n = 30) {
  open <- methods::as(counts > 0, "dMatrix")
  tf <- open %*% Matrix::Diagonal(x = 1 / Matrix::colSums(open))
  tfidf <- Matrix::Diagonal(x = ncol(open) / Matrix::rowSums(open)) %*% tf
  tfidf@x <- log1p(tfidf@x * 1e4)
  # irlba uses R's generator; the start is fixed for the table's sake.
  set.seed(1)
  svd <- irlba::irlba(Matrix::t(tfidf), nv = n + 1)
  (svd$u %*% diag(svd$d))[, -1]
}

leiden <- function(embedding, resolution, k = 15) {
  nn <- RANN::nn2(embedding, k = k + 1)$nn.idx[, -1]
  edges <- cbind(rep(seq_len(nrow(nn)), k), as.vector(nn))
  graph <- igraph::simplify(igraph::graph_from_edgelist(edges, FALSE))
  set.seed(1)
  igraph::membership(igraph::cluster_leiden(
    graph, "modularity",
    resolution_parameter = resolution, n_iterations = 10
  ))
}

score <- function(embedding, cells, depth,
                  resolutions = seq(0.2, 2, by = 0.2)) {
  clusters <- lapply(resolutions, function(r) leiden(embedding, r))
  ari <- vapply(clusters, adjusted_rand_index, 0, y = cells$cell_type)
  nmi <- vapply(clusters, normalized_mutual_information, 0,
    y = cells$cell_type
  )
  nn <- RANN::nn2(embedding, k = 51)$nn.idx[, -1]
  purity <- mean(matrix(cells$cell_type[nn], nrow(nn)) == cells$cell_type)
  c(
    ari_best = max(ari), ari_mean = mean(ari), nmi_best = max(nmi),
    nmi_mean = mean(nmi), purity = purity,
    mi_depth = mutual_information(embedding, log(depth))$mean,
    mi_batch = mutual_information(embedding, factor(cells$batch))$mean
  )
}

peak_memory_gb <- function() {
  status <- "/proc/self/status"
  if (!file.exists(status)) {
    return(NA)
  }
  line <- grep("^VmHWM", readLines(status), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024^2
}

run <- function(name, options) {
  data <- read_atac(name)
  depth <- Matrix::colSums(data$counts > 0)
  cpu <- function(code) {
    time <- system.time(code)
    c(seconds = time[["elapsed"]], cpu = sum(time[c(1, 2)]))
  }
  time_lsi <- cpu(linear <- lsi(data$counts))
  memory_lsi <- peak_memory_gb()
  time_fit <- cpu(fit <- do.call(sailer, c(
    list(data$counts, batch = data$cells$batch), options
  )))
  rows <- rbind(
    LSI = c(
      score(linear, data$cells, depth), time_lsi, peak_gb = memory_lsi
    ),
    SAILER = c(
      score(embedding(fit), data$cells, depth), time_fit,
      peak_gb = peak_memory_gb()
    )
  )
  cat("\n", name, ": ", ncol(data$counts), " cells x ", nrow(data$counts),
    " peaks\n",
    sep = ""
  )
  print(fit)
  print(round(rows, 3))
  invisible(list(fit = fit, rows = rows))
}

if (sys.nframe() == 0) {
  arguments <- commandArgs(TRUE)
  names <- if (length(arguments)) {
    arguments[1]
  } else {
    c("bone_marrow_atac", "leukemia_atac")
  }
  options <- eval(parse(text = paste0(
    "list(", paste(arguments[-1], collapse = ", "), ")"
  )))
  for (name in names) run(name, options)
}
