# A corpus in R: what is in the file, and a source that reads it.

# Opens a corpus; reads only the headers of the file's parts. Returns a list:
#   path        the file
#   source      what the core reads cells from
#   genes       data frame of gene, symbol and ensembl
#   sources     data frame of name, cells and left_out
#   n_cells, n_nonzeros
open_corpus <- function(path) {
  path <- normalizePath(path, mustWork = FALSE)
  opened <- core_corpus_open(path, check = FALSE)
  structure(list(
    path = path, source = opened$source, genes = as.data.frame(opened$genes),
    sources = as.data.frame(opened$sources), n_cells = opened$n_cells,
    n_nonzeros = opened$n_nonzeros
  ), class = "sailer_corpus")
}

is_corpus_path <- function(x) {
  if (!rlang::is_string(x) || !file.exists(x) || dir.exists(x)) {
    return(FALSE)
  }
  begins <- charToRaw("sailer corpus")
  identical(readBin(x, "raw", length(begins)), begins)
}

# Returns a corpus that can be read: reopened if its pointer is no longer valid.
live_corpus <- function(x) {
  if (core_cells_alive(x$source)) {
    return(x)
  }
  fresh <- open_corpus(x$path)
  abort_if(!identical(fresh$genes, x$genes) || fresh$n_cells < x$n_cells, c(
    "The genes or cells in {.file {x$path}} have changed since it was opened.",
    i = "Open it again with {.fn open_cells}."
  ), class = "file")
  fresh
}

#' @rdname as_cells
#' @export
as_cells.sailer_corpus <- function(x, ...) {
  x <- live_corpus(x)
  names <- paste0(
    rep(x$sources$name, x$sources$cells), "/", sequence(x$sources$cells)
  )
  new_cells(
    x$source, x$genes$gene, names, paste0("corpus '", basename(x$path), "'"),
    file = list(path = x$path, layout = "corpus")
  )
}

#' @export
dim.sailer_corpus <- function(x) {
  dims <- c(nrow(x$genes), x$n_cells)
  if (max(dims) <= .Machine$integer.max) as.integer(dims) else dims
}

#' @export
print.sailer_corpus <- function(x, ...) {
  a_cell <- round(x$n_nonzeros / max(1, x$n_cells))
  cat(
    "<sailer_corpus> ", big(nrow(x$genes)), " genes x ", big(x$n_cells),
    " cells\n  in ", x$path, "\n  ", big(x$n_nonzeros),
    " counts above zero, ", big(a_cell), " per cell\n", sep = ""
  )
  print(utils::head(x$sources, 10), row.names = FALSE)
  more <- nrow(x$sources) - 10
  if (more > 0) cat("  and", more, "more sources\n")
  invisible(x)
}
