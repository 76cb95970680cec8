#' Gene activity in Seurat and SingleCellExperiment objects
#'
#' As [gene_activity()], with the model that [RunSAILER()], [RunSAILERX()] or
#' [map_query()] stored in the object: adds the activities of its cells as a
#' further assay of a Seurat object (its `data`) or an alternative experiment of
#' a SingleCellExperiment. Cells are placed as by [ImputeSAILER()].
#'
#' @inheritParams ImputeSAILER
#' @param genes `GRanges` of the genes, as in [gene_activity()]. NULL, the
#'   default, takes `Signac::Annotation(object)` if the peaks are in an assay of
#'   Signac; `subset(Annotation(object), gene_biotype == "protein_coding")` is
#'   shorter.
#' @param ... Options of [gene_activity()], which documents them: `upstream`,
#'   `downstream`, `normalise`, `column`, `batch`, `depth`, `covariates`,
#'   `calibrated` and `ranges`, by default those of the object's peaks.
#' @param new.assay.name Name of the new assay or alternative experiment.
#'   Default `"activity"`.
#' @return The object with the activities, genes x cells.
#' @references Cao (2023), figure 2.8B.
#' @examplesIf requireNamespace("GenomicRanges", quietly = TRUE)
#' sim <- simulate_atac(n_cells = 100, n_peaks = 300, n_types = 2, seed = 1)
#' genes <- GenomicRanges::GRanges(
#'   c("chr1:5000-30000:+", "chr2:40000-60000:-"),
#'   gene_name = c("GeneA", "GeneB")
#' )
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts, assay = "ATAC")
#'   object <- RunSAILER(object, hidden = 16, epochs = 3, verbose = FALSE)
#'   object <- GeneActivitySAILER(object, genes)
#'   print(object[["activity"]])
#' }
#' @export
GeneActivitySAILER <- function(object, genes = NULL, ..., fit = NULL,
                               name = NULL, new.assay.name = "activity",
                               reference = NULL, assay = NULL, layer = NULL,
                               assay.type = NULL, altexp = NULL) {
  options <- list(...)
  check_options(options, options_of_activity)
  held <- read_fitted(object, fit, name, where_of(environment()))
  genes <- genes %||% input_annotation(held$input)
  write_new_assay(
    object, held, new.assay.name,
    rlang::inject(activity_held(
      held, genes, reference = reference, !!!options
    )),
    new_command("GeneActivitySAILER", match.call(), list(...))
  )
}

options_of_activity <- c(
  "upstream", "downstream", "normalise", "column", "batch", "depth",
  "covariates", "calibrated", "ranges"
)

# The genes that an object knows.
input_annotation <- function(input) {
  if (length(input$annotation) == 0) {
    abort(c(
      "{.arg genes} is missing, and the object has no annotation of genes.",
      i = "Give a GRanges of the genes, or put one into an assay of Signac by
           {.code Annotation(object) <- genes}."
    ))
  }
  input$annotation
}
