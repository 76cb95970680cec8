#' sailer: invariant representations of single cells
#'
#' [sailer()] learns an embedding of scATAC-seq cells that is free of read depth
#' and batch, from a matrix or an HDF5 file; [RunSAILER()] does so for Seurat
#' and SingleCellExperiment objects. [mutual_information()] and its companions
#' measure what an embedding keeps and forgets. [sailer_sitrep()] tells what the
#' package computes with on this machine.
#'
#' @references Cao, Y. (2023). Deep Representation Learning for Single-cell
#'   Sequencing Data Analysis. Doctoral thesis, University of
#'   California, Irvine. Chapter 2.
#'
#'   Cao, Y., Fu, L., Wu, J., Peng, Q., Nie, Q., Zhang, J. and Xie, X. (2021).
#'   SAILER: scalable and accurate invariant representation learning for
#'   single-cell ATAC-seq processing and integration. *Bioinformatics* 37.
#' @name sailer-package
#' @keywords internal
NULL

#' @importFrom rlang .data
NULL
