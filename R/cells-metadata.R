# What h5ad and MuData files store about cells besides their counts.

#' Metadata and reduced dimensions of the cells in a file
#'
#' Reads the columns of `obs` of an h5ad file or of a modality of MuData, or an
#' embedding in its `obsm`, such as scanpy's PCA. An embedding of the RNA can
#' serve as the `reference` of [sailerx()].
#'
#' @param cells A handle from [open_cells()] or [as_cells()].
#' @param columns Names of the columns to read. NULL, the default, reads all;
#'   columns of types that R cannot represent are left out, with a warning.
#' @param reduction Name of an embedding in `obsm`, such as `"X_pca"`, to return
#'   instead of columns.
#' @return A data frame with one row per cell, in the order of `cells` and with
#'   their names. It has no columns if the cells come from another kind of
#'   source. With `reduction`, a numeric matrix of cells x dimensions, with rows
#'   in the same order and with the same names.
#' @references Cao (2023), section 2.2.1, on batches and other confounders,
#'   which are columns of such a table; chapter 3 for the reference.
#' @examples
#' path <- system.file("extdata", "tiny.h5ad", package = "sailer")
#' head(cells_metadata(open_cells(path)))
#' path <- system.file("extdata", "tiny.h5mu", package = "sailer")
#' rna <- open_cells(path, modality = "rna")
#' head(cells_metadata(rna, reduction = "X_pca"))
#' @export
cells_metadata <- function(cells, columns = NULL, reduction = NULL) {
  cells <- as_cells(cells)
  if (!is.null(reduction)) {
    return(cells_reduction(cells, reduction))
  }
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
    abort("{cells$origin} has no column {.val {columns[1]}}: it holds no
           cell metadata.")
  }
  table <- lapply(table, of_places, cells$chosen$cells)
  names <- cells$cells
  if (is.null(names) || anyDuplicated(names)) {
    names <- as.character(seq_len(ncol(cells)))
  }
  structure(table, names = names(table) %||% character(), row.names = names,
            class = "data.frame")
}

# Returns all columns that can be read; a warning names the others.
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

cells_reduction <- function(cells, name) {
  check_text(name, "reduction")
  if (!in_anndata(cells)) {
    abort("{cells$origin} holds no reduced dimensions: only h5ad files and
           MuData do, in {.field obsm}.")
  }
  values <- core_read_obsm(cells$file$path, name, cells$file$modality %||% "")
  chosen <- cells$chosen$cells %||% seq_len(nrow(values))
  values <- values[chosen, , drop = FALSE]
  dimnames(values) <- list(
    cells$cells, paste(name, seq_len(ncol(values)), sep = "_")
  )
  values
}

in_anndata <- function(cells) isTRUE(cells$file$layout %in% c("h5ad", "h5mu"))
