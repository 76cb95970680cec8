# Building a corpus: many sources of RNA counts, one list of genes, one file.

#' Build a corpus from many scRNA-seq data sets
#'
#' Writes the counts of many sources, each with its own genes, to one file for
#' training. Counts are stored cell by cell, only those above zero, usually in 2
#' bytes each. Sources are read in blocks, so neither they nor the corpus need
#' to fit into memory. After an interruption (Ctrl-C or a killed process), the
#' same call continues where it stopped; if the file is complete, the call only
#' opens it.
#'
#' @section Genes:
#' Sources may name genes by symbol or by Ensembl id (with or without a version
#' suffix), in any order; all are matched to one list of genes. Rows of a source
#' that belong to the same gene are summed (with a warning if they have the same
#' name, because several genes may share a symbol). Genes that a source lacks
#' count as zero; genes that are not in the list are reported and ignored. Cells
#' without counts for any gene in the list are skipped, and their number is
#' reported. A warning names sources that look normalised.
#'
#' With an `annotation`, the list contains only genes of the given `biotypes`,
#' and sources that use symbols can be combined with sources that use Ensembl
#' ids. Genes with an ambiguous symbol are ignored, as in the thesis.
#'
#' @param sources One source of counts with genes in rows, or a list of sources:
#'   anything that [as_cells()] accepts. From files with feature types, "Gene
#'   Expression" is read; for anything else call [open_cells()] first, as in
#'   `open_cells(path, layer = "counts")` for a layer of an h5ad file. Sources
#'   take their names from the list or else from their files; otherwise they are
#'   numbered.
#' @param file Path of the file to write, such as `"atlas.corpus"`.
#' @param genes The genes of the corpus: a character vector of names, or a data
#'   frame with a column `gene` and optionally `symbol` and `ensembl`. NULL, the
#'   default, takes the genes of all sources, in the order of the annotation or,
#'   without one, of the sources.
#' @param annotation Names and biotypes of genes. NULL, the default, uses the
#'   names in the sources as they are, and takes all genes. Otherwise one of
#'   * the path of a GTF or GFF3 file (read with the package rtracklayer), or a
#'     `GRanges` of genes such as `Signac::Annotation(object)`;
#'   * a data frame, or the path of a table (csv or tsv, compressed or not),
#'     with a column of Ensembl ids, of symbols or both, and optionally one of
#'     biotypes. Common column names are recognised, such as `ensembl_id`,
#'     `gene_id`, `Gene stable ID`; `symbol`, `gene_name`, `hgnc_symbol`;
#'     `biotype`, `gene_type`, `gene_biotype`;
#'   * an `OrgDb` object, or the name of its package, such as `"org.Hs.eg.db"`
#'     for human genes. If a gene has several Ensembl ids, the first is used.
#' @param biotypes Biotypes of the genes to include, used with an annotation and
#'   `genes = NULL`. NULL includes all.
#' @param min_cells If `genes` is NULL: minimum number of cells, over all
#'   sources, in which a gene must be detected to be included. This needs one
#'   more pass over the sources; 0 includes all genes. Default 3.
#' @param append Whether to add the sources to an existing corpus. Its genes do
#'   not change: `genes` must be NULL, and `annotation`, `biotypes` and
#'   `min_cells` are not used. FALSE, the default, never changes a complete
#'   corpus.
#' @param verbose Whether messages of class `sailer_note` report what was read
#'   from each source. Default TRUE.
#' @return An object of class `"sailer_corpus"`, invisibly; [open_cells()] of
#'   the file returns the same. It has methods for `dim()` (genes, cells),
#'   `print()` and [as_cells()], and reopens the file if used in another
#'   process. It is a list of `path`; `source`, a pointer; `genes`, a data frame
#'   of `gene`, `symbol` and `ensembl` (NA if unknown), in the order of the
#'   corpus; `sources`, a data frame of `name`, `cells` and `left_out` (cells
#'   without counts for any gene of the corpus); `n_cells`; and `n_nonzeros`.
#'   Checksums are verified when parts of the file are first read. Files written
#'   by sailer 0.1.0 can be read, but not appended to.
#' @seealso [expresser()].
#' @references Cao (2023), section 4.2.1: data sets aligned to the same genes
#'   and concatenated into one memory-mapped array.
#' @examples
#' genes <- c("SOX2", "GATA1", "CD3E", "ALB", "INS", "MYC")
#' first <- matrix(rpois(60, 1), 6, dimnames = list(genes, NULL))
#' second <- matrix(rpois(40, 1), 4, dimnames = list(rev(genes)[1:4], NULL))
#' file <- tempfile(fileext = ".corpus")
#' corpus <- build_corpus(
#'   list(first = first, second = second), file,
#'   genes = genes
#' )
#' corpus
#' @export
build_corpus <- function(sources, file, genes = NULL, annotation = NULL,
                         biotypes = "protein_coding", min_cells = 3,
                         append = FALSE, verbose = TRUE) {
  check_text(file, "file")
  check_flag(append)
  check_flag(verbose)
  check_number(min_cells, min = 0)
  if (!is.null(biotypes)) asked_names(biotypes, "biotype", "biotypes")
  path <- normalizePath(file, mustWork = FALSE)
  state <- if (file.exists(path)) core_corpus_state(path)
  append <- append && !is.null(state)
  with_notes(verbose, {
    inputs <- corpus_inputs(sources, if (append) state$finished else 0)
    plan <- if (append) {
      abort_if(!is.null(genes), c(
        "{.arg genes} cannot be set with {.code append = TRUE}: the genes of
         the corpus are fixed.",
        i = "Leave {.arg genes} out, or build another file."
      ))
      list(
        genes = as.data.frame(state$genes), recipe = state$recipe, strict = TRUE
      )
    } else {
      corpus_plan(
        inputs, state, path, genes, annotation, biotypes, min_cells, verbose
      )
    }
    write_corpus(path, inputs, plan, append, verbose)
  })
  invisible(open_corpus(path))
}

# Sources ---------------------------------------------------------------------

# Returns named handles. `before`: number of sources that the corpus has.
corpus_inputs <- function(sources, before) {
  if (is.character(sources) && length(sources) > 1) sources <- as.list(sources)
  if (!is.list(sources) || is.object(sources)) sources <- list(sources)
  if (length(sources) == 0) {
    abort("{.arg sources} is an empty list: give at least one source.")
  }
  names(sources) <- source_names(sources, before)
  Map(function(source, name) {
    cells <- gene_handle(source)
    check_gene_rows(cells, name)
    cells
  }, sources, names(sources))
}

check_gene_rows <- function(cells, name) {
  check_utf8(
    cells$peaks,
    paste0("gene names in source ", as_literal(dQuote(name, FALSE))),
    "rownames(x)"
  )
  nameless <- which(is.na(cells$peaks) | cells$peaks == "")
  problem <- if (nrow(cells) == 0) {
    "no genes"
  } else if (is.null(cells$peaks)) {
    "genes without names"
  } else if (length(nameless) > 0) {
    "{length(nameless)} gene{?s} without a name, the first in row
     {nameless[1]}"
  }
  abort_if(!is.null(problem), c(
    paste0("Source {.val {name}} ({cells$origin}) has ", problem, "."),
    i = "Genes are expected in rows, named by symbols or Ensembl ids."
  ), class = "data")
  twice <- unique(cells$peaks[duplicated(cells$peaks)])
  if (length(twice) > 0) {
    rows <- sum(cells$peaks %in% twice)
    cli::cli_warn(c(
      "In source {.val {name}} ({cells$origin}) {rows} rows share
       {length(twice)} name{?s}, such as {.val {utils::head(twice, 3)}}: the
       counts of rows with the same name are summed.",
      i = "To keep them apart, name genes by Ensembl ids, or make the names
           unique."
    ), class = "sailer_summed")
  }
}

source_names <- function(sources, before) {
  given <- names(sources) %||% rep("", length(sources))
  files <- vapply(sources, function(source) {
    if (rlang::is_string(source)) basename(source) else ""
  }, "")
  numbered <- paste("source", number_text(before + seq_along(sources)))
  given <- ifelse(given != "", given, ifelse(files != "", files, numbered))
  given <- in_utf8(given)
  check_utf8(given, "names of {.arg sources}", "names(sources)")
  if (anyDuplicated(given)) {
    twice <- given[duplicated(given)]
    abort(c(
      "{length(twice)} source{?s} {?has/have} the same name as another:
       {.val {unique(twice)}}.",
      i = "Name them in the list: {.code list(a = ..., b = ...)}."
    ))
  }
  given
}

# Passes over sources ---------------------------------------------------------

# Signals the error or interrupt with which a pass over a source ended, if any.
check_pass <- function(done, cells, name, file = NULL) {
  if (!is.null(done$problem)) {
    with_context("In source {.val {name}}:", abort_for_count(
      done$problem, cells$peaks, cells$cells, "gene", cells$file
    ))
  }
  if (done$stopped) {
    if (!is.null(file)) {
      note("Stopped: repeat the same call to continue {.file {file}}.")
    }
    rlang::interrupt()
  }
}

# Writing ---------------------------------------------------------------------

# `plan`: list(genes, recipe, strict).
write_corpus <- function(path, inputs, plan, append, verbose) {
  # Match first: sources without genes of the corpus must fail before writing.
  least <- if (plan$strict) least_match else 0
  maps <- match_sources(inputs, plan$genes, least)
  writer <- core_corpus_write(path, plan$genes, plan$recipe, append)
  on.exit(core_corpus_close(writer))
  for (name in names(inputs)) {
    cells <- inputs[[name]]
    done <- core_corpus_append(
      writer, cells$source, name, maps[[name]],
      pass_reporter(paste("Writing", name), ncol(cells), verbose)
    )
    check_pass(done, cells, name, path)
    note_source(done, cells$peaks[is.na(maps[[name]])], cells, name)
  }
  core_corpus_finish(writer)
}

# Returns, for each source, the index of each of its features in `genes`, or NA.
match_sources <- function(inputs, genes, least) {
  Map(function(cells, name) {
    arg <- as_literal(cli::format_inline("source {.val {name}}"))
    match_genes(cells$peaks, genes, arg, least, note = FALSE)
  }, inputs, names(inputs))
}

note_source <- function(done, lost, cells, name) {
  if (done$was_there) note("Source {.val {name}} was already written.")
  n_cells <- big(done$cells)
  text <- paste0(
    "Source {.val {name}}: {n_cells} cell{cli::qty(done$cells)}{?s}",
    if (done$left_out > 0) {
      ", {format(done$left_out, scientific = FALSE)} left out (no count of
       any gene of the corpus)"
    }, "."
  )
  if (length(lost) > 0) {
    share <- 100 * (1 - done$kept_counts / max(done$all_counts, 1e-300))
    share <- format(max(share, 0), digits = 2, scientific = FALSE)
    text <- paste(
      text, "{length(lost)} of its {nrow(cells)} genes
       {cli::qty(length(lost))}{?is/are} not in the corpus
       ({share} % of its counts): {few(lost)}."
    )
  }
  note(text)
  # Counts of real cells are mostly whole numbers, and some are large.
  if (done$n_fractional > 0.5 * done$n_counts && done$largest < 20) {
    cli::cli_warn(c(
      "Source {.val {name}} ({cells$origin}) looks normalised: most of its
       values are not whole numbers, and the largest is
       {format(done$largest)}.",
      i = "A corpus holds raw counts; models normalise them themselves.",
      i = other_matrices(cells$file)
    ))
  }
}
