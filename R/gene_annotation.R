# Annotation of genes: Ensembl id, symbol and biotype.

# Converts the argument `annotation` of build_corpus(), which documents what it
# accepts, to a data frame with one row per gene, in the order of `x`: `gene`, a
# unique name (the symbol if that is unique, else the Ensembl id); `symbol`;
# `ensembl`, without a version suffix; `biotype`, such as protein_coding.
# Unknown values are NA. Whether a symbol is unique depends on the biotypes
# considered; here all of them are.
gene_annotation <- function(x) {
  where <- "{.arg annotation}"
  if (rlang::is_string(x)) {
    if (grepl("^org\\.[A-Za-z]+\\.[a-z]+\\.db$", x) && !file.exists(x)) {
      need_package(x, "as the gene annotation")
      x <- getExportedValue(x, x)
    } else {
      where <- as_literal(cli::format_inline("{.file {x}}"))
      x <- read_annotation(x)
    }
  }
  if (methods::is(x, "OrgDb")) {
    need_package("AnnotationDbi", "to read an OrgDb")
    columns <- c("SYMBOL", "ENSEMBL", "GENETYPE")
    x <- suppressMessages(AnnotationDbi::select(
      x, AnnotationDbi::keys(x, "ENTREZID"),
      intersect(columns, AnnotationDbi::columns(x)), "ENTREZID"
    ))
    x <- one_of_entrez(x)
  }
  if (methods::is(x, "GRanges")) {
    return(annotation_of_table(as.list(S4Vectors::mcols(x)), length(x), where))
  }
  must_be(
    is.data.frame(x), x, "a data frame, a file, a GRanges, an OrgDb object or
    the name of its package", "annotation",
    "A table needs columns for Ensembl ids, symbols and biotypes."
  )
  annotation_of_table(x, nrow(x), where)
}

# Keeps one row per Entrez gene. Its further Ensembl ids are those of copies on
# alternate assemblies, which are not other genes.
one_of_entrez <- function(table) table[!duplicated(table$ENTREZID), ]

# Converts the argument `genes` of gene_activity() to a GRanges if it is a GTF
# file or a data frame; returns anything else unchanged.
gene_ranges <- function(x) {
  if (rlang::is_string(x)) {
    return(read_gtf(x, first_fields(x)))
  }
  if (is.data.frame(x)) {
    return(tryCatch(
      GenomicRanges::makeGRangesFromDataFrame(x, keep.extra.columns = TRUE),
      error = function(cnd) {
        abort(c(
          "The data frame {.arg genes} has no ranges.",
          x = "{conditionMessage(cnd)}",
          i = "Its columns must be {.field seqnames}, {.field start},
               {.field end} and optionally {.field strand}."
        ))
      }
    ))
  }
  x
}

# Tables ----------------------------------------------------------------------

# Column headings in lower case, with only their letters and digits.
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

# `table`: a list of columns of length n.
annotation_of_table <- function(table, n, where) {
  plain <- tolower(gsub("[^A-Za-z0-9]", "", names(table)))
  # The first of the known headings that the table has is used.
  column <- function(what) {
    at <- match(known_headings[[what]], plain)
    found <- if (!all(is.na(at))) table[[at[!is.na(at)][1]]]
    gene_words(found, n, "genes in the annotation")
  }
  abort_if(!any(unlist(known_headings[c("ensembl", "symbol")]) %in% plain), c(
    paste(where, "has no column of Ensembl ids or symbols; it has
                  {.val {names(table)}}."),
    i = "Name them {.field ensembl_id}, {.field symbol} and {.field biotype}."
  ))
  genes <- data.frame(
    symbol = column("symbol"), ensembl = strip_version(column("ensembl")),
    biotype = gsub("-", "_", column("biotype"))
  )
  # Reference files repeat the id if a gene has no symbol.
  genes$symbol[is_ensembl(genes$symbol)] <- NA_character_
  genes <- genes[!is.na(genes$symbol) | !is.na(genes$ensembl), ]
  key <- ifelse(
    is.na(genes$ensembl), paste("symbol", genes$symbol), genes$ensembl
  )
  # Rows with a symbol are preferred to rows without, whatever their order.
  better <- order(is.na(genes$symbol))
  first <- better[!duplicated(key[better])]
  name_genes(genes[sort(first), ])
}

# Converts `x` to text in UTF-8, with NA for missing names. If `x` is NULL,
# returns `n` NAs.
gene_words <- function(x, n, of) {
  if (is.null(x)) {
    return(rep(NA_character_, n))
  }
  x <- in_utf8(as.character(x))
  check_utf8(x, paste("names of", of))
  x <- trimws(x)
  replace(x, x %in% c("", "-", "NA"), NA)
}

# Adds the column `gene`.
name_genes <- function(genes) {
  unclear <- is.na(genes$symbol) | genes$symbol %in% ambiguous_symbols(genes) |
    (genes$symbol %in% genes$ensembl)
  gene <- ifelse(unclear & !is.na(genes$ensembl), genes$ensembl, genes$symbol)
  genes <- cbind(gene = gene, genes[c("symbol", "ensembl", "biotype")])
  genes[!duplicated(genes$gene), ]
}

# Symbols shared by several genes.
ambiguous_symbols <- function(genes) {
  symbols <- genes$symbol[!is.na(genes$symbol)]
  unique(symbols[duplicated(symbols)])
}

# Ensembl ids -----------------------------------------------------------------

ensembl_pattern <- "^ENS[A-Z]*[0-9]{8,}"

is_ensembl <- function(names) {
  grepl(paste0(ensembl_pattern, "([.][0-9]+)?(_PAR_Y)?$"), names)
}

# Turns "ENSG00000181449.4" into "ENSG00000181449", and the id of a gene's copy
# on the Y chromosome (in older references) into that of the copy on X. Leaves
# other names unchanged.
strip_version <- function(names) {
  sub(paste0("(", ensembl_pattern, ")([.][0-9]+)?(_PAR_Y)?$"), "\\1", names)
}

# Files and databases ---------------------------------------------------------

read_annotation <- function(path) {
  fields <- first_fields(path)
  if (is_gtf(fields)) {
    return(read_gtf(path, fields))
  }
  tryCatch(
    utils::read.table(
      path, header = TRUE, sep = if (length(fields) > 1) "\t" else ",",
      quote = "\"", comment.char = "", colClasses = "character",
      check.names = FALSE, fill = TRUE, na.strings = c("NA", "")
    ),
    error = function(cnd) {
      abort(c(
        "The file {.file {path}} cannot be read as a table:
         {conditionMessage(cnd)}.",
        i = "It needs columns for Ensembl ids, symbols and biotypes."
      ), class = "file")
    }
  )
}

# Returns the tab-separated fields of the first line that is not a comment.
first_fields <- function(path) {
  abort_if(!file.exists(path) || dir.exists(path), c(
    "There is no gene annotation file {.file {path}}.",
    i = "Give a table (csv, tsv) or a GTF file; for names only, an OrgDb
         package such as {.pkg org.Hs.eg.db} is enough."
  ), class = "file")
  connection <- gzfile(path, "rt")
  on.exit(close(connection))
  lines <- suppressWarnings(readLines(connection, 100, skipNul = TRUE))
  lines <- grep("^(#|track|browser)", lines, invert = TRUE, value = TRUE)
  if (length(lines) == 0) {
    abort("The file {.file {path}} is empty.", class = "file")
  }
  strsplit(lines[1], "\t", fixed = TRUE)[[1]]
}

is_gtf <- function(fields) length(fields) == 9 && grepl("^[0-9]+$", fields[4])

# Reads the genes of a GTF or GFF3 file into a GRanges.
read_gtf <- function(path, fields) {
  abort_if(!is_gtf(fields), c(
    "The file {.file {path}} is not a GTF file: gene ranges are expected.",
    i = "Give the GTF file of a GENCODE, Ensembl or 10x reference."
  ), class = "file")
  need_package("rtracklayer", "to read a GTF file")
  format <- if (grepl("^[^\" ]+=", fields[9])) "gff3" else "gtf"
  genes <- rtracklayer::import(path, format = format, feature.type = "gene")
  abort_if(length(genes) == 0, c(
    "The file {.file {path}} has no gene lines.",
    i = "Give the GTF file of a GENCODE, Ensembl or 10x reference, with
         {.val gene} in its third column."
  ), class = "file")
  genes
}
