# Shared by the benchmarks on labelled cells: data, LSI and scores.

suppressMessages({
  library(sailer)
  library(Matrix)
})

# The folder of a data set, which must exist.
data_folder <- function(name) {
  folder <- file.path(Sys.getenv("SAILER_DATA", "../shared/data"), name)
  if (!dir.exists(folder)) {
    stop("Folder ", folder, " not found: set SAILER_DATA.", call. = FALSE)
  }
  folder
}

# Counts of one modality, features x cells, with feature names.
read_counts <- function(folder, modality) {
  counts <- methods::as(
    Matrix::readMM(gzfile(file.path(folder, paste0(modality, ".mtx.gz")))),
    "CsparseMatrix"
  )
  features <- utils::read.delim(
    file.path(folder, paste0(modality, "_features.tsv.gz")),
    header = FALSE
  )[[1]]
  dimnames(counts) <- list(make.unique(features), NULL)
  counts
}

read_atac <- function(name) {
  folder <- data_folder(name)
  cells <- utils::read.delim(file.path(folder, "cells.tsv"))
  counts <- read_counts(folder, "atac")
  colnames(counts) <- make.unique(as.character(cells[[1]]))
  counts@x[] <- round(counts@x)
  list(counts = counts, cells = cells)
}

# Both modalities of the annotated cells, and a PCA of the RNA.
read_multiome <- function(name = "mouse_cortex_multiome") {
  data <- read_atac(name)
  rna <- read_counts(data_folder(name), "rna")
  colnames(rna) <- colnames(data$counts)
  known <- data$cells$cell_type != "Mis"
  rna <- rna[, known]
  list(
    counts = data$counts[, known], rna = rna, cells = data$cells[known, ],
    rna_depth = Matrix::colSums(rna), pca = rna_pca(rna),
    depth = Matrix::colSums(data$counts[, known] > 0)
  )
}

# Counts per 10,000, log1p, centred; 30 components.
rna_pca <- function(rna) {
  depth <- Matrix::colSums(rna)
  rna@x <- log1p(rna@x * rep(1e4 / depth, diff(rna@p)))
  set.seed(1)
  pca <- irlba::prcomp_irlba(Matrix::t(rna), n = 30)$x
  rownames(pca) <- colnames(rna)
  pca
}

unit_rows <- function(x) x / pmax(sqrt(rowSums(x^2)), 1e-12)

neighbours <- function(embedding) RANN::nn2(embedding, k = 51)$nn.idx[, -1]

# Each embedding as it is, and with all cells scaled to unit length.
with_unit <- function(embeddings) {
  both <- lapply(embeddings, function(x) list(x, unit_rows(x)))
  names <- paste0(rep(names(both), each = 2), c("", ", unit"))
  stats::setNames(do.call(c, unname(both)), names)
}

# TF-IDF as in Signac (log(tf * idf * 1e4 + 1)), or tf * log(1 + idf) without
# `logarithm`, then truncated SVD. The first component, which reflects depth, is
# dropped unless `first`. Components keep their singular values: scaled to equal
# variance they did far worse on shallow data.
lsi <- function(counts, n = 30, logarithm = TRUE, first = FALSE) {
  open <- methods::as(counts > 0, "dMatrix")
  tf <- open %*% Matrix::Diagonal(x = 1 / Matrix::colSums(open))
  idf <- ncol(open) / pmax(1, Matrix::rowSums(open))
  tfidf <- Matrix::Diagonal(x = if (logarithm) idf else log1p(idf)) %*% tf
  if (logarithm) tfidf@x <- log1p(tfidf@x * 1e4)
  # irlba starts from random numbers; the seed makes results reproducible.
  set.seed(1)
  svd <- irlba::irlba(Matrix::t(tfidf), nv = n + !first)
  components <- svd$u %*% diag(svd$d)
  if (first) components else components[, -1]
}

# Simulated cells of known type: as shallow as bone marrow; deep; few and deep;
# two batches that differ in their peaks; three deeply sequenced donors.
simulations <- list(
  shallow = list(
    n_cells = 3000, n_peaks = 4000, depth = 70, type_specific = 0.08,
    rare = c(0.02, 0.02), seed = 1
  ),
  deep = list(
    n_cells = 3000, n_peaks = 8000, depth = 600, type_specific = 0.03,
    rare = c(0.02, 0.02), seed = 2
  ),
  few = list(
    n_cells = 600, n_peaks = 8000, n_types = 10, depth = 800,
    type_specific = 0.03, seed = 3
  ),
  batches = list(
    n_cells = 3000, n_peaks = 10000, depth = 160, type_specific = 0.03,
    batch_effect = 0.5, rare = c(0.02, 0.02), seed = 4
  ),
  donors = list(
    n_cells = 4000, n_peaks = 10000, n_types = 8, n_batches = 3, depth = 1500,
    seed = 9
  )
)

simulated <- function(name) {
  data <- do.call(simulate_atac, utils::modifyList(
    list(n_types = 12), simulations[[name]]
  ))
  list(counts = data$counts, cells = data$cells)
}

# A simulation, or the annotated cells of a data set in SAILER_DATA.
read_labelled <- function(name) {
  if (name %in% names(simulations)) {
    return(simulated(name))
  }
  data <- read_atac(name)
  known <- data$cells$cell_type != "Mis"
  list(counts = data$counts[, known], cells = data$cells[known, ])
}

# Leiden clusters on the graph of the `k` nearest neighbours in `nn`, one
# partition per resolution.
leiden <- function(nn, k, resolutions, seed = 1) {
  edges <- cbind(rep(seq_len(nrow(nn)), k), as.vector(nn[, seq_len(k)]))
  graph <- igraph::simplify(igraph::graph_from_edgelist(edges, FALSE))
  name <- sailer:::argument_name(
    igraph::cluster_leiden, "resolution", "resolution_parameter"
  )
  lapply(resolutions, function(resolution) {
    set.seed(seed)
    igraph::membership(do.call(igraph::cluster_leiden, c(
      list(graph, "modularity", n_iterations = 5),
      rlang::set_names(list(resolution), name)
    )))
  })
}

# Best and mean ARI and NMI of clusterings with known types, for cells `rows`.
agreement <- function(clusters, types, rows = seq_along(types)) {
  ari <- vapply(clusters, function(x) {
    sailer:::adjusted_rand_index(x[rows], types[rows])
  }, 0)
  nmi <- vapply(clusters, function(x) {
    sailer:::normalized_mutual_information(x[rows], types[rows])
  }, 0)
  c(
    ari_best = max(ari), ari_mean = mean(ari), nmi_best = max(nmi),
    nmi_mean = mean(nmi)
  )
}

# Mean silhouette width of labelled cells, from all pairwise distances.
silhouette <- function(embedding, labels) {
  if (!requireNamespace("cluster", quietly = TRUE)) {
    return(NA)
  }
  widths <- cluster::silhouette(
    as.integer(factor(labels)), stats::dist(embedding)
  )
  mean(widths[, "sil_width"])
}

purity <- function(nn, types, rows = seq_along(types)) {
  mean(matrix(types[nn[rows, ]], length(rows)) == types[rows])
}

# Scores of an embedding against known types: ARI and NMI of Leiden clusters on
# a graph of 15 neighbours, as means of `runs` runs at the best resolution (a
# single run varies by .02 in ARI); purity of 50 neighbours; and the mutual
# information of the embedding with depth and batch. `nn` can be given without
# an embedding, for weighted nearest neighbours.
score <- function(embedding, cells, depth,
                  resolutions = c(0.2, 0.4, 0.6, 0.8, 1, 1.4), runs = 5,
                  nn = neighbours(embedding)) {
  types <- as.character(cells$cell_type)
  by_run <- lapply(seq_len(runs), function(seed) {
    leiden(nn, 15, resolutions, seed)
  })
  best <- function(measure) {
    values <- vapply(by_run, function(clusters) {
      vapply(clusters, measure, 0, types)
    }, numeric(length(resolutions)))
    max(rowMeans(values))
  }
  information <- function(c) {
    if (is.null(embedding) || length(unique(c)) < 2) {
      return(NA)
    }
    mutual_information(embedding, c)$mean
  }
  c(
    ari = best(sailer:::adjusted_rand_index),
    nmi = best(sailer:::normalized_mutual_information),
    purity = purity(nn, types), mi_depth = information(log(depth)),
    mi_batch = information(factor(cells$batch))
  )
}

# Mean share of `type` among its cells' nearest neighbours: 50, or the number of
# other cells of the type if smaller, so that 1 is possible.
type_purity <- function(embedding, types, type) {
  inside <- types == type
  k <- min(50, sum(inside) - 1)
  nn <- RANN::nn2(embedding, embedding[inside, , drop = FALSE], k + 1)$nn.idx
  mean(inside[nn[, -1]])
}

# The `n` largest values of each column of a dense matrix, as open peaks.
largest <- function(values, n) {
  rows <- apply(values, 2, function(x) order(-x)[seq_len(n)])
  Matrix::sparseMatrix(
    i = as.vector(rows), j = rep(seq_len(ncol(values)), each = n),
    dims = dim(values)
  )
}

# A value and the CPU seconds that it took (wall time depends on other jobs).
timed <- function(code) {
  time <- system.time(value <- code)
  list(value = value, seconds = time[["user.self"]] + time[["sys.self"]])
}

peak_memory_gb <- function() {
  status <- "/proc/self/status"
  if (!file.exists(status)) {
    return(NA)
  }
  line <- grep("^VmHWM", readLines(status), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024^2
}
