# Counts in HDF5 files, read by streaming.

#' Open counts in a file without loading them
#'
#' The format is recognised by the content, not by the name. Models then read
#' the file in blocks of cells: only one number per cell is held in memory.
#'
#' * **10x Genomics HDF5**, of Cell Ranger ATAC and ARC (`/matrix`) and of
#'   version 2 (a group for each genome), and files of
#'   `HDF5Array::writeTENxMatrix()`. From a multiome file only the peaks are
#'   read, unless `feature_type` says otherwise. Features are named by their
#'   ids, or by their names if there are none.
#' * **h5ad** (AnnData since 0.5), with a matrix by cells, sparse (CSR) or
#'   dense. Matrices stored by features (CSC) cannot be streamed by cells; the
#'   error shows how to convert them.
#' * **h5mu** (MuData): one `modality`, which is an h5ad inside the file, with
#'   cells, `obs` and layers of its own.
#' * **MatrixMarket text**, `matrix.mtx` or `matrix.mtx.gz`, given by its path
#'   or by that of its folder, with the names beside it: `barcodes.tsv`, and
#'   `features.tsv`, `genes.tsv` or `peaks.bed` (names like `chr1:100-200`),
#'   compressed or not. All may have the same prefix, as on GEO
#'   (`GSM1_sample_matrix.mtx.gz`). Types of features, the third column of
#'   `features.tsv`, are used as in a 10x file. Its counts are packed, about a
#'   byte for each open peak of each cell (two for genes), in memory and beyond
#'   256 MB in a temporary file; files that are not sorted by cells take 12
#'   bytes more while they are read. Cells x features are recognised by the
#'   numbers of names. A saved handle reads the file again.
#' * **A corpus** of genes, as [build_corpus()] writes it.
#'
#' @section Which matrix of an h5ad file:
#' `X` often holds normalised values. Without `layer`, the first values of `X`
#' decide: if they are counts, whole and not negative, `X` is read. Otherwise it
#' is the layer `"counts"`, the raw counts of AnnData, or the only other layer
#' that holds counts, with a message (class `sailer_note`).
#'
#' @param path Path of the file, or of the folder of a `matrix.mtx`.
#' @param group Group that holds the matrix, for 10x files with several. NULL,
#'   the default, takes the only one.
#' @param feature_type Features to read of a 10x file with types: `"Peaks"`, the
#'   default, `"Gene Expression"` or others; NULL reads all. Likewise for an
#'   h5ad file with types (`feature_types` in `var`), unless it has none of that
#'   type. For MuData it chooses the modality if `modality` is NULL.
#' @param layer Matrix of an h5ad file: the name of a layer, `"X"`, or `"raw"`
#'   for `raw/X` if no layer has that name. NULL, the default, finds the counts;
#'   see below.
#' @param modality Modality of MuData. NULL, the default, takes the one with the
#'   usual name for `feature_type`: `"atac"` or `"peaks"` for peaks, `"rna"` or
#'   `"gex"` for genes.
#' @return An object of class `"sailer_cells"`; see [as_cells()]. It keeps the
#'   path, so it can be saved and used in another process as long as the file
#'   does not change. For a corpus an object of class `"sailer_corpus"`; see
#'   [build_corpus()].
#' @seealso [cells_metadata()] for what is in `obs` and `obsm`; [sailerx()] for
#'   files that hold ATAC and RNA.
#' @references Cao (2023), section 2.2.7, for how counts are filtered.
#' @examples
#' open_cells(system.file("extdata", "tiny-10x.h5", package = "sailer"))
#' open_cells(system.file("extdata", "tiny.h5ad", package = "sailer"))
#' # ATAC and RNA of the same cells
#' path <- system.file("extdata", "tiny.h5mu", package = "sailer")
#' open_cells(path)
#' open_cells(path, modality = "rna")
#' @export
open_cells <- function(path, group = NULL, feature_type = "Peaks",
                       layer = NULL, modality = NULL) {
  check_text(path, "path")
  check_text(group, "group", null = TRUE)
  check_text(feature_type, "feature_type", null = TRUE)
  check_text(layer, "layer", null = TRUE)
  check_text(modality, "modality", null = TRUE)
  path <- normalizePath(path, mustWork = FALSE)
  if (is_corpus_path(path)) {
    return(open_corpus(path))
  }
  if (dir.exists(path) || is_mtx(path)) {
    others <- list(group = group, layer = layer, modality = modality)
    return(open_mtx(path, feature_type, others))
  }
  layout <- if (is.null(group)) core_file_layout(path) else "tenx"
  check_layout(path, layout, layer, modality)
  if (layout == "h5mu") {
    modality <- choose_modality(path, modality, feature_type)
  }
  if (layout == "tenx") {
    opened <- core_open_tenx(path, group %||% "", feature_type %||% "")
  } else {
    opened <- core_open_h5ad(
      path, layer %||% "", modality %||% "", feature_type %||% ""
    )
    if (is.null(layer)) note_matrix(opened)
    layer <- opened$layer
  }
  new_cells(
    opened$source, opened$peaks, opened$cells, opened$origin,
    ranges = ranges_of(opened$intervals, opened$peaks),
    file = list(
      path = path, group = group, feature_type = feature_type, layer = layer,
      layers = opened$layers, modality = modality, layout = layout
    )
  )
}

check_layout <- function(path, layout, layer, modality) {
  if (layout == "tenx" && !is.null(layer)) {
    abort("{.arg layer} is for h5ad files, but {.file {path}} is a 10x file.")
  }
  if (layout != "h5mu" && !is.null(modality)) {
    is <- if (layout == "tenx") "a 10x file" else "one AnnData object"
    abort(c(
      "{.arg modality} is for MuData (.h5mu), but {.file {path}} is {is}.",
      i = if (layout == "tenx") {
        "{.arg feature_type} chooses among the features of a 10x file."
      }
    ))
  }
}

# Names that modalities of MuData usually have.
usual_modalities <- list(
  Peaks = c("atac", "peaks"), `Gene Expression` = c("rna", "gex")
)

choose_modality <- function(path, modality, feature_type) {
  known <- core_modalities(path)
  if (!is.null(modality)) {
    where <- paste0("file ", basename(path))
    check_known(modality, known, "modality", "modality", where)
    return(modality)
  }
  fitting <- if (is.null(feature_type)) {
    known
  } else {
    known[tolower(known) %in% usual_modalities[[feature_type]]]
  }
  abort_if(length(fitting) != 1, c(
    "{.file {path}} is MuData with the
     {cli::qty(length(known))}modalit{?y/ies} {.val {known}}; name the one to
     read in {.arg modality}.",
    i = "For example
         {.code open_cells(path, modality = \"{as_literal(known[1])}\")}."
  ))
  fitting
}

# Which matrix was taken instead of X.
note_matrix <- function(opened) {
  if (opened$layer == "X") {
    return(invisible())
  }
  reason <- if ("X" %in% opened$layers) {
    "X of {opened$origin} holds no counts"
  } else {
    "There is no X in {opened$origin}"
  }
  note(paste0(reason, ": they are read from {.val {opened$layer}}. {.arg layer}
  names another matrix of {.val {opened$layers}}."))
}

# For messages on values of an h5ad file that are no counts: what else it has.
# NULL for other cells.
other_matrices <- function(file) {
  if (is.null(file$layers)) {
    return(NULL)
  }
  others <- setdiff(file$layers, file$layer)
  found <- if (length(others) == 0) {
    "{.file {file$path}} has no other matrix."
  } else {
    "{.file {file$path}} also has {.val {others}}: {.code open_cells(path,
     layer = \"{others[1]}\")}."
  }
  as_literal(cli::format_inline(found))
}

# The pointer died with its process; the file is still there.
reopen_cells <- function(x) {
  fresh <- open_again(x$file)
  if (!is.null(x$chosen$peaks) || !is.null(x$chosen$cells)) {
    fresh <- tryCatch(
      fresh[x$chosen$peaks %||% seq_len(nrow(fresh)),
            x$chosen$cells %||% seq_len(ncol(fresh))],
      sailer_argument_error = function(cnd) fresh
    )
  }
  expected <- x$in_file %||% unclass(x)[c("peaks", "cells")]
  same <- identical(unclass(fresh)[c("peaks", "cells")], expected) &&
    (is.null(x$peaks) || length(x$peaks) == nrow(fresh)) &&
    (is.null(x$cells) || length(x$cells) == ncol(fresh))
  abort_if(!same, c(
    "{.file {x$file$path}} has other cells or peaks than when it was opened.",
    i = "Open it again with {.fn open_cells}."
  ), class = "file")
  if (is.null(x$in_file)) fresh else name_cells(fresh, x$peaks, x$cells)
}

# `file`: of a handle.
open_again <- function(file) {
  if (file$layout == "dense") {
    return(open_dense(file$path, file$dataset))
  }
  if (file$layout == "corpus") {
    return(as_cells(open_corpus(file$path)))
  }
  if (file$layout == "h5ad" && is.null(file$layer)) {
    # A handle of sailer 0.1.0: all of X.
    file[c("layer", "feature_type")] <- list("X", NULL)
  }
  open_cells(
    file$path, file$group, file$feature_type, file$layer, file$modality
  )
}
