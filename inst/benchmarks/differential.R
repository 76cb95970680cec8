# False discoveries and power of differential_accessibility().
#
#   Rscript inst/benchmarks/differential.R [simulation] [bone_marrow_atac]
#
# Simulation with known truth, for pairs of types: the number of peaks called,
# the false discovery proportion (called peaks with the same true accessibility
# in both types) and the power (share of differing peaks that are called). The
# same for Fisher's exact test with Benjamini-Hochberg correction, and for calls
# from the model's means alone, without uncertainty of the decoder. Then cells
# of one type that differ only in depth, where no peak should be called.
#
# Bone marrow (SAILER_DATA): for pairs of types, the agreement in sign and the
# correlation of effects with differences of the raw fractions, over the called
# peaks. Then groups within a type that should not differ: random, deep and
# shallow cells, and donors. Then gene activity of marker genes, imputed and
# from the raw counts of the same peaks: how well it separates the cells of the
# gene's lineage from all others (area under the curve).

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))

fisher_calls <- function(found, n) {
  open <- round(cbind(found$emp_prob_1 * n[1], found$emp_prob_2 * n[2]))
  p <- vapply(seq_len(nrow(open)), function(i) {
    stats::fisher.test(matrix(c(open[i, ], n - open[i, ]), 2))$p.value
  }, 0)
  stats::p.adjust(p, "BH") < 0.05
}

# Calls from the decoder's means, taken as known: the mean of a large group is
# then almost certain, and every twofold change is called.
mean_calls <- function(found) {
  abs(found$log2_fold_change) > 1
}

simulated <- function(label, control, ...) {
  sim <- simulate_atac(...)
  fit <- sailer(sim$counts, batch = sim$cells$batch, control = control)
  type <- as.character(sim$cells$cell_type)
  pairs <- list(
    c("type1", "type4"), c("type1", "type2"), c("type2", "type5"),
    c("rare1", "type1")
  )
  rows <- lapply(pairs, function(pair) {
    seconds <- system.time(found <- differential_accessibility(
      fit, type, pair[1], pair[2],
      x = sim$counts
    ))[["elapsed"]]
    differs <- (sim$truth[pair[1], ] != sim$truth[pair[2], ])[found$peak]
    n <- c(sum(type == pair[1]), sum(type == pair[2]))
    of <- function(called) {
      c(sum(called), mean(!differs[called]), mean(called[differs]))
    }
    data.frame(
      pair = paste(pair, collapse = " - "), n_1 = n[1], n_2 = n[2],
      rbind(stats::setNames(
        c(of(found$is_da), of(fisher_calls(found, n)), of(mean_calls(found))),
        c("called", "fdp", "power", "fisher", "fisher_fdp", "fisher_power",
          "means", "means_fdp", "means_power")
      )), seconds = seconds
    )
  })
  cat("\n", label, "\n", sep = "")
  print(do.call(rbind, rows), digits = 2, row.names = FALSE)
}

# Half of the cells are downsampled to a third of their fragments.
thinned <- function(control) {
  sim <- simulate_atac(
    n_cells = 2000, n_peaks = 3000, n_types = 6, seed = 2, depth_sd = 0.3
  )
  set.seed(1)
  shallow <- seq_len(2000) %in% sample(2000, 1000)
  counts <- sim$counts
  of_cell <- rep(seq_len(ncol(counts)), diff(counts@p))
  thin <- shallow[of_cell]
  counts@x[thin] <- stats::rbinom(sum(thin), counts@x[thin], 1 / 3)
  counts <- Matrix::drop0(counts)
  fit <- sailer(counts, batch = sim$cells$batch, control = control)
  for (type in c("type1", "type3")) {
    group <- ifelse(shallow, "shallow", "deep")
    group[sim$cells$cell_type != type] <- NA
    tell_null(
      paste("Half of the cells at 1/3 of the depth,", type), fit, group, counts
    )
  }
}

tell_null <- function(label, fit, group, counts) {
  found <- differential_accessibility(fit, group, x = counts)
  cat(sprintf(
    "%s: %d called, Fisher %d; ratio of mean accessibility %.2f, raw %.2f\n",
    label, sum(found$is_da), sum(fisher_calls(found, table(group))),
    mean(found$prob_1) / mean(found$prob_2),
    mean(found$emp_prob_1) / mean(found$emp_prob_2)
  ))
}

bone_marrow <- function(control) {
  data <- read_atac("bone_marrow_atac")
  fit <- sailer(data$counts, batch = data$cells$batch, control = control)
  type <- data$cells$cell_type
  depth <- Matrix::colSums(data$counts > 0)
  pairs <- list(
    c("17_B", "11_CD14.Mono.1"), c("25_NK", "20_CD4.N1"),
    c("07_GMP", "16_Pre.B"), c("23_CD8.EM", "24_CD8.CM"),
    c("01_HSC", "05_CMP.LMPP")
  )
  rows <- lapply(pairs, function(pair) {
    found <- differential_accessibility(
      fit, type, pair[1], pair[2],
      x = data$counts
    )
    called <- found$is_da
    raw <- found$emp_prob_1 - found$emp_prob_2
    same <- sign(raw) == sign(found$effect_size)
    n <- c(sum(type == pair[1]), sum(type == pair[2]))
    fisher <- fisher_calls(found, n)
    data.frame(
      pair = paste(pair, collapse = " - "), n_1 = n[1], n_2 = n[2],
      depth_1 = stats::median(depth[type == pair[1]]),
      depth_2 = stats::median(depth[type == pair[2]]), called = sum(called),
      sign = mean(same[called]),
      correlation = if (any(called)) {
        stats::cor(raw[called], found$effect_size[called])
      } else {
        NA
      },
      fisher = sum(fisher), both = sum(fisher & called)
    )
  })
  cat("\nbone_marrow_atac,", length(fit$peaks), "peaks\n")
  print(do.call(rbind, rows), digits = 2, row.names = FALSE)
  set.seed(1)
  for (name in c("22_CD4.M", "11_CD14.Mono.1")) {
    own <- type == name
    middle <- stats::median(depth[own])
    kinds <- list(
      random = sample(c("a", "b"), length(type), TRUE),
      depth = ifelse(depth > middle, "deep", "shallow"),
      donor = data$cells$batch
    )
    for (kind in names(kinds)) {
      group <- ifelse(own, kinds[[kind]], NA)
      tell_null(paste0(name, ", by ", kind), fit, group, data$counts)
    }
  }
  markers(fit, data)
}

# RefSeq gene coordinates in hg19 (UCSC Genome Browser). The study's peaks are
# in hg19: those on chr4, chr10 and chr14 extend beyond the ends of hg38.
marker_genes <- c(
  CD3E = "chr11:118175295-118186890:+", BCL11B = "chr14:99635625-99737822:-",
  CEBPA = "chr19:33790840-33793430:-", BANK1 = "chr4:102711764-102995969:+"
)

area_under_curve <- function(score, positive) {
  ranks <- sum(rank(score)[positive])
  n <- sum(positive)
  (ranks - n * (n + 1) / 2) / (n * sum(!positive))
}

markers <- function(fit, data) {
  genes <- GenomicRanges::GRanges(
    marker_genes, gene_name = names(marker_genes)
  )
  imputed <- gene_activity(fit, genes)
  lineage <- list(
    CD3E = "CD4|CD8", BCL11B = "CD4|CD8", CEBPA = "CD14|GMP", BANK1 = "17_B"
  )[rownames(imputed)]
  parts <- do.call(rbind, strsplit(fit$peaks, "-", fixed = TRUE))
  peaks <- GenomicRanges::GRanges(
    parts[, 1], IRanges::IRanges(as.numeric(parts[, 2]), as.numeric(parts[, 3]))
  )
  rows <- lapply(rownames(imputed), function(gene) {
    whole <- GenomicRanges::resize(
      genes[genes$gene_name == gene],
      GenomicRanges::width(genes[genes$gene_name == gene]) + 2000, fix = "end"
    )
    own <- fit$peaks[IRanges::overlapsAny(peaks, whole, ignore.strand = TRUE)]
    raw <- Matrix::colSums(data$counts[own, , drop = FALSE] > 0)
    type <- data$cells$cell_type
    positive <- grepl(lineage[[gene]], type)
    best <- names(which.max(tapply(imputed[gene, ], type, mean)))
    data.frame(
      gene = gene, peaks = length(own), lineage = lineage[[gene]],
      auc_imputed = area_under_curve(imputed[gene, ], positive),
      auc_raw = area_under_curve(raw, positive), highest_in = best
    )
  })
  cat("\nMarker genes\n")
  print(do.call(rbind, rows), digits = 2, row.names = FALSE)
}

if (sys.nframe() == 0) {
  asked <- commandArgs(TRUE)
  if (length(asked) == 0) asked <- c("simulation", "bone_marrow_atac")
  control <- train_control(verbose = FALSE)
  if ("simulation" %in% asked) {
    simulated("2,000 cells x 3,000 peaks, 10 % open", control,
      n_cells = 2000, n_peaks = 3000, n_types = 6, seed = 1
    )
    simulated("3,000 cells x 5,000 peaks, 2 % open", control,
      n_cells = 3000, n_peaks = 5000, n_types = 6, depth = 100, seed = 3
    )
    thinned(control)
  }
  if ("bone_marrow_atac" %in% asked) bone_marrow(control)
}
