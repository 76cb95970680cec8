# Where SeuratObject 4 and 5 differ: the only file that asks which one it is.

has_seurat_layers <- function() {
  utils::packageVersion("SeuratObject") >= "5.0.0"
}

# Counts of an assay of the old class, which both versions have.
get_old_counts <- function(assay, layer) {
  if (has_seurat_layers()) {
    SeuratObject::GetAssayData(assay, layer = layer)
  } else {
    SeuratObject::GetAssayData(assay, slot = layer)
  }
}

# Functions of SeuratObject 5 only, which assays with layers come with.
seurat5 <- function(name) {
  getExportedValue("SeuratObject", name)
}

find_layers <- function(assay, search) {
  suppressWarnings(seurat5("Layers")(assay, search = search))
}

layer_cell_names <- function(assay, layer) {
  SeuratObject::Cells(assay, layer = layer)
}

layer_feature_names <- function(assay, layer) {
  seurat5("Features")(assay, layer = layer)
}

# The matrix of one layer, features x cells, with their names. LayerData()
# copies it whole; where the matrix is stored that way round it is taken as is.
get_layer <- function(assay, layer) {
  names <- list(
    layer_feature_names(assay, layer), layer_cell_names(assay, layer)
  )
  stored <- methods::slot(assay, "layers")[[layer]]
  if (methods::is(assay, "Assay5") && identical(dim(stored), lengths(names))) {
    dimnames(stored) <- names
    return(stored)
  }
  seurat5("LayerData")(assay, layer = layer)
}
