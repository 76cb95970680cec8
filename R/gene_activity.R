# Imputed accessibility summed over genes (figure 2.8B).

#' Gene activity from imputed accessibility
#'
#' Sums, for each gene and cell, the imputed probabilities ([impute()]) of the
#' peaks that overlap the gene body or promoter: a score for plotting marker
#' genes (figure 2.8B), corrected for depth and batch. Peaks and cells are
#' decoded in blocks; nothing larger than genes x cells is held in memory.
#' `GeneActivitySAILER()` uses the model stored in an object and adds the
#' activities to it: to a Seurat object as a new assay (its `data`), to a
#' SingleCellExperiment as an alternative experiment. Cells are encoded as in
#' [ImputeSAILER()].
#'
#' A peak that overlaps several genes counts for each of them. A peak that
#' overlaps several ranges of a gene, such as transcripts, counts once. Long
#' genes have more peaks: compare cells within a gene, or use `normalise =
#' "mean"` to compare genes.
#'
#' @inheritParams impute
#' @param genes `GRanges` of the genes, in the same genome build as the peaks;
#'   or the path of a GTF file (read with the package rtracklayer); or a data
#'   frame with columns `seqnames`, `start`, `end` and optionally `strand`. Gene
#'   names are taken from the column `gene_name`, `symbol` or `gene` (or the one
#'   named in `column`), otherwise from `names(genes)`. Ranges with the same
#'   name are one gene. If there is a column `gene_id`, genes that have no name,
#'   or share one with a different id, are named by their ids. Ranges with
#'   neither name nor id are ignored. Messages report both cases. NULL takes
#'   `Signac::Annotation(object)` if the peaks are in a Signac assay;
#'   `subset(Annotation(object), gene_biotype == "protein_coding")` restricts it
#'   to protein-coding genes.
#' @param x,cells,batch,depth,covariates,calibrated The cells, and the values at
#'   which the decoder's inputs are held fixed: as in [impute()].
#' @param upstream,downstream Number of bases upstream and downstream of a gene,
#'   by its strand (`*` counts as `+`), that are counted as part of it. Defaults
#'   2000, the promoter, and 0.
#' @param normalise `"sum"`, the default: the expected number of open peaks of
#'   the gene. `"mean"`: this number divided by the number of its peaks.
#' @param column Name of the column of `genes` with the gene names; NULL, the
#'   default, looks for the usual ones.
#' @param ranges `GRanges` of the peaks of the model (`fit$peaks`), in their
#'   order. NULL, the default, takes the ranges from the object or from the
#'   names of the peaks, such as `chr1-100-200`.
#' @param ... Options of `gene_activity()`: `upstream`, `downstream`,
#'   `normalise`, `column`, `batch`, `depth`, `covariates`, `calibrated` and
#'   `ranges`.
#' @param new.assay.name Name of the new assay or alternative experiment.
#'   Default `"activity"`.
#' @return Numeric matrix, genes x cells, with names. Genes are in the order of
#'   `genes`; genes without a peak are left out, with a message.
#'   `GeneActivitySAILER()` returns the object with these values.
#' @references Cao (2023), sections 2.2.4 and 2.3, figure 2.8B.
#' @examplesIf requireNamespace("GenomicRanges", quietly = TRUE)
#' sim <- simulate_atac(n_cells = 100, n_peaks = 300, n_types = 2, seed = 1)
#' fit <- sailer(sim$counts,
#'   batch = sim$cells$batch, hidden = 16,
#'   control = train_control(epochs = 3, verbose = FALSE)
#' )
#' genes <- GenomicRanges::GRanges(
#'   c("chr1:5000-30000:+", "chr2:40000-60000:-"),
#'   gene_name = c("GeneA", "GeneB")
#' )
#' gene_activity(fit, genes)[, 1:3]
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts, assay = "ATAC")
#'   object <- GeneActivitySAILER(object, genes, fit = fit)
#'   print(object[["activity"]])
#' }
#' @order 1
#' @export
gene_activity <- function(fit, genes, x = NULL, cells = NULL, upstream = 2000,
                          downstream = 0, normalise = c("sum", "mean"),
                          column = NULL, batch = NULL, depth = NULL,
                          covariates = NULL, calibrated = TRUE, ranges = NULL) {
  activity_held(
    fit_and_cells(find_fit(fit)$fit, x), genes, cells, NULL, upstream,
    downstream, normalise, column, batch, depth, covariates, calibrated, ranges
  )
}

# `held`: from read_fitted(). All checks come before anything is embedded.
activity_held <- function(held, genes, cells = NULL, reference = NULL,
                          upstream = 2000, downstream = 0, normalise = "sum",
                          column = NULL, batch = NULL, depth = NULL,
                          covariates = NULL, calibrated = TRUE, ranges = NULL) {
  need_package("GenomicRanges", "for gene ranges")
  check_flag(calibrated)
  normalise <- rlang::arg_match0(
    normalise, c("sum", "mean"), error_call = called_function()
  )
  fit <- held$fit
  confounders <- fixed_confounders(fit, batch, depth, covariates)
  weights <- gene_weights(
    fit, gene_ranges(genes), list(
      upstream = upstream, downstream = downstream, normalise = normalise,
      column = column, ranges = ranges %||% held$input$ranges(fit$peaks)
    )
  )
  cells <- choose_cells(held, cells)
  check_result_size(
    nrow(weights), length(cells),
    "Give fewer {.arg genes} or {.arg cells} at a time.", "genes",
    held$input$bytes
  )
  sum_decoded(
    fit, input_points(held, cells, reference), confounders, weights,
    calibrated
  )
}

# Returns a sparse matrix, genes x peaks of the model: 1 for each peak of a gene
# or, for means, 1 / the number of its peaks.
gene_weights <- function(fit, genes, options) {
  names <- gene_names(genes, options$column)
  check_number(options$upstream, "upstream", min = 0)
  check_number(options$downstream, "downstream", min = 0)
  peaks <- ranges_of_peaks(
    fit$peaks, options$ranges,
    hint = "Give their {.arg ranges}, in the order of {.code fit$peaks}."
  )
  # resize() respects the strand. Bases before the start of a chromosome overlap
  # nothing.
  width <- GenomicRanges::width(genes) + options$upstream
  hits <- suppressWarnings({
    whole <- GenomicRanges::resize(genes, width, fix = "end")
    width <- width + options$downstream
    whole <- GenomicRanges::resize(whole, width, fix = "start")
    GenomicRanges::findOverlaps(whole, peaks, ignore.strand = TRUE)
  })
  known <- unique(names[!is.na(names)])
  pairs <- unique(data.frame(
    gene = match(names[S4Vectors::queryHits(hits)], known),
    peak = S4Vectors::subjectHits(hits)
  ))
  pairs <- pairs[!is.na(pairs$gene), ]
  if (nrow(pairs) == 0) refuse_no_overlap(genes, peaks)
  count <- tabulate(pairs$gene, length(known))
  lost <- known[count == 0]
  if (length(lost) > 0) {
    note("{length(lost)} of {length(known)} gene{?s}
          {cli::qty(length(lost))}{?has/have} no peak and {?is/are} left out:
          {few(lost)}.")
  }
  weights <- Matrix::sparseMatrix(
    pairs$gene, pairs$peak,
    x = if (options$normalise == "mean") 1 / count[pairs$gene] else 1,
    dims = c(length(known), length(peaks)), dimnames = list(known, NULL)
  )
  weights[count > 0, , drop = FALSE]
}

# Returns the gene name of each range; NA if it has none.
gene_names <- function(genes, column) {
  must_be(
    methods::is(genes, "GRanges") && length(genes) > 0, genes,
    "a GRanges of genes, a GTF file or a data frame"
  )
  table <- as.list(S4Vectors::mcols(genes))
  if (!is.null(column)) {
    check_choice(column, names(table), "column", "column", "`genes`")
  }
  usual <- intersect(c("gene_name", "symbol", "gene"), names(table))
  column <- column %||% utils::head(usual, 1)
  found <- if (length(column) == 1) table[[column]] else names(genes)
  found <- gene_words(found, length(genes), "{.arg genes}")
  ids <- gene_words(table$gene_id, length(genes), "{.arg genes}")
  found <- names_apart(found, ids, genes)
  abort_if(all(is.na(found)), c(
    "{.arg genes} have no names.",
    i = "Names are taken from column {.val gene_name}, {.val symbol} or
         {.val gene}, or from {.code names(genes)}; to use another column, set
         {.arg column}."
  ))
  found
}

# Makes gene names unique: names that are shared or missing become ids.
names_apart <- function(names, ids, genes) {
  pairs <- unique(data.frame(name = names, id = ids))
  pairs <- pairs[!is.na(pairs$name) & !is.na(pairs$id), ]
  shared <- unique(pairs$name[duplicated(pairs$name)])
  at <- !is.na(ids) & (is.na(names) | names %in% shared)
  names[at] <- ids[at]
  by_id <- unique(ids[at])
  if (length(by_id) > 0) {
    note(c(i = paste0(
      "{length(by_id)} gene{?s} without a unique name {?is/are} named by
       {?its id/their ids}, such as {few(by_id)}",
      if (length(shared) > 0) ", including those that share {few(shared)}", "."
    )))
  }
  nameless <- which(is.na(names))
  if (length(nameless) > 0 && length(nameless) < length(names)) {
    first <- as.character(genes[nameless[1]])
    note("{length(nameless)} of the {length(names)} ranges in {.arg genes}
          {cli::qty(length(nameless))}{?has/have} no gene name and
          {?is/are} left out, the first at {.val {first}}.")
  }
  places <- unique(data.frame(
    name = names, on = as.character(GenomicRanges::seqnames(genes)),
    strand = as.character(GenomicRanges::strand(genes))
  ))
  apart <- unique(places$name[duplicated(places$name) & !is.na(places$name)])
  if (length(apart) > 0) {
    note("{length(apart)} gene name{?s} {?has/have} ranges on several
          chromosomes or strands; each is treated as one gene:
          {few(apart)}.")
  }
  names
}

refuse_no_overlap <- function(genes, peaks) {
  of_genes <- chromosomes_of(genes)
  of_peaks <- chromosomes_of(peaks)
  hint <- if (any(of_genes %in% of_peaks)) {
    "Are they of the same genome build?"
  } else {
    "Chromosomes are named like {.val {utils::head(of_genes, 2)}} in
     {.arg genes} and like {.val {utils::head(of_peaks, 2)}} in the peaks:
     rename one of them, for example with {.code
     GenomeInfoDb::seqlevelsStyle(genes) <- \"UCSC\"}."
  }
  abort(c(
    "No peak of the model overlaps any of the {length(genes)} range{?s} in
     {.arg genes}.", i = hint
  ))
}

# Computes weights %*% probabilities in blocks of cells and of the peaks that
# have weights.
sum_decoded <- function(fit, z, confounders, weights, calibrated,
                        n_values = 4e6, n_peaks = 4096) {
  out <- matrix(
    0, nrow(weights), nrow(z), dimnames = list(rownames(weights), rownames(z))
  )
  used <- which(diff(weights@p) > 0)
  parts <- split(used, (seq_along(used) - 1) %/% n_peaks)
  n_cells <- max(1, n_values %/% min(n_peaks, length(used)))
  for (columns in split(seq_len(nrow(z)), (seq_len(nrow(z)) - 1) %/% n_cells)) {
    for (peaks in parts) {
      own <- weights[, peaks, drop = FALSE]
      rows <- sort(unique(own@i)) + 1L
      open <- decode_block(
        fit, z[columns, , drop = FALSE], confounders, peaks, calibrated
      )
      out[rows, columns] <- out[rows, columns, drop = FALSE] +
        as.matrix(own[rows, , drop = FALSE] %*% open)
    }
  }
  out
}
