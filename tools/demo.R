# Runs SAILER from counts to a UMAP. tools/demo installs the package and runs
# this script, which can also be run directly:
#
#   Rscript tools/demo.R [FILE] [OPTION...]
#
# FILE is a 10x HDF5, .h5ad or .h5mu file, a folder with matrix.mtx, or an .rds
# file with a matrix, a Seurat or a SingleCellExperiment object. Without FILE,
# cells are simulated.
#
#   --output=DIR      folder for report.html, embedding.csv and umap.png
#                     (./sailer-demo)
#   --batch=COLUMN    metadata column(s) with the batch, separated by commas.
#                     Default for a 10x file: the number after the barcode, if
#                     there are several
#   --type=COLUMN     metadata column with known labels to compare clusters with
#   --assay=NAME      assay (Seurat) or alternative experiment (SCE) with peaks
#   --epochs=N        maximum number of epochs (default: by number of cells)
#   --resolution=R    resolution of the Leiden clustering (0.5)
#   --seed=N          random seed (1)

suppressMessages(library(sailer))
script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(system.file("benchmarks", "html.R", package = "sailer"))
source(file.path(dirname(script), "demo-report.R"))

defaults <- list(
  file = NULL, output = "sailer-demo", batch = NULL, type = NULL, assay = NULL,
  epochs = NULL, resolution = 0.5, seed = 1
)

main <- function(arguments) {
  options <- read_options(arguments)
  dir.create(options$output, showWarnings = FALSE, recursive = TRUE)
  input <- if (is.null(options$file)) {
    simulated(options)
  } else {
    read_input(options)
  }
  cat(sprintf(
    "%s: %d cells, %d peaks\n", input$what, ncol(input$cells),
    nrow(input$cells)
  ))

  seconds <- system.time(fit <- sailer(
    input$cells,
    batch = input$table[input$batch],
    control = train_control(epochs = options$epochs, seed = options$seed)
  ))[["elapsed"]]
  cat(sprintf(
    "Trained for %d epochs in %.0f s\n\n", nrow(fit$history), seconds
  ))
  print(fit)

  results <- describe_cells(fit, input, options)
  found <- compare(fit, results, input, options)
  print_found(found)
  write_results(fit, results, found, input, seconds, options)
}

read_options <- function(arguments) {
  options <- defaults
  named <- startsWith(arguments, "--")
  if (sum(!named) > 1) {
    stop("More than one file given: ", arguments[!named][2], call. = FALSE)
  }
  if (any(!named)) options$file <- arguments[!named]
  for (argument in arguments[named]) {
    name <- sub("^--([^=]*).*$", "\\1", argument)
    check_option(argument, name)
    options[[name]] <- sub("^[^=]*=", "", argument)
  }
  for (name in c("epochs", "resolution", "seed")) {
    if (!is.null(options[[name]])) {
      options[[name]] <- as_number(options[[name]], name)
    }
  }
  if (!is.null(options$batch)) {
    options$batch <- strsplit(options$batch, ",", fixed = TRUE)[[1]]
  }
  options
}

check_option <- function(argument, name) {
  known <- setdiff(names(defaults), "file")
  if (!name %in% known || !grepl("=", argument, fixed = TRUE)) {
    stop(
      "Unknown option ", argument, ". The options are ",
      paste0("--", known, "=", collapse = ", "), ".",
      call. = FALSE
    )
  }
}

as_number <- function(value, name) {
  number <- suppressWarnings(as.numeric(value))
  if (is.na(number)) stop("--", name, " must be a number.", call. = FALSE)
  number
}

# Input -----------------------------------------------------------------------

# `counts` is NULL unless the counts are a matrix in memory.
new_input <- function(what, cells, table, batch, type, counts = NULL) {
  missing <- setdiff(c(batch, type), names(table))
  if (length(missing) > 0) {
    stop(
      "The metadata have no column '", missing[1], "'. Columns: ",
      if (length(table) > 0) paste(names(table), collapse = ", ") else "none",
      ".",
      call. = FALSE
    )
  }
  list(
    what = what, cells = cells, table = table, batch = batch, type = type,
    counts = counts
  )
}

simulated <- function(options) {
  sim <- simulate_atac(seed = options$seed)
  new_input(
    "Simulated cells", as_cells(sim$counts), sim$cells, "batch", "cell_type",
    sim$counts
  )
}

read_input <- function(options) {
  path <- options$file
  if (!file.exists(path)) stop("File ", path, " does not exist.", call. = FALSE)
  if (grepl("[.]rds$", path, ignore.case = TRUE)) {
    object <- readRDS(path)
    package <- attr(class(object), "package")
    if (!is.null(package)) {
      suppressPackageStartupMessages(require(package, character.only = TRUE))
    }
    return(read_object(object, path, options))
  }
  cells <- without_empty(open_cells(path))
  table <- cells_metadata(cells)
  wells <- sub("^.*-([0-9]+)$", "\\1", colnames(cells))
  if (length(table) == 0 && all(grepl("-[0-9]+$", colnames(cells))) &&
        length(unique(wells)) > 1) {
    table$well <- wells
    if (is.null(options$batch)) options$batch <- "well"
  }
  new_input(basename(path), cells, table, options$batch, options$type)
}

read_object <- function(object, path, options) {
  counts <- NULL
  table <- NULL
  cells <- if (inherits(object, "Seurat")) {
    table <- object[[]]
    as_cells(object, assay = options$assay)
  } else if (inherits(object, "SingleCellExperiment")) {
    table <- as.data.frame(SummarizedExperiment::colData(object))
    as_cells(object, altexp = options$assay)
  } else {
    counts <- methods::as(object, "CsparseMatrix")
    as_cells(counts)
  }
  cells <- without_empty(cells)
  table <- table %||% data.frame(row.names = colnames(cells))
  new_input(
    paste0(basename(path), " (", class(object)[1], ")"), cells,
    table[colnames(cells), , drop = FALSE], options$batch, options$type,
    if (!is.null(counts)) counts[, colnames(cells)]
  )
}

`%||%` <- function(x, y) if (is.null(x)) y else x

without_empty <- function(cells) {
  empty <- cell_depth(cells) == 0
  if (!any(empty)) {
    return(cells)
  }
  cat(sum(empty), "cells without open peaks removed\n")
  cells[, !empty]
}

# Results ----------------------------------------------------------------------

describe_cells <- function(fit, input, options) {
  set.seed(options$seed)
  layout <- uwot::umap(
    embedding(fit),
    n_neighbors = min(15, ncol(input$cells) - 1),
    n_threads = 1, n_sgd_threads = 0
  )
  results <- data.frame(
    umap_1 = layout[, 1], umap_2 = layout[, 2],
    cluster = cluster_cells(embedding(fit), options),
    depth = cell_depth(input$cells), row.names = colnames(input$cells)
  )
  if (length(input$batch) > 0) {
    results$batch <- interaction(
      input$table[input$batch],
      drop = TRUE, sep = " "
    )
  }
  if (!is.null(input$type)) {
    results$type <- factor(input$table[[input$type]])
  }
  results
}

# Leiden clusters of the 15-nearest-neighbour graph, largest first.
cluster_cells <- function(values, options) {
  k <- min(15, nrow(values) - 1)
  near <- RANN::nn2(values, k = k + 1)$nn.idx[, -1]
  edges <- cbind(rep(seq_len(nrow(near)), k), as.vector(near))
  graph <- igraph::simplify(igraph::graph_from_edgelist(edges, FALSE))
  # Newer versions of igraph have a shorter argument name.
  resolution <- grep(
    "^resolution", names(formals(igraph::cluster_leiden)), value = TRUE
  )[1]
  set.seed(options$seed)
  found <- do.call(igraph::cluster_leiden, c(
    list(graph, "modularity", n_iterations = 10),
    stats::setNames(list(options$resolution), resolution)
  ))
  members <- igraph::membership(found)
  factor(match(members, names(sort(-table(members)))))
}

# Plain latent semantic indexing: TF-IDF and SVD without the first component,
# which correlates with depth.
lsi <- function(counts, n = 30, seed = 1) {
  open <- methods::as(counts > 0, "dMatrix")
  frequency <- open %*% Matrix::Diagonal(x = 1 / Matrix::colSums(open))
  tfidf <- Matrix::Diagonal(x = ncol(open) / Matrix::rowSums(open)) %*%
    frequency
  tfidf@x <- log1p(tfidf@x * 1e4)
  set.seed(seed)
  svd <- irlba::irlba(Matrix::t(tfidf), nv = min(n + 1, dim(open) - 1))
  svd$u[, -1] %*% diag(svd$d[-1])
}

measure <- function(values, results, clusters) {
  row <- data.frame(clusters = nlevels(clusters))
  if (!is.null(results$type)) {
    known <- !is.na(results$type)
    row$ARI <- sailer:::adjusted_rand_index(
      clusters[known], results$type[known]
    )
    row$NMI <- sailer:::normalized_mutual_information(
      clusters[known], results$type[known]
    )
  }
  row$`I(z, depth)` <- mutual_information(values, log(results$depth))$mean
  if (!is.null(results$batch) && nlevels(results$batch) > 1) {
    row$`I(z, batch)` <- mutual_information(values, results$batch)$mean
    row$iLISI <- batch_mixing(values, results$batch)$summary[["ilisi"]]
  }
  row
}

# Tables of the measures and of the cells per cluster.
compare <- function(fit, results, input, options) {
  measures <- measure(embedding(fit), results, results$cluster)
  rownames(measures) <- "SAILER"
  if (!is.null(input$counts)) {
    open <- input$counts[Matrix::rowSums(input$counts > 0) > 0, ]
    linear <- lsi(open, seed = options$seed)
    measures["LSI", ] <-
      measure(linear, results, cluster_cells(linear, options))
  }
  list(
    measures = round(measures, 3),
    clusters = if (is.null(results$type)) {
      table(cluster = results$cluster)
    } else {
      table(cluster = results$cluster, type = results$type)
    }
  )
}

print_found <- function(found) {
  cat("\nMeasures (I: mutual information in nats, mean over dimensions):\n")
  print(found$measures)
  cat("\nCells per cluster:\n")
  print(found$clusters)
}

# Output -----------------------------------------------------------------------

write_results <- function(fit, results, found, input, seconds, options) {
  csv <- file.path(options$output, "embedding.csv")
  values <- embedding(fit)
  utils::write.csv(
    data.frame(cell = rownames(values), results, values), csv,
    row.names = FALSE
  )
  png <- file.path(options$output, "umap.png")
  draw(results, png)
  html <- file.path(options$output, "report.html")
  write_report(html, fit, results, found, input, seconds, png)
  cat("\nWritten:\n ", html, "\n ", csv, "\n ", png, "\n")
}

# Each panel has its own colour scale, which facets cannot have, so the panels
# are placed side by side and aligned.
draw <- function(results, path) {
  results$log10_depth <- log10(results$depth)
  panels <- list(
    panel(results, if (is.null(results$type)) "cluster" else "type"),
    if (!is.null(results$batch)) panel(results, "batch"),
    panel(results, "log10_depth", "open peaks (log10)")
  )
  # Measuring text opens a device; without this one, R would write Rplots.pdf.
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  panels <- lapply(panels[lengths(panels) > 0], ggplot2::ggplotGrob)
  grDevices::png(
    path,
    width = 1400 * length(panels), height = 1700, res = 300,
    type = if (capabilities("cairo")) "cairo" else getOption("bitmapType")
  )
  on.exit(grDevices::dev.off(), add = TRUE, after = FALSE)
  grid::grid.draw(do.call(cbind, c(panels, size = "max")))
}

panel <- function(results, column, title = column) {
  # Random order, so that no group hides another.
  set.seed(1)
  shown <- results[sample(nrow(results)), ]
  names(shown)[names(shown) == column] <- "colour"
  plot <- ggplot2::ggplot(
    shown, ggplot2::aes(umap_1, umap_2, colour = colour)
  ) +
    ggplot2::geom_point(size = min(1.2, 40 / sqrt(nrow(shown))), stroke = 0) +
    ggplot2::labs(x = "UMAP 1", y = "UMAP 2", title = title, colour = NULL) +
    ggplot2::theme_minimal(base_size = 9) +
    ggplot2::theme(
      aspect.ratio = 1, panel.grid = ggplot2::element_blank(),
      panel.border = ggplot2::element_rect(colour = "grey80", fill = NA),
      axis.text = ggplot2::element_blank(), legend.position = "bottom"
    )
  if (is.numeric(shown$colour)) {
    return(plot + ggplot2::scale_colour_viridis_c())
  }
  plot +
    ggplot2::scale_colour_manual(values = colours(nlevels(shown$colour))) +
    ggplot2::guides(colour = ggplot2::guide_legend(
      override.aes = list(size = 2)
    ))
}

# Up to 8 colours are safe for colour-blind readers.
colours <- function(n) {
  okabe_ito <- grDevices::palette.colors(9, "Okabe-Ito")[-1]
  if (n > length(okabe_ito)) {
    return(grDevices::hcl.colors(n, "Dark 3"))
  }
  unname(okabe_ito[seq_len(n)])
}

main(commandArgs(TRUE))
