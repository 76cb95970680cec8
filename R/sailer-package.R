#' sailer: deep representation learning for single cells
#'
#' [sailer()] learns an embedding of scATAC-seq cells that is free of read depth
#' and batch, from a matrix or an HDF5 file, and [sailerx()] one of multiome
#' data; [RunSAILER()] and [RunSAILERX()] do so for Seurat and
#' SingleCellExperiment objects. [expresser()] and [RunExpresser()] pretrain a
#' transformer on RNA counts, which embeds genes and imputes expression.
#' [mutual_information()] and its companions measure what an embedding keeps and
#' forgets. [sailer_sitrep()] reports what the package computes with on this
#' machine.
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
