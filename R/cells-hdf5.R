# Counts in HDF5 files, which are streamed.

#' Open counts in a file without loading them
#'
#' The format is recognised by the file's content, not by its name. Models then
#' read the file in blocks of cells; only the names and one number per cell are
#' kept in memory.
#'
#' * **10x Genomics HDF5**, from Cell Ranger ATAC and ARC (`/matrix`) and from
#'   Cell Ranger 2 (one group per genome), and files written by
#'   `HDF5Array::writeTENxMatrix()`. From a multiome file only the peaks are
#'   read, unless `feature_type` selects others. Features are named by their
#'   ids, or by their names if there are no ids.
#' * **h5ad** (AnnData since 0.5), with a matrix stored by cells, sparse (CSR)
#'   or dense. Matrices stored by features (CSC) cannot be streamed by cells;
#'   the error shows how to convert them.
#' * **h5mu** (MuData): one `modality`, which is an h5ad inside the file, with
#'   its own cells, `obs` and layers.
#' * **MatrixMarket text**, `matrix.mtx` or `matrix.mtx.gz`: give its path or
#'   that of its folder. The names are read from files next to it, compressed or
#'   not: `barcodes.tsv`, and `features.tsv`, `genes.tsv` or `peaks.bed` (which
#'   gives names like `chr1:100-200`). All may share a prefix, as on GEO
#'   (`GSM1_sample_matrix.mtx.gz`). Feature types, the third column of
#'   `features.tsv`, are used as in a 10x file. A matrix of cells x features is
#'   recognised from the numbers of names. The counts are packed, about one byte
#'   per open peak of a cell (two for genes), in memory up to 256 MB and in a
#'   temporary file beyond that. Files that are not sorted by cells take 12 more
#'   bytes per count while they are read. A saved handle reads the file again.
#' * **A corpus** of genes, written by [build_corpus()].
#'
#' @section Which matrix of an h5ad file:
#' `X` often holds normalised values. Without `layer`, the first values of `X`
#' decide: if they are counts (whole and not negative), `X` is read. Otherwise
#' the layer `"counts"` is read, or the raw counts of AnnData, or the only other
#' layer that holds counts, with a message (class `sailer_note`).
#'
#' @param path Path of the file, or of the folder with `matrix.mtx`.
#' @param group Group that holds the matrix, for 10x files with several groups.
#'   NULL, the default, takes the only one.
#' @param feature_type Type of the features to read from a 10x file with types:
#'   `"Peaks"`, the default, `"Gene Expression"` or others; NULL reads all. The
#'   same applies to an h5ad file with types (`feature_types` in `var`), but if
#'   no feature has that type, all are read. For MuData it selects the modality
#'   if `modality` is NULL.
#' @param layer Matrix to read from an h5ad file: the name of a layer, `"X"`, or
#'   `"raw"` for `raw/X` if there is no layer of that name. NULL, the default,
#'   finds the counts; see below.
#' @param modality Modality of a MuData file. NULL, the default, takes the one
#'   with a usual name for `feature_type`: `"atac"` or `"peaks"` for peaks,
#'   `"rna"` or `"gex"` for genes.
#' @return An object of class `"sailer_cells"`; see [as_cells()]. It keeps the
#'   path, so it can be saved and used in another process as long as the file
#'   does not change. For a corpus, an object of class `"sailer_corpus"`; see
#'   [build_corpus()].
#' @seealso [cells_metadata()] to read `obs` and `obsm`; [sailerx()] for files
#'   with both ATAC and RNA.
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
    is <- if (layout == "tenx") "a 10x file" else "a single AnnData object"
    abort(c(
      "{.arg modality} is for MuData (.h5mu), but {.file {path}} is {is}.",
      i = if (layout == "tenx") {
        "Use {.arg feature_type} to choose features of a 10x file."
      }
    ))
  }
}

# Usual names of MuData modalities, by feature type.
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
     {cli::qty(length(known))}modalit{?y/ies} {.val {known}}; set
     {.arg modality} to the one to read.",
    i = "For example
         {.code open_cells(path, modality = \"{as_literal(known[1])}\")}."
  ))
  fitting
}

# Reports which matrix was read instead of X.
note_matrix <- function(opened) {
  if (opened$layer == "X") {
    return(invisible())
  }
  reason <- if ("X" %in% opened$layers) {
    "X of {opened$origin} holds no counts"
  } else {
    "There is no X in {opened$origin}"
  }
  note(paste0(reason, ": reading counts from {.val {opened$layer}}. To read
  another matrix, set {.arg layer} to one of {.val {opened$layers}}."))
}

# Returns a hint that names the other matrices of an h5ad file, for messages on
# values that are not counts. NULL for cells from elsewhere.
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

# The pointer died with its process, but the file may still be there.
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
    "The cells or peaks in {.file {x$file$path}} have changed since it was
     opened.",
    i = "Open it again with {.fn open_cells}."
  ), class = "file")
  if (is.null(x$in_file)) fresh else name_cells(fresh, x$peaks, x$cells)
}

# Opens the `file` of a handle again.
open_again <- function(file) {
  if (file$layout == "dense") {
    return(open_dense(file$path, file$dataset))
  }
  if (file$layout == "corpus") {
    return(as_cells(open_corpus(file$path)))
  }
  if (file$layout == "h5ad" && is.null(file$layer)) {
    # A handle of sailer 0.1.0, which read all of X.
    file[c("layer", "feature_type")] <- list("X", NULL)
  }
  open_cells(
    file$path, file$group, file$feature_type, file$layer, file$modality
  )
}
