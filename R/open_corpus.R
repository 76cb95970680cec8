# A corpus as R holds it: what is in the file, and a source that reads it.

#' Open a corpus
#'
#' A corpus, made by [build_corpus()], holds the cells of many sources in one
#' file: opening reads no more than the heads of its parts, whatever the size of
#' the file, and no cell is loaded before it is read. Files of sailer 0.1.0 can
#' be read, though nothing can be added to them.
#'
#' @param file Path of the file.
#' @param check Whether to read the whole file and compare it with its
#'   checksums; FALSE, the default, looks at the heads of its parts alone, and
#'   at the rest when it is first read.
#' @return An object of class `"sailer_corpus"`, with methods for `dim()`
#'   (genes, cells), `format()`, `print()` and [as_cells()]. It is a list of
#'   * `path`: the file;
#'   * `source`: what the core reads cells from;
#'   * `genes`: data frame of `gene`, `symbol` and `ensembl` (NA where not
#'     known), in the order of the corpus;
#'   * `sources`: data frame of `name`, `cells`, and `left_out`, the number of
#'     its cells without a count of any gene of the corpus;
#'   * `n_cells`, and `n_nonzeros`, the number of counts above zero.
#'
#'   Saved and read in another process it opens its file again.
#' @section Errors:
#' `sailer_file_error` when the file is missing, no corpus, not finished, cut
#' short, damaged, or written by a newer version.
#' @seealso [build_corpus()].
#' @references Cao (2023), section 4.2.1: one memory mapping array of many data
#'   sets.
#' @examples
#' counts <- matrix(rpois(60, 1), 6, dimnames = list(
#'   c("SOX2", "GATA1", "CD3E", "ALB", "INS", "MYC"), NULL
#' ))
#' file <- tempfile(fileext = ".corpus")
#' build_corpus(counts, file, genes = rownames(counts), verbose = FALSE)
#' corpus <- open_corpus(file, check = TRUE)
#' corpus$genes
#' as_cells(corpus)
#' @export
open_corpus <- function(file, check = FALSE) {
  check_text(file, "file")
  check_flag(check)
  path <- normalizePath(file, mustWork = FALSE)
  opened <- core_corpus_open(path, check)
  structure(
    list(
      path = path, source = opened$source,
      genes = as.data.frame(opened$genes),
      sources = as.data.frame(opened$sources),
      n_cells = opened$n_cells, n_nonzeros = opened$n_nonzeros
    ),
    class = "sailer_corpus"
  )
}

# A corpus that can be read: opened again where its pointer has died.
live_corpus <- function(x, call = rlang::caller_env()) {
  if (core_cells_alive(x$source)) {
    return(x)
  }
  fresh <- open_corpus(x$path)
  if (!identical(fresh$genes, x$genes) || fresh$n_cells < x$n_cells) {
    abort(
      c(
        "{.file {x$path}} holds other genes or cells than when it was opened.",
        i = "Open it again with {.fn open_corpus}."
      ),
      class = "file", call = call
    )
  }
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
    file = list(path = x$path, layout = "corpus"),
    chosen = list(peaks = NULL, cells = NULL)
  )
}

#' @export
dim.sailer_corpus <- function(x) {
  dims <- c(nrow(x$genes), x$n_cells)
  if (max(dims) <= .Machine$integer.max) as.integer(dims) else dims
}

#' @export
format.sailer_corpus <- function(x, ...) {
  number <- function(n) format(n, big.mark = ",", scientific = FALSE)
  shown <- utils::head(x$sources, 10)
  left <- ifelse(
    shown$left_out > 0,
    paste0(", ", vapply(shown$left_out, number, ""), " left out"), ""
  )
  more <- nrow(x$sources) - nrow(shown)
  c(
    paste0(
      "<sailer_corpus> ", number(nrow(x$genes)), " genes x ",
      number(x$n_cells), " cells"
    ),
    paste0("  in ", x$path),
    paste0(
      "  ", number(x$n_nonzeros), " counts above zero, ",
      number(round(x$n_nonzeros / max(1, x$n_cells))), " a cell"
    ),
    sprintf("  %s: %s cells%s", shown$name,
            vapply(shown$cells, number, ""), left),
    if (more > 0) paste0("  and ", more, " more sources")
  )
}

#' @export
print.sailer_corpus <- function(x, ...) {
  cat(format(x, ...), sep = "\n")
  invisible(x)
}
