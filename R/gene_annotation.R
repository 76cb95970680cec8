# What genes are called: Ensembl id, symbol and biotype, from whatever keeps
# them.

#' Names and biotypes of genes
#'
#' Brings what annotates genes into one form, from which [build_corpus()] takes
#' the protein-coding ones and matches sources of symbols with sources of
#' Ensembl ids.
#'
#' A symbol that stands for several Ensembl ids names none of them: those genes
#' go by their ids. Which biotypes are looked at decides what is ambiguous, so
#' [build_corpus()] asks again among the biotypes that it takes.
#'
#' @param x One of
#'   * a data frame with a column of Ensembl ids or of symbols or both, and
#'     perhaps one of biotypes. Common headings are recognised: `ensembl_id`,
#'     `gene_id`, `Gene stable ID`; `symbol`, `gene_name`, `hgnc_symbol`;
#'     `biotype`, `gene_type`, `gene_biotype`, and others like them;
#'   * the path of such a table (csv or tsv, packed by gzip or not), or of a GTF
#'     file of a reference, whose lines of genes are read a block at a time;
#'   * an `OrgDb` object, or the name of its package (`"org.Hs.eg.db"`). Of
#'     several Ensembl ids of one of its genes the first is taken.
#' @return A data frame with one row per gene, in the order of `x`: `gene`, a
#'   name of its own (the symbol where that is unique, else the Ensembl id);
#'   `symbol`; `ensembl`, without the suffix of a version; `biotype`, as
#'   `protein_coding`. What is not known is NA.
#' @section Errors:
#' `sailer_argument_error` when `x` is none of these or has no column that is
#' recognised; `sailer_file_error` when a file is missing, empty or holds no
#' genes.
#' @seealso [build_corpus()].
#' @references Cao (2023), section 4.2.1: protein-coding genes with uniquely
#'   identifiable symbols.
#' @examples
#' gene_annotation(data.frame(
#'   gene_id = c("ENSG00000181449.4", "ENSG00000121570", "ENSG00000281289"),
#'   gene_name = c("SOX2", "DPPA4", "DPPA4"),
#'   gene_type = c("protein_coding", "protein_coding", "lncRNA")
#' ))
#' @export
gene_annotation <- function(x) {
  if (is.data.frame(x)) {
    return(annotation_of_table(x, "{.arg x}"))
  }
  if (methods::is(x, "OrgDb")) {
    return(annotation_of_orgdb(x))
  }
  if (!rlang::is_string(x)) {
    abort(c(
      "{.arg x} must be a data frame, a file, an OrgDb object or the name of its
       package, not {.obj_type_friendly {x}}.",
      i = "A table needs columns of Ensembl ids, symbols and biotypes."
    ))
  }
  if (grepl("^org\\.[A-Za-z]+\\.[a-z]+\\.db$", x) && !file.exists(x)) {
    need_package(x, "as the annotation of genes")
    return(annotation_of_orgdb(getExportedValue(x, x)))
  }
  annotation_of_file(x)
}

# Tables ----------------------------------------------------------------------

# Headings, in lower case and without what is no letter or digit.
known_headings <- list(
  ensembl = c(
    "ensembl", "ensemblid", "ensemblgeneid", "ensemblgene", "geneid",
    "geneids", "genestableid", "genestableidversion", "geneidversion",
    "ensemblidversion", "ensg"
  ),
  symbol = c(
    "symbol", "genesymbol", "genesymbols", "genename", "genenames",
    "hgncsymbol", "mgisymbol", "externalgenename", "featurename", "genes",
    "gene", "name"
  ),
  biotype = c("biotype", "genetype", "genebiotype", "genebiotypes")
)

# The column that holds `what`, or NULL. The order of the headings decides.
find_heading <- function(table, what) {
  plain <- tolower(gsub("[^A-Za-z0-9]", "", names(table)))
  at <- match(known_headings[[what]], plain)
  at <- at[!is.na(at)]
  if (length(at) > 0) as.character(table[[at[1]]])
}

annotation_of_table <- function(table, where, call = rlang::caller_env()) {
  ensembl <- find_heading(table, "ensembl")
  symbol <- find_heading(table, "symbol")
  if (is.null(ensembl) && is.null(symbol)) {
    abort(
      c(
        paste(where, "has no column of Ensembl ids or of symbols; it has
                      {.val {names(table)}}."),
        i = "Name them {.field ensembl_id}, {.field symbol} and
             {.field biotype}."
      ),
      call = call
    )
  }
  tidy_annotation(ensembl, symbol, find_heading(table, "biotype"), nrow(table))
}

# One row per gene, in order.
tidy_annotation <- function(ensembl, symbol, biotype, n,
                            call = rlang::caller_env(2)) {
  blank <- function(x) {
    if (is.null(x)) {
      return(rep(NA_character_, n))
    }
    x <- in_utf8(as.character(x))
    check_utf8(
      x, "names of genes in the annotation", 'iconv(x, "latin1", "UTF-8")', call
    )
    x <- trimws(x)
    x[x %in% c("", "-", "NA")] <- NA_character_
    x
  }
  genes <- data.frame(
    symbol = blank(symbol), ensembl = strip_version(blank(ensembl)),
    biotype = gsub("-", "_", blank(biotype))
  )
  # Reference files repeat the id where a gene has no symbol.
  genes$symbol[is_ensembl(genes$symbol)] <- NA_character_
  genes <- genes[!is.na(genes$symbol) | !is.na(genes$ensembl), ]
  key <- ifelse(
    is.na(genes$ensembl), paste("symbol", genes$symbol), genes$ensembl
  )
  # A row with a symbol tells more than one without, wherever they stand.
  better <- order(is.na(genes$symbol))
  first <- better[!duplicated(key[better])]
  name_genes(genes[sort(first), ])
}

# Adds the column `gene`.
name_genes <- function(genes) {
  unclear <- is.na(genes$symbol) | genes$symbol %in% ambiguous_symbols(genes) |
    (genes$symbol %in% genes$ensembl)
  gene <- ifelse(unclear & !is.na(genes$ensembl), genes$ensembl, genes$symbol)
  genes <- data.frame(
    gene = gene, symbol = genes$symbol, ensembl = genes$ensembl,
    biotype = genes$biotype
  )
  genes[!duplicated(genes$gene), ]
}

# Symbols that stand for several genes.
ambiguous_symbols <- function(genes) {
  symbols <- genes$symbol[!is.na(genes$symbol)]
  unique(symbols[duplicated(symbols)])
}

# Ensembl ids -----------------------------------------------------------------

ensembl_pattern <- "^ENS[A-Z]*[0-9]{8,}"

is_ensembl <- function(names) {
  grepl(paste0(ensembl_pattern, "([.][0-9]+)?(_PAR_Y)?$"), names)
}

# "ENSG00000181449.4" to "ENSG00000181449", and the copy of a gene on the Y
# chromosome (in older references) to that on X. Other names stay.
strip_version <- function(names) {
  sub(paste0("(", ensembl_pattern, ")([.][0-9]+)?(_PAR_Y)?$"), "\\1", names)
}

# Files -----------------------------------------------------------------------

annotation_of_file <- function(path, call = rlang::caller_env()) {
  if (!file.exists(path) || dir.exists(path)) {
    abort(
      c(
        "There is no file {.file {path}} with an annotation of genes.",
        i = "Give a table (csv, tsv), a GTF file, or the name of an OrgDb
             package such as {.pkg org.Hs.eg.db}."
      ),
      class = "file", call = call
    )
  }
  begin <- grep("^(#|track|browser)", read_beginning(path), invert = TRUE,
                value = TRUE)
  if (length(begin) == 0) {
    abort("The file {.file {path}} is empty.", class = "file", call = call)
  }
  fields <- strsplit(begin[1], "\t", fixed = TRUE)[[1]]
  if (length(fields) == 9 && grepl("^[0-9]+$", fields[4])) {
    return(annotation_of_gtf(path, call))
  }
  separator <- if (grepl("\t", begin[1], fixed = TRUE)) "\t" else ","
  table <- tryCatch(
    utils::read.table(
      path,
      header = TRUE, sep = separator, quote = "\"", comment.char = "",
      colClasses = "character", check.names = FALSE, fill = TRUE,
      na.strings = c("NA", "")
    ),
    error = function(cnd) {
      abort(
        c(
          "The file {.file {path}} cannot be read as a table:
           {conditionMessage(cnd)}.",
          i = "It needs columns of Ensembl ids, symbols and biotypes."
        ),
        class = "file", call = call
      )
    }
  )
  where <- as_literal(cli::format_inline("{.file {path}}"))
  annotation_of_table(table, where, call)
}

read_beginning <- function(path) {
  connection <- gzfile(path, "rt")
  on.exit(close(connection))
  suppressWarnings(readLines(connection, 100, skipNul = TRUE))
}

# The lines of genes alone, a block of the file at a time.
annotation_of_gtf <- function(path, call = rlang::caller_env(),
                              n_lines = 50000) {
  connection <- gzfile(path, "rt")
  on.exit(close(connection))
  found <- character()
  repeat {
    lines <- readLines(connection, n_lines, warn = FALSE)
    if (length(lines) == 0) break
    lines <- grep("^[^\t#]*\t[^\t]*\tgene\t", lines, value = TRUE)
    found <- c(found, sub("^([^\t]*\t){8}", "", lines))
  }
  if (length(found) == 0) {
    abort(
      c(
        "The file {.file {path}} has no lines of genes.",
        i = "Give the GTF file of a reference of GENCODE, Ensembl or 10x, whose
             third column holds {.val gene}."
      ),
      class = "file", call = call
    )
  }
  tidy_annotation(
    gtf_attribute(found, "gene_id"), gtf_attribute(found, "gene_name"),
    gtf_attribute(found, "gene_(?:bio)?type"), length(found)
  )
}

# Of `gene_id "ENSG..."; gene_name "SOX2"; ...`.
gtf_attribute <- function(text, name) {
  pattern <- paste0("(?:^|;\\s*)", name, "\\s+\"?([^\";]*)")
  at <- regexpr(pattern, text, perl = TRUE)
  start <- attr(at, "capture.start")[, 1]
  found <- substring(text, start, start + attr(at, "capture.length")[, 1] - 1)
  ifelse(at < 0, NA_character_, found)
}

# Databases -------------------------------------------------------------------

annotation_of_orgdb <- function(db) {
  need_package("AnnotationDbi", "to read an OrgDb")
  columns <- intersect(
    c("SYMBOL", "ENSEMBL", "GENETYPE"), AnnotationDbi::columns(db)
  )
  keys <- AnnotationDbi::keys(db, "ENTREZID")
  annotation_of_entrez(suppressMessages(
    AnnotationDbi::select(db, keys, columns, "ENTREZID")
  ))
}

# One gene of Entrez may have several Ensembl ids: those of its copies on
# alternate assemblies. They are no other genes.
annotation_of_entrez <- function(table) {
  table <- table[!duplicated(table$ENTREZID), ]
  tidy_annotation(table$ENSEMBL, table$SYMBOL, table$GENETYPE, nrow(table))
}
