# Input: whatever a user provides becomes a handle of class "sailer_cells", from
# which the core reads sparse rows, one per cell. The user's object is never
# changed, and is copied only where necessary.
#
# A handle is a list of
#   source  external pointer to the core's cell source
#   cells   names of the n cells, or NULL if the object has none
#   peaks   names of the P peaks, or NULL
#   origin  for messages: "a dgCMatrix", "10x HDF5 file 'x.h5'"
#   ranges  GRanges of the peaks, or NULL
#   file    for cells in a file: the arguments of open_cells() that open it
#   chosen  for cells in a file: list(peaks, cells), the indices taken from it
#   in_file for cells in a file whose names were set: list(peaks, cells), their
#           names in the file; otherwise absent
#   sample  for cells that came in a list: the sample of each; otherwise absent
#   no_empty  code that removes empty cells from the user's object, if
#           `x[, cell_depth(x) > 0]` would not work; otherwise absent

#' @importFrom rlang %||%
#' @importClassesFrom Matrix dgCMatrix
NULL

#' Convert counts to a handle that the models can read
#'
#' `as_cells()` turns counts of peaks x cells into a handle from which the
#' models read cells as sparse rows. [sailer()] calls it on its input, so most
#' users never need it. Methods for Seurat and SingleCellExperiment objects
#' choose the assay and then call it on the counts.
#'
#' * A `dgCMatrix` is not copied. Other sparse matrices of the Matrix package
#'   are converted once.
#' * Dense matrices, `DelayedMatrix` and BPCells' `IterableMatrix` are read in
#'   blocks of cells and packed: about one byte per open peak of a cell, in
#'   memory up to 256 MB and in a temporary file (in [tempdir()]) beyond that.
#'   Their counts are checked while they are packed.
#' * A `TENxMatrix`, an `HDF5Matrix` or a CSR `H5ADMatrix` with unmodified
#'   values is streamed from its file; see [open_cells()].
#'
#' Handles can be subset like a matrix, `cells[peaks, cells]`, and named like
#' one: `rownames(cells) <- peaks`, `colnames(cells) <- barcodes`. Names are
#' kept when the handle is subset or saved.
#'
#' A count within a relative error of 0.000002 of a whole number, such as
#' 2.9999998 from 32-bit arithmetic, is read as that whole number.
#'
#' @param x Counts with peaks in rows and cells in columns: a matrix, any matrix
#'   of the Matrix package, a `DelayedMatrix`, an `IterableMatrix`, a path for
#'   [open_cells()], a handle, or a list of these.
#' @param counts Whether packing keeps the counts themselves, which models of
#'   genes need: one byte or more each, fractions allowed. FALSE, the default,
#'   keeps only which peaks are open, which is all that models of peaks read.
#' @param ... Passed on to methods.
#' @return An object of class `"sailer_cells"`, with methods for `dim()` (peaks,
#'   cells), `dimnames()`, `dimnames<-`, `[`, `format()` and `print()`. A handle
#'   to a file can be saved with [saveRDS()] or sent to another process, where
#'   it opens the file again. A handle to a matrix in memory has to be created
#'   again.
#' @seealso [cell_depth()], to find the cells that a model cannot use.
#' @references Cao (2023), section 2.2.7, for how counts are filtered.
#' @examples
#' counts <- Matrix::sparseMatrix(
#'   i = c(1, 2, 3, 1), j = c(1, 1, 2, 3), x = 1,
#'   dimnames = list(paste0("chr1-", 1:3, "00-", 1:3, "50"), c("a", "b", "c"))
#' )
#' cells <- as_cells(counts)
#' cells
#' dim(cells[, c("a", "b")])
#' @order 1
#' @export
as_cells <- function(x, ...) {
  # Methods pass `...` on, so none of them could detect a misspelt argument.
  given <- list(...)
  known <- lapply(list(
    as_cells.matrix, as_cells.Seurat, as_cells.SummarizedExperiment, open_cells
  ), function(method) names(formals(method)))
  known <- setdiff(unlist(known), c("x", "path", "..."))
  check_options(given[rlang::have_name(given)], known)
  UseMethod("as_cells")
}

#' @rdname as_cells
#' @export
as_cells.default <- function(x, counts = FALSE, ...) {
  if (load_class(x)) {
    return(as_cells(x, counts = counts, ...))
  }
  refuse_unknown_class(x)
  abort(c(
    "{.arg x} must hold counts of peaks or genes x cells, not
     {.obj_type_friendly {x}}.",
    i = "Give a matrix (base or Matrix package), a DelayedMatrix, a Seurat or
         SingleCellExperiment object, or a file opened with {.fn open_cells}."
  ))
}

#' @rdname as_cells
#' @export
as_cells.sailer_cells <- function(x, ...) {
  if (core_cells_alive(x$source)) {
    return(x)
  }
  abort_if(is.null(x$file), c(
    "These cells were in the memory of an R session that has ended.",
    i = "They came from {x$origin}: call {.fn as_cells} on it again."
  ))
  reopen_cells(x)
}

#' @rdname as_cells
#' @export
as_cells.character <- function(x, counts = FALSE, ...) {
  as_cells(open_cells(x, ...))
}

#' @rdname as_cells
#' @export
as_cells.dgCMatrix <- function(x, ...) {
  new_cells(
    core_cells_from_matrix(x@i, x@p, x@x, x@Dim, "a dgCMatrix"),
    rownames(x), colnames(x), "a dgCMatrix"
  )
}

#' @rdname as_cells
#' @export
as_cells.ngCMatrix <- function(x, ...) {
  new_cells(
    core_cells_from_matrix(x@i, x@p, NULL, x@Dim, "an ngCMatrix"),
    rownames(x), colnames(x), "an ngCMatrix"
  )
}

#' @rdname as_cells
#' @export
as_cells.Matrix <- function(x, counts = FALSE, ...) {
  origin <- paste("a", class(x)[1])
  if (methods::is(x, "sparseMatrix")) {
    # Repeated entries of a triplet matrix are summed, as Matrix does.
    x <- methods::as(methods::as(x, "generalMatrix"), "CsparseMatrix")
    if (methods::is(x, "lMatrix")) x <- methods::as(x, "dMatrix")
    cells <- as_cells(x)
    cells$origin <- origin
    return(cells)
  }
  if (methods::is(x, "dgeMatrix")) {
    return(pack_dense(x@x, dim(x), dimnames(x), origin, counts))
  }
  pack_blocks(x, origin, block_cells(nrow(x)), take_dense, counts)
}

#' @rdname as_cells
#' @export
as_cells.matrix <- function(x, counts = FALSE, ...) {
  abort_if(!is.numeric(x) && !is.logical(x), c(
    "Counts must be numbers, but {.arg x} is a {typeof(x)} matrix.",
    i = "Give the counts as a numeric matrix with cells in columns."
  ), class = "data")
  pack_dense(x, dim(x), dimnames(x), "a matrix", counts)
}

new_cells <- function(source, peaks, cells, origin, ranges = NULL,
                      file = NULL, chosen = NULL) {
  if (!is.null(file)) chosen <- chosen %||% list(peaks = NULL, cells = NULL)
  structure(list(
    source = source, cells = in_utf8(cells), peaks = in_utf8(peaks),
    origin = origin, ranges = ranges, file = file, chosen = chosen
  ), class = "sailer_cells")
}

# Packing ---------------------------------------------------------------------

# Returns the number of cells in a dense block of about `n_counts` counts.
block_cells <- function(n_peaks, n_counts = 4e6) {
  max(1, floor(n_counts / max(1, n_peaks)))
}

# Packs cells: calls add(writer, first, count) for consecutive blocks of cells.
# add() appends them, and returns NULL or the first count that cannot be used.
pack_cells <- function(dims, names, origin, n_block, add, counts = FALSE) {
  writer <- core_cells_pack(dims[1], origin, counts, tempdir())
  first <- 1
  while (first <= dims[2]) {
    count <- min(n_block, dims[2] - first + 1)
    problem <- add(writer, first, count)
    if (!is.null(problem)) {
      abort_for_count(
        problem, names[[1]], names[[2]], if (counts) "gene" else "peak"
      )
    }
    first <- first + count
  }
  new_cells(core_cells_packed(writer), names[[1]], names[[2]], origin)
}

# Packs a vector that holds the whole matrix by columns.
pack_dense <- function(values, dims, names, origin, counts = FALSE) {
  pack_cells(
    dims, names %||% list(NULL, NULL), origin, block_cells(dims[1]),
    function(writer, first, count) {
      block <- values[(first - 1) * dims[1] + seq_len(count * dims[1])]
      core_cells_pack_dense(writer, matrix(block, dims[1], count))
    }, counts
  )
}

# Packs any matrix: take(x, columns) returns a base matrix or a dgCMatrix.
pack_blocks <- function(x, origin, n_block, take, counts = FALSE) {
  pack_cells(
    dim(x), dimnames(x) %||% list(NULL, NULL), origin, n_block,
    function(writer, first, count) {
      block <- take(x, as.integer(seq(first, length.out = count)))
      if (methods::is(block, "dgCMatrix")) {
        core_cells_pack_sparse(writer, block@i, block@p, block@x)
      } else {
        core_cells_pack_dense(writer, block)
      }
    }, counts
  )
}

# Methods ---------------------------------------------------------------------

#' @export
dim.sailer_cells <- function(x) {
  if (core_cells_alive(x$source)) {
    dims <- core_cells_dim(x$source)
  } else {
    dims <- c(length(x$peaks), length(x$cells))
  }
  if (max(dims) <= .Machine$integer.max) as.integer(dims) else dims
}

#' @export
dimnames.sailer_cells <- function(x) list(x$peaks, x$cells)

#' @export
`dimnames<-.sailer_cells` <- function(x, value) {
  if (!is.list(value) || length(value) != 2) {
    abort("Cells have two sets of names: give a list of the peak names and the
           cell names.")
  }
  x <- as_cells(x)
  dims <- dim(x)
  for (k in 1:2) {
    what <- c("peak", "cell")[k]
    names <- value[[k]]
    if (is.null(names)) next
    if (!is.atomic(names) && !is.factor(names)) {
      abort("The {what} names must be text, not {.obj_type_friendly {names}}.")
    }
    if (length(names) != dims[k]) {
      abort("There {cli::qty(length(names))}{?is/are} {length(names)} name{?s}
             for {dims[k]} {what}s.")
    }
    value[[k]] <- as.character(names)
  }
  name_cells(x, value[[1]], value[[2]])
}

# Returns the handle with other names; NULL removes them. The handle of a file
# keeps the names in the file, which must be the same when it is opened again.
name_cells <- function(x, peaks, cells) {
  if (!is.null(x$file) && is.null(x$in_file)) {
    x$in_file <- unclass(x)[c("peaks", "cells")]
  }
  x["peaks"] <- list(in_utf8(peaks))
  x["cells"] <- list(in_utf8(cells))
  x
}

#' @export
format.sailer_cells <- function(x, ...) {
  dims <- big(dim(x))
  first <- function(names, what) {
    if (length(names) == 0) {
      return(paste0(what, ": no names"))
    }
    shown <- paste(utils::head(names, 3), collapse = ", ")
    paste0(what, ": ", shown, if (length(names) > 3) ", ...")
  }
  c(
    paste0("<sailer_cells> ", dims[1], " peaks x ", dims[2], " cells"),
    paste0("  from ", x$origin), paste0("  ", first(x$peaks, "peaks")),
    paste0("  ", first(x$cells, "cells"))
  )
}

#' @export
print.sailer_cells <- function(x, ...) {
  cat(format(x, ...), sep = "\n")
  invisible(x)
}

#' @export
`[.sailer_cells` <- function(x, i, j, ..., drop = FALSE) {
  x <- as_cells(x)
  dims <- dim(x)
  peaks <- if (!missing(i)) places(i, dims[1], x$peaks, "peak")
  cells <- if (!missing(j)) places(j, dims[2], x$cells, "cell")
  abort_if(anyDuplicated(peaks), "A peak can be selected only once.")
  map <- NULL
  if (!is.null(peaks)) {
    map <- rep(NA_integer_, dims[1])
    map[peaks] <- seq_along(peaks)
    dims[1] <- length(peaks)
  }
  source <- core_cells_subset(x$source, cells, map, dims[1])
  chosen <- if (!is.null(x$file)) {
    list(
      peaks = chosen_of(x$chosen$peaks, peaks),
      cells = chosen_of(x$chosen$cells, cells)
    )
  }
  taken <- new_cells(
    source, of_places(x$peaks, peaks), of_places(x$cells, cells), x$origin,
    of_places(x$ranges, peaks), x$file, chosen
  )
  if (!is.null(x$in_file)) {
    taken$in_file <- list(
      peaks = of_places(x$in_file$peaks, peaks),
      cells = of_places(x$in_file$cells, cells)
    )
  }
  taken$sample <- of_places(x$sample, cells)
  taken$no_empty <- x$no_empty
  taken
}

# Converts an index into positions, counted from 1.
places <- function(index, size, names, what) {
  if (is.character(index)) {
    found <- match(index, names)
    lost <- index[is.na(found)]
    abort_if(length(lost) > 0, "There is no {what} named {.val {lost[1]}}.")
    return(found)
  }
  if (is.logical(index) && length(index) != size) {
    abort("The {what} index has {length(index)} value{?s}, but there are
           {size} {what}s.")
  }
  found <- tryCatch(seq_len(size)[index], error = function(cnd) NA)
  abort_if(anyNA(found), "The {what} index has NA or values beyond {size}.")
  found
}

# Returns the values at `places`; NULL takes all.
of_places <- function(values, places) {
  if (is.null(values) || is.null(places)) values else values[places]
}

# Combines two subsets: `second` indexes what `first` chose; NULL takes all.
chosen_of <- function(first, second) {
  if (is.null(first)) second else if (is.null(second)) first else first[second]
}
