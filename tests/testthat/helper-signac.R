# Objects as Signac makes them, of either class: ChromatinAssay or, since Signac
# 2, GRangesAssay.

skip_if_no_signac <- function() {
  for (package in c("Signac", "Seurat", "Rsamtools", "GenomicRanges")) {
    skip_if_not_installed(package)
  }
}

has_granges_assay <- function() {
  "CreateGRangesAssay" %in% getNamespaceExports("Signac")
}

# Names of peaks in the form of the assay's class.
signac_counts <- function(sim) {
  counts <- sim$counts
  if (has_granges_assay()) {
    rownames(counts) <- sub("-", ":", rownames(counts), fixed = TRUE)
  }
  counts
}

# Two genes over the first peaks of two chromosomes, split into parts as in
# Signac's annotations.
signac_annotation <- function() {
  genes <- GenomicRanges::GRanges(
    c("chr1:5000-20000:+", "chr1:20001-40000:+", "chr2:5000-60000:-")
  )
  genes$gene_name <- c("A", "A", "B")
  genes$gene_id <- c("ENSG1", "ENSG1", "ENSG2")
  genes$gene_biotype <- "protein_coding"
  genes$type <- c("exon", "gap", "exon")
  genes$tx_id <- c("ENST1", "ENST1", "ENST2")
  genes
}

# A fragments file with one fragment for each open peak of each cell.
write_fragments <- function(counts, path = tempfile(fileext = ".tsv")) {
  open <- Matrix::summary(methods::as(counts, "TsparseMatrix"))
  ranges <- parse_ranges(rownames(counts))[open$i]
  table <- data.frame(
    as.character(GenomicRanges::seqnames(ranges)),
    GenomicRanges::start(ranges) + 10L, GenomicRanges::start(ranges) + 90L,
    colnames(counts)[open$j], 1L
  )
  table <- table[order(table[[1]], table[[2]], table[[3]]), ]
  utils::write.table(
    table, path, sep = "\t", quote = FALSE, row.names = FALSE,
    col.names = FALSE
  )
  packed <- Rsamtools::bgzip(path, paste0(path, ".gz"))
  unlink(path)
  Rsamtools::indexTabix(packed, format = "bed", zeroBased = TRUE)
  packed
}

signac_assay <- function(counts, annotation = signac_annotation(), ...) {
  make <- if (has_granges_assay()) {
    Signac::CreateGRangesAssay
  } else {
    function(...) Signac::CreateChromatinAssay(..., sep = c("-", "-"))
  }
  make(counts = counts, annotation = annotation, verbose = FALSE, ...)
}

signac_object <- function(sim, counts = signac_counts(sim), ...) {
  SeuratObject::CreateSeuratObject(
    signac_assay(counts, ...), assay = "ATAC", meta.data = sim$cells
  )
}
