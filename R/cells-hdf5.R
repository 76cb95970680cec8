# Counts in HDF5 files, read by streaming.

#' Open counts in a file without loading them
#'
#' The file is recognised by what is in it, whatever its name. Models then read
#' it in blocks of cells: only one number per cell is held in memory.
#'
#' * **10x Genomics HDF5**, of Cell Ranger ATAC and ARC (`/matrix`) and of
#'   version 2 (a group for each genome), and what
#'   `HDF5Array::writeTENxMatrix()` writes. Of a multiome file only the peaks
#'   are read, unless `feature_type` asks for something else.
#' * **h5ad** (AnnData), with a sparse matrix by cells (CSR). Matrices stored by
#'   features (CSC) and dense ones cannot be streamed by cells; the error shows
#'   the Python code that converts them.
#'
#' * **MatrixMarket text**, `matrix.mtx` or `matrix.mtx.gz`, given by its path
#'   or by that of its folder, with the names beside it: `barcodes.tsv`, and
#'   `features.tsv`, `genes.tsv` or `peaks.bed` (which gives `chr1:100-200`),
#'   packed or not. All may have the same beginning, as on GEO
#'   (`GSM1_sample_matrix.mtx.gz`). Types of features, the third column of
#'   `features.tsv`, are used as those of a 10x file. Text cannot be streamed:
#'   its counts are packed in memory, 4 bytes for each open peak of each cell (8
#'   where counts of genes are among them), and 12 more while a file is read
#'   that is not sorted by cells. Cells x features are recognised by the numbers
#'   of names. A handle that was saved reads the file again.
#'
#' @param path Path of the file, or of the folder of a `matrix.mtx`.
#' @param group Group that holds the matrix, for 10x files with several. NULL,
#'   the default, takes the only one.
#' @param feature_type Features to read of a 10x file that tells their types:
#'   `"Peaks"` by default, NULL for all. Not used for other files.
#' @param layer Layer of an h5ad file; NULL, the default, reads `X`, and `"raw"`
#'   reads the counts kept in `raw/X` where no layer has that name.
#' @return An object of class `"sailer_cells"`; see [as_cells()]. It keeps the
#'   path, so it can be saved and used in another process as long as the file
#'   stays as it is.
#' @section Errors:
#' `sailer_file_error` when the file is missing, empty, cut short, neither HDF5
#' nor MatrixMarket text, of an unknown layout (what was found is listed),
#' stored by features, dense, or when its parts do not fit each other (the
#' dataset or the line is named), and for a folder without a matrix or with
#' several (they are listed); `sailer_argument_error` for a `group`,
#' `feature_type` or `layer` that is not there.
#' @seealso [cells_metadata()] for the columns of `obs`.
#' @references Cao (2023), section 2.2.7, for how counts are filtered.
#' @examples
#' open_cells(system.file("extdata", "tiny-10x.h5", package = "sailer"))
#' open_cells(system.file("extdata", "tiny.h5ad", package = "sailer"))
#' @export
open_cells <- function(path, group = NULL, feature_type = "Peaks",
                       layer = NULL) {
  check_text(path, "path")
  check_text(group, "group", null = TRUE)
  check_text(feature_type, "feature_type", null = TRUE)
  check_text(layer, "layer", null = TRUE)
  path <- normalizePath(path, mustWork = FALSE)
  if (dir.exists(path) || is_mtx(path)) {
    return(open_mtx(path, feature_type, list(group = group, layer = layer)))
  }
  layout <- if (is.null(group)) core_file_layout(path) else "tenx"
  if (layout == "tenx" && !is.null(layer)) {
    abort("{.arg layer} is for h5ad files, but {.file {path}} is a 10x file.")
  }
  opened <- if (layout == "tenx") {
    core_open_tenx(path, group %||% "", feature_type %||% "")
  } else {
    core_open_h5ad(path, layer %||% "")
  }
  new_cells(
    opened$source, opened$peaks, opened$cells, opened$origin,
    ranges = ranges_of(opened$intervals, opened$peaks),
    file = list(
      path = path, group = group, feature_type = feature_type, layer = layer,
      layout = layout
    ),
    chosen = list(peaks = NULL, cells = NULL)
  )
}

#' Metadata that a file keeps beside its counts
#'
#' @param cells A handle from [open_cells()] or [as_cells()].
#' @param columns Names of the columns wanted, or NULL for all of them.
#' @return A data frame with one row per cell, in the order of `cells` and named
#'   by them: the columns of `obs` of an h5ad file (text, numbers, logical
#'   values, and factors for categories). Without columns for cells that come
#'   from elsewhere.
#' @section Errors:
#' `sailer_argument_error` for a column that is not there. Columns of types that
#' R has no vector for are left out with a warning, unless asked for by name:
#' then it is a `sailer_file_error`.
#' @references Cao (2023), section 2.2.1: batches and other confounders are
#'   columns of such a table.
#' @examples
#' path <- system.file("extdata", "tiny.h5ad", package = "sailer")
#' head(cells_metadata(open_cells(path)))
#' @export
cells_metadata <- function(cells, columns = NULL) {
  cells <- as_cells(cells)
  table <- list()
  if (identical(cells$file$layout, "h5ad")) {
    path <- cells$file$path
    table <- if (is.null(columns)) {
      read_obs_columns(path)
    } else {
      lapply(stats::setNames(nm = columns), core_read_obs, path = path)
    }
  } else if (length(columns) > 0) {
    abort("{cells$origin} has no column {.val {columns[1]}}: it keeps no
           metadata of cells.")
  }
  if (!is.null(cells$chosen$cells)) {
    table <- lapply(table, function(column) column[cells$chosen$cells])
  }
  names <- cells$cells
  if (is.null(names) || anyDuplicated(names)) {
    names <- as.character(seq_len(ncol(cells)))
  }
  structure(table, names = names(table) %||% character(), row.names = names,
            class = "data.frame")
}

# All columns that can be read; a warning tells which cannot.
read_obs_columns <- function(path) {
  names <- core_obs_columns(path)
  read <- function(name) {
    tryCatch(core_read_obs(path, name), sailer_file_error = identity)
  }
  table <- lapply(stats::setNames(nm = names), read)
  failed <- vapply(table, inherits, logical(1), "sailer_file_error")
  if (any(failed)) {
    cli::cli_warn(c(
      "{sum(failed)} column{?s} of {.field obs} {?is/are} left out:
       {.val {names[failed]}}.",
      i = conditionMessage(table[[which(failed)[1]]])
    ))
  }
  table[!failed]
}

# The pointer died with its process; the file is still there.
reopen_cells <- function(x, call = rlang::caller_env()) {
  file <- x$file
  fresh <- if (identical(file$layout, "dense")) {
    open_dense(file$path, file$dataset)
  } else if (identical(file$layout, "corpus")) {
    as_cells(open_corpus(file$path))
  } else {
    open_cells(file$path, file$group, file$feature_type, file$layer)
  }
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
  if (!same) {
    abort(
      c(
        "{.file {file$path}} has other cells or peaks than when it was opened.",
        i = "Open it again with {.fn open_cells}."
      ),
      class = "file", call = call
    )
  }
  if (is.null(x$in_file)) fresh else name_cells(fresh, x$peaks, x$cells)
}

# GRanges from a file's intervals, where names alone do not tell chromosomes.
ranges_of <- function(intervals, peaks) {
  pattern <- "^.+:[0-9]+-[0-9]+$"
  if (is.null(intervals) || !all(grepl(pattern, intervals)) ||
        identical(intervals, peaks) ||
        !requireNamespace("GenomicRanges", quietly = TRUE)) {
    return(NULL)
  }
  methods::as(intervals, "GRanges")
}

check_text <- function(value, name, null = FALSE, call = rlang::caller_env()) {
  if (null && is.null(value)) {
    return(invisible())
  }
  if (!is.character(value) || length(value) != 1 || is.na(value)) {
    abort(
      "{.arg {name}} must be one string{if (null) ' or NULL'}, not
       {.obj_type_friendly {value}}.",
      call = call
    )
  }
  check_utf8(
    value, paste0("value of {.arg ", name, "}"), 'iconv(x, "latin1", "UTF-8")',
    call
  )
}
