# Differences between SeuratObject 4 and 5: only this file checks the version.

has_seurat_layers <- function() utils::packageVersion("SeuratObject") >= "5.0.0"

# Returns a function that only SeuratObject 5 has; objects with layers require
# it.
seurat5 <- function(name) getExportedValue("SeuratObject", name)

find_layers <- function(assay, search) {
  suppressWarnings(seurat5("Layers")(assay, search = search))
}

layer_cell_names <- function(assay, layer) {
  SeuratObject::Cells(assay, layer = layer)
}

# Returns the matrix of one layer, features x cells, with their names; for an
# assay of the old class, which both versions have, the matrix of a slot.
# LayerData() makes a full copy, so a matrix stored as features x cells is
# returned directly.
get_layer <- function(assay, layer) {
  if (!methods::is(assay, "StdAssay")) {
    return(if (has_seurat_layers()) {
      SeuratObject::GetAssayData(assay, layer = layer)
    } else {
      SeuratObject::GetAssayData(assay, slot = layer)
    })
  }
  names <- list(
    seurat5("Features")(assay, layer = layer), layer_cell_names(assay, layer)
  )
  stored <- methods::slot(assay, "layers")[[layer]]
  if (methods::is(assay, "Assay5") && identical(dim(stored), lengths(names))) {
    dimnames(stored) <- names
    return(stored)
  }
  seurat5("LayerData")(assay, layer = layer)
}

# SeuratObject 4 accepts only reductions of all cells of the object: cells that
# a reduction lacks get NA.
cover_cells <- function(reduction, cells) {
  values <- SeuratObject::Embeddings(reduction)
  if (has_seurat_layers() || nrow(values) == length(cells)) {
    return(reduction)
  }
  all <- matrix(
    NA_real_, length(cells), ncol(values),
    dimnames = list(cells, colnames(values))
  )
  all[rownames(values), ] <- values
  methods::slot(reduction, "cell.embeddings") <- all
  reduction
}
