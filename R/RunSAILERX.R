#' @rdname RunSAILER
#' @section Guided by RNA:
#' `RunSAILERX()` trains [sailerx()] on the peak counts of the cells, with a
#' reference embedding and the RNA depth of the cells. Cells with RNA are
#' embedded from their open peaks and their reference; cells without RNA are
#' embedded by the same model from their peaks alone. With `joint = FALSE` the
#' RNA only guides the training, and all cells are embedded from their peaks:
#' see [sailerx()].
#'
#' In Seurat the reference is a reduction of the RNA, from any method and with
#' any number of dimensions. If `"pca"` does not exist, it is computed for the
#' cells with RNA and added to the object: by `NormalizeData()`,
#' `FindVariableFeatures()`, `ScaleData()` and `RunPCA()` with 30 components
#' (package Seurat), on a copy of `rna.assay`. SeuratObject 4 accepts only
#' reductions of all cells, so cells without RNA have NA there.
#'
#' In a SingleCellExperiment the RNA is the main experiment, the peaks are an
#' alternative experiment, and the reference is a reduced dimension of the main
#' one. If `"PCA"` does not exist, it is computed by `scuttle::logNormCounts()`,
#' `scran::modelGeneVar()` and `scran::getTopHVGs()` (2,000 genes), and
#' `scater::calculatePCA()` (30 components); cells without RNA have NA in it.
#'
#' @section Hybrid objects:
#' Some samples may be multiome and others ATAC only, for example after
#' `merge()` (Seurat). Cells without RNA counts, or without a row in the
#' reference (or with NA there), take part in all of the training except the
#' alignment; a message gives their number. Give the samples as `batch`, so that
#' differences between them are removed. For samples that were counted in
#' different peaks, see [unite_peaks()].
#'
#' @param rna.assay Seurat: name of the assay with the RNA counts. The RNA depth
#'   of a cell is their sum (`rna_depth` overrides it; with `rna_depth = NULL`
#'   all cells have the same weight). Default `"RNA"`.
#' @param rna.assay.type SingleCellExperiment: name of the assay of the main
#'   experiment with the RNA counts. NULL, the default, takes `"counts"` or, if
#'   there is no such assay, the only one.
#' @param reference Name of the reduction that guides the training. Default
#'   `"pca"` (Seurat) and `"PCA"` (SingleCellExperiment), which is computed if
#'   absent. For matrices and files: as in [sailerx()].
#' @examples
#'
#' # Guided by a stand-in for RNA: each type has genes of its own.
#' set.seed(1)
#' mean <- matrix(rexp(60 * 3, 0.2), 60)[, sim$cells$cell_type]
#' rna <- methods::as(matrix(rpois(length(mean), mean), 60), "CsparseMatrix")
#' dimnames(rna) <- list(paste0("gene", 1:60), colnames(sim$counts))
#' pca <- stats::prcomp(t(log1p(as.matrix(rna))), rank. = 5)$x
#'
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(rna, meta.data = sim$cells)
#'   object[["ATAC"]] <- SeuratObject::CreateAssayObject(sim$counts)
#'   object[["pca"]] <- SeuratObject::CreateDimReducObject(
#'     pca, key = "PC_", assay = "RNA"
#'   )
#'   object <- RunSAILERX(
#'     object,
#'     assay = "ATAC", batch = "batch", hidden = 32, epochs = 3, verbose = FALSE
#'   )
#'   print(SeuratObject::Reductions(object))
#' }
#' @export
RunSAILERX <- function(object, batch = NULL, covariates = NULL, ...,
                       assay = NULL, rna.assay = NULL, reference = NULL,
                       layer = NULL, assay.type = NULL, rna.assay.type = NULL,
                       altexp = NULL, features = NULL, reduction.name = NULL,
                       reduction.key = NULL, name = reduction.name,
                       resume = NULL) {
  run_sailer(
    object, list(...),
    where_of(environment(), features = features, guided = TRUE), batch,
    covariates, resume,
    list(name = name, key = reduction.key, call = match.call()), reference,
    rna.assay %||% rna.assay.type, guided = TRUE
  )
}
