#' @rdname simulate_atac
#' @section RNA of the same cells:
#' `simulate_multiome()` adds RNA of the same cells, to try [sailerx()] and
#' [gene_activity()] with a known truth: each gene has a few peaks near it, and
#' the more open they are in a type, the higher its expression. A gene spans
#' `peaks_per_gene` neighbouring peaks. Its log expression in a type is a
#' gene-specific level plus three times the mean openness of its peaks in that
#' type (a probability, see `truth`; for given profiles, a type's share of
#' counts in the peak divided by the largest share of any type). A cell's RNA
#' counts are negative binomial with size 5 around this expression, with a
#' log-normal total. The RNA and ATAC of a cell share only the cell type: their
#' depths and batch effects are drawn independently.
#'
#' @param ... Arguments of `simulate_atac()`, by name.
#' @param n_genes Number of genes.
#' @param rna_depth,rna_depth_sd Median number of RNA counts per cell, and the
#'   standard deviation of the natural logarithm of this number.
#' @param rna_batch_effect Standard deviation, on the natural log scale, of a
#'   factor on every gene's expression per batch.
#' @param rna_alike Types that cannot be distinguished by their RNA: a list of
#'   vectors of type names; all types in a vector have the expression of the
#'   first. NULL, the default, for none.
#' @param peaks_per_gene Number of peaks that regulate a gene.
#' @examples
#'
#' # RNA of the same cells, which does not tell two of the types apart.
#' sim <- simulate_multiome(
#'   n_cells = 120, n_peaks = 600, n_types = 4, depth = 60, n_genes = 100,
#'   rna_alike = list(c("type1", "type2"))
#' )
#' round(cor(sim$expression["type1", ], sim$expression["type2", ]), 2)
#' @export
simulate_multiome <- function(..., n_genes = 1000, rna_depth = 3000,
                              rna_depth_sd = 0.4, rna_batch_effect = 0,
                              rna_alike = NULL, peaks_per_gene = 5) {
  check_number(n_genes, min = 2, whole = TRUE)
  check_number(rna_depth, min = 1)
  check_number(rna_depth_sd, min = 0, max = 3)
  check_number(rna_batch_effect, min = 0, max = 3)
  check_number(peaks_per_gene, min = 1, whole = TRUE)
  sim <- simulate_atac(...)
  # Types x peaks, from 0 to 1.
  open <- sim$truth
  if (is.null(open)) {
    share <- sweep(sim$profiles, 2, colSums(sim$profiles), "/")
    open <- t(share / pmax(apply(share, 1, max), .Machine$double.xmin))
  }
  stands_for <- alike_types(rna_alike, rownames(open))
  # Uses its own stream of random numbers.
  with_own_seed(bitwNot(as.integer(sim$arguments$seed)), {
    sim <- c(unclass(sim), simulate_genes(open, n_genes, peaks_per_gene))
    sim$expression <- sim$expression[stands_for, ]
    rownames(sim$expression) <- rownames(open)
    sim$rna <- simulate_expression(
      sim$expression, sim$cells, rna_depth, rna_depth_sd, rna_batch_effect
    )
  })
  structure(sim, class = "sailer_simulation")
}

# Returns, for each type, the type whose expression it has.
alike_types <- function(alike, types) {
  unknown <- setdiff(unlist(alike), types)
  abort_if(length(unknown) > 0 || !(is.null(alike) || is.list(alike)), c(
    "{.arg rna_alike} must be a list of vectors of types: {.val {types}}.",
    x = if (length(unknown) > 0) "There is no {.val {unknown}}."
  ))
  stands_for <- stats::setNames(types, types)
  for (group in alike) stands_for[group] <- group[1]
  stands_for
}

# Returns list(genes, expression = types x genes). The peaks of a gene follow
# one another, up to the end of their chromosome.
simulate_genes <- function(open, n_genes, peaks_per_gene) {
  ranges <- parse_peaks(colnames(open))
  first <- sort(sample.int(nrow(ranges), n_genes, n_genes > nrow(ranges)))
  ends <- cumsum(rle(ranges$seqnames)$lengths)
  last_of <- ends[match(ranges$seqnames, unique(ranges$seqnames))]
  last <- pmin(first + peaks_per_gene - 1, last_of[first])
  mean_open <- vapply(seq_len(n_genes), function(gene) {
    rowMeans(open[, first[gene]:last[gene], drop = FALSE])
  }, numeric(nrow(open)))
  level <- stats::rnorm(n_genes)
  expression <- exp(sweep(3 * mean_open, 2, level, "+"))
  expression <- expression / rowSums(expression)
  names <- sprintf("gene%d", seq_len(n_genes))
  dimnames(expression) <- list(rownames(open), names)
  list(
    genes = data.frame(
      chromosome = ranges$seqnames[first], start = ranges$start[first],
      end = ranges$end[last], row.names = names
    ),
    expression = expression
  )
}

# Draws counts of genes x cells, in portions that bound the memory.
simulate_expression <- function(expression, cells, depth, depth_sd, effect) {
  type <- as.integer(cells$cell_type)
  batch <- as.integer(cells$batch)
  n_genes <- ncol(expression)
  factors <- matrix(
    stats::rlnorm(nlevels(cells$batch) * n_genes, 0, effect),
    nlevels(cells$batch)
  )
  total <- depth * stats::rlnorm(nrow(cells), 0, depth_sd)
  portions <- split(
    seq_len(nrow(cells)), ceiling(seq_len(nrow(cells)) * n_genes / 2e6)
  )
  blocks <- lapply(unname(portions), function(members) {
    expected <- expression[type[members], , drop = FALSE] *
      factors[batch[members], , drop = FALSE]
    expected <- t(expected * (total[members] / rowSums(expected)))
    counts <- stats::rnbinom(length(expected), size = 5, mu = expected)
    methods::as(matrix(counts, n_genes), "CsparseMatrix")
  })
  counts <- do.call(cbind, blocks)
  dimnames(counts) <- list(colnames(expression), rownames(cells))
  counts
}
