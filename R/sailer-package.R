#' sailer: deep representation learning for single cells
#'
#' [sailer()] learns an embedding of scATAC-seq cells, corrected for sequencing
#' depth and batch, from a matrix or an HDF5 file; [sailerx()] learns an
#' embedding of multiome cells. [RunSAILER()] and [RunSAILERX()] do the same for
#' Seurat and SingleCellExperiment objects. [expresser()] and [RunExpresser()]
#' pretrain a transformer on RNA counts, which embeds genes and imputes
#' expression. [mutual_information()] and [batch_mixing()] measure how much an
#' embedding still depends on depth and batch. [sailer_sitrep()] reports the
#' libraries and devices that the package uses on this machine.
#'
#' @references Cao, Y. (2023). Deep Representation Learning for Single-cell
#'   Sequencing Data Analysis. Doctoral thesis, University of California,
#'   Irvine. Chapters 2 to 4.
#'
#'   Cao, Y., Fu, L., Wu, J., Peng, Q., Nie, Q., Zhang, J. and Xie, X. (2021).
#'   SAILER: scalable and accurate invariant representation learning for
#'   single-cell ATAC-seq processing and integration. *Bioinformatics* 37.
#' @name sailer-package
#' @keywords internal
NULL

#' @importFrom rlang .data
NULL
