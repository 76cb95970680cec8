# Matrices that need not be in memory: those of DelayedArray and BPCells.

#' @rdname as_cells
#' @export
as_cells.DelayedMatrix <- function(x, counts = FALSE, ...) {
  from_file <- cells_of_seed(x)
  if (!is.null(from_file)) {
    return(from_file)
  }
  sparse <- delayed("is_sparse")(x)
  pack_blocks(
    x, paste("a", class(x)[1]), delayed_block_cells(x, sparse),
    if (sparse) take_sparse else take_dense, counts
  )
}

#' @rdname as_cells
#' @export
as_cells.IterableMatrix <- function(x, counts = FALSE, ...) {
  n_block <- block_cells(nrow(x), 1e8)
  # If the matrix is stored by peaks, as by BPCells::peak_matrix(), each block
  # of cells would be a pass over all of it: it is sorted once instead, on disk.
  if (methods::slot(x, "transpose") && ncol(x) > n_block) {
    folder <- tempfile("cells-of-bpcells")
    on.exit(unlink(folder, recursive = TRUE))
    note("The BPCells matrix is stored by rows: converting it to storage by
          cells, in a temporary folder.")
    x <- getExportedValue("BPCells", "transpose_storage_order")(x, folder)
  }
  pack_blocks(
    x, "a BPCells matrix", n_block,
    function(x, columns) methods::as(x[, columns], "dgCMatrix"), counts
  )
}

take_dense <- function(x, columns) as.matrix(x[, columns, drop = FALSE])

# Coercing the DelayedMatrix itself would turn NaN into zero in some versions.
take_sparse <- function(x, columns) {
  block <- delayed("extract_sparse_array")(x, list(NULL, columns))
  block <- methods::as(block, "CsparseMatrix")
  if (methods::is(block, "dMatrix")) block else methods::as(block, "dMatrix")
}

# Returns the number of cells in a block: whole chunks of the file if possible.
# Sparse blocks may have more: 5 % of non-zeros is a lot for a peak matrix.
delayed_block_cells <- function(x, sparse) {
  n_block <- block_cells(nrow(x), if (sparse) 1e8 else 4e6)
  chunk <- DelayedArray::chunkdim(x)[2]
  if (length(chunk) == 0 || is.na(chunk) || chunk > n_block) {
    return(n_block)
  }
  floor(n_block / chunk) * chunk
}

# Returns a function that is in different packages in different releases.
delayed <- function(name) {
  for (package in c("SparseArray", "S4Arrays", "DelayedArray")) {
    if (requireNamespace(package, quietly = TRUE) &&
          name %in% getNamespaceExports(package)) {
      return(getExportedValue(package, name))
    }
  }
  abort("DelayedArray has no {.fn {name}}; install a newer release.")
}

# Returns a handle to the file behind `x` if only names and the choice of rows
# and columns were changed, otherwise NULL.
cells_of_seed <- function(x) {
  behind <- seed_behind(x)
  opened <- if (!is.null(behind)) open_seed(behind$seed)
  if (is.null(opened) || anyDuplicated(behind$peaks) ||
        !identical(dim(opened), dim(behind$seed))) {
    return(NULL)
  }
  if (!is.null(behind$peaks) || !is.null(behind$cells)) {
    opened <- opened[behind$peaks %||% seq_len(nrow(opened)),
                     behind$cells %||% seq_len(ncol(opened))]
  }
  name_cells(opened, rownames(x), colnames(x))
}

# Returns the seed below changes of names and choices of rows and columns, and
# the indices chosen (NULL: all). NULL if there are changes of another kind.
seed_behind <- function(x) {
  seed <- x@seed
  peaks <- NULL
  cells <- NULL
  while (methods::is(seed, "DelayedUnaryOp")) {
    if (methods::is(seed, "DelayedSubset")) {
      # The outer subset indexes the inner one.
      peaks <- chosen_of(seed@index[[1]], peaks)
      cells <- chosen_of(seed@index[[2]], cells)
    } else if (!methods::is(seed, "DelayedSetDimnames")) {
      return(NULL)
    }
    seed <- seed@seed
  }
  list(seed = seed, peaks = peaks, cells = cells)
}

# Opens a dense matrix, as writeHDF5Array() writes it, to be streamed.
open_dense <- function(path, dataset) {
  opened <- core_open_dense(path, dataset)
  new_cells(
    opened$source, NULL, NULL, opened$origin,
    file = list(path = path, dataset = dataset, layout = "dense")
  )
}

# Opens the seed's file with our reader; NULL if that cannot read it (CSC).
open_seed <- function(seed) {
  of <- function(class) methods::is(seed, class)
  open <- function(...) open_cells(seed@filepath, ..., feature_type = NULL)
  tryCatch(
    if (of("HDF5ArraySeed")) {
      open_dense(normalizePath(seed@filepath), seed@name)
    } else if (of("TENxMatrixSeed")) {
      open(group = sub("^/", "", seed@group))
    } else if (of("H5ADMatrixSeed") && methods::.hasSlot(seed, "group") &&
                 grepl("^/?(X$|layers/)", seed@group)) {
      open(layer = sub("^/?(layers/)?", "", seed@group))
    },
    sailer_file_error = function(cnd) NULL,
    sailer_argument_error = function(cnd) NULL
  )
}
