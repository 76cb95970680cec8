#' SAILERX on Seurat and SingleCellExperiment objects
#'
#' As [RunSAILER()], with [sailerx()]: takes the counts of the peaks, and the
#' reference embedding and the depth of the RNA of the same cells, trains, and
#' adds the embedding to the object. If anything fails, the given object is
#' unchanged.
#'
#' Cells with RNA are placed by their open peaks and their reference, cells
#' without by the same model and their peaks alone. With `joint = FALSE` the RNA
#' only guides the training, and all cells are placed by their peaks: see
#' [sailerx()].
#'
#' @section Hybrid objects:
#' Some samples may be multiome and others ATAC alone, as `merge()` (Seurat)
#' combines them. Cells without RNA counts, without a row in the reference or
#' with NA there take part in all of the training except the alignment; a
#' message counts them. Name the samples in `batch`, so that what separates them
#' is removed. For samples that were counted in different peaks see
#' [unite_peaks()].
#'
#' @section Seurat:
#' The reference is a reduction made from the RNA, of any method and width. If
#' `"pca"` does not exist, `NormalizeData()`, `FindVariableFeatures()`,
#' `ScaleData()` and `RunPCA()` with 30 components make it from a copy of
#' `rna.assay` (package Seurat), and the object gains this reduction of the
#' cells with RNA. SeuratObject 4 takes only reductions of all cells: there the
#' others have rows of NA.
#'
#' @section SingleCellExperiment:
#' The RNA is the main experiment, the peaks are an alternative experiment, and
#' the reference is a reduced dimension of the main one. If `"PCA"` does not
#' exist, it is made by `scuttle::logNormCounts()`, 2,000 genes of
#' `scran::modelGeneVar()` and `scran::getTopHVGs()`, and
#' `scater::calculatePCA()` with 30 components; cells without RNA have NA there.
#'
#' @inheritParams RunSAILER
#' @param object A `Seurat` object or a `SingleCellExperiment` with both
#'   modalities. Matrices and files go to [sailerx()], whose fit is returned;
#'   `reference` is then what it takes.
#' @param ... Options of [sailerx()] and [train_control()], which document them:
#'   `alignment`, `architecture`, `n_latent`, `epochs` and more. An unknown name
#'   is an error. `rna_depth` replaces the depths from the object; `rna_depth =
#'   NULL` gives all cells the same weight.
#' @param rna.assay Seurat: name of the assay with the RNA counts, whose sums
#'   over genes are the RNA depth. Default `"RNA"`.
#' @param rna.assay.type SingleCellExperiment: the same, of the main experiment.
#'   NULL, the default, takes `"counts"` or, if it has another name, the only
#'   one.
#' @param altexp SingleCellExperiment: name of the alternative experiment with
#'   the peaks; NULL, the default, takes the only one.
#' @param reference Name of the reduction that guides. Default `"pca"` (Seurat)
#'   and `"PCA"` (SingleCellExperiment), which are made if absent.
#' @param reduction.name,name Name of the reduction; give either. Default
#'   `"sailerx"` (Seurat) and `"SAILERX"` (SingleCellExperiment).
#'
#' @return The object with the embedding, as [RunSAILER()] returns it, and with
#'   the reference if that was made. [get_fit()] returns the model.
#' @seealso [sailerx()], [RunSAILER()], [get_fit()].
#' @references Cao (2023), chapter 3; for hybrid objects section 3.2.3.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#' # A stand-in for RNA: each type has genes of its own.
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
#'
#' if (requireNamespace("SingleCellExperiment", quietly = TRUE)) {
#'   sce <- SingleCellExperiment::SingleCellExperiment(
#'     list(counts = rna),
#'     colData = sim$cells, reducedDims = list(PCA = pca),
#'     altExps = list(ATAC = SummarizedExperiment::SummarizedExperiment(
#'       list(counts = sim$counts)
#'     ))
#'   )
#'   sce <- RunSAILERX(
#'     sce,
#'     batch = "batch", hidden = 32, epochs = 3, verbose = FALSE
#'   )
#'   print(dim(SingleCellExperiment::reducedDim(sce, "SAILERX")))
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
