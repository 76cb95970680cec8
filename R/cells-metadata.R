# What h5ad files and MuData keep beside the counts of their cells.

#' Metadata that a file keeps beside its counts
#'
#' @param cells A handle from [open_cells()] or [as_cells()].
#' @param columns Names of the columns wanted, or NULL for all of them.
#' @return A data frame with one row per cell, in the order of `cells` and named
#'   by them: the columns of `obs` of an h5ad file, or of a modality of MuData
#'   (text, numbers, logical values, and factors for categories). Without
#'   columns for cells that come from elsewhere.
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
  if (in_anndata(cells)) {
    path <- cells$file$path
    modality <- cells$file$modality %||% ""
    table <- if (is.null(columns)) {
      read_obs_columns(path, modality)
    } else {
      lapply(stats::setNames(nm = columns), core_read_obs, path = path,
             modality = modality)
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
read_obs_columns <- function(path, modality) {
  names <- core_obs_columns(path, modality)
  read <- function(name) {
    tryCatch(core_read_obs(path, name, modality), sailer_file_error = identity)
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

#' Reduced dimensions that a file keeps beside its counts
#'
#' Embeddings in `obsm` of an h5ad file or of a modality of MuData, such as the
#' PCA of scanpy. Of RNA they serve as the `reference` of [sailerx()].
#'
#' @param cells A handle from [open_cells()].
#' @param name Name in `obsm`, such as `"X_pca"`. NULL, the default, takes the
#'   only one.
#' @return A numeric matrix of cells x dimensions, in the order of `cells` and
#'   named by them.
#' @section Errors:
#' `sailer_argument_error` for cells that come from no h5ad file or MuData, for
#' a name that is not there (those that are get listed), and where one of
#' several has to be chosen; `sailer_file_error` for what is no dense matrix.
#' @seealso [cells_metadata()] for the columns of `obs`.
#' @references Cao (2023), chapter 3, for what the reference does.
#' @examples
#' path <- system.file("extdata", "tiny.h5mu", package = "sailer")
#' head(cells_reduction(open_cells(path, modality = "rna"), "X_pca"))
#' @export
cells_reduction <- function(cells, name = NULL) {
  cells <- as_cells(cells)
  check_text(name, "name", null = TRUE)
  if (!in_anndata(cells)) {
    abort("{cells$origin} keeps no reduced dimensions of cells: they are in
           {.field obsm} of h5ad files and MuData.")
  }
  modality <- cells$file$modality %||% ""
  known <- core_obsm_names(cells$file$path, modality)
  if (is.null(name) && length(known) != 1) {
    abort(c(
      "{.arg name} must be one of the reduced dimensions in {cells$origin}.",
      i = if (length(known) == 0) "It has none." else "It has {.val {known}}."
    ))
  }
  name <- name %||% known
  values <- core_read_obsm(cells$file$path, name, modality)
  if (!is.null(cells$chosen$cells)) {
    values <- values[cells$chosen$cells, , drop = FALSE]
  }
  dimnames(values) <- list(
    cells$cells, paste(name, seq_len(ncol(values)), sep = "_")
  )
  values
}

in_anndata <- function(cells) isTRUE(cells$file$layout %in% c("h5ad", "h5mu"))
