# What genes are called: Ensembl id, symbol and biotype.

# The argument `annotation` of build_corpus(), which documents what it takes, as
# a data frame with one row per gene, in the order of `x`: `gene`, a name of its
# own (the symbol where that is unique, else the Ensembl id); `symbol`;
# `ensembl`, without the suffix of a version; `biotype`, as protein_coding. What
# is not known is NA. Which biotypes are looked at decides what is ambiguous.
gene_annotation <- function(x) {
  where <- "{.arg annotation}"
  if (rlang::is_string(x)) {
    if (grepl("^org\\.[A-Za-z]+\\.[a-z]+\\.db$", x) && !file.exists(x)) {
      need_package(x, "as the annotation of genes")
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
    "A table needs columns of Ensembl ids, symbols and biotypes."
  )
  annotation_of_table(x, nrow(x), where)
}

# A gene of Entrez may have several Ensembl ids: those of its copies on
# alternate assemblies, which are no other genes.
one_of_entrez <- function(table) table[!duplicated(table$ENTREZID), ]

# The argument `genes` of gene_activity() as a GRanges, where it is a GTF file
# or a data frame.
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
               {.field end} and perhaps {.field strand}."
        ))
      }
    ))
  }
  x
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

# `table`: a list of columns of length n.
annotation_of_table <- function(table, n, where) {
  plain <- tolower(gsub("[^A-Za-z0-9]", "", names(table)))
  # The order of the headings decides.
  column <- function(what) {
    at <- match(known_headings[[what]], plain)
    found <- if (!all(is.na(at))) table[[at[!is.na(at)][1]]]
    gene_words(found, n, "genes in the annotation")
  }
  abort_if(!any(unlist(known_headings[c("ensembl", "symbol")]) %in% plain), c(
    paste(where, "has no column of Ensembl ids or of symbols; it has
                  {.val {names(table)}}."),
    i = "Name them {.field ensembl_id}, {.field symbol} and {.field biotype}."
  ))
  genes <- data.frame(
    symbol = column("symbol"), ensembl = strip_version(column("ensembl")),
    biotype = gsub("-", "_", column("biotype"))
  )
  # Reference files repeat the id where a gene has no symbol.
  genes$symbol[is_ensembl(genes$symbol)] <- NA_character_
  genes <- genes[!is.na(genes$symbol) | !is.na(genes$ensembl), ]
  key <- ifelse(
    is.na(genes$ensembl), paste("symbol", genes$symbol), genes$ensembl
  )
  # A row with a symbol says more than one without, wherever they stand.
  better <- order(is.na(genes$symbol))
  first <- better[!duplicated(key[better])]
  name_genes(genes[sort(first), ])
}

# Text in UTF-8, NA for none; `x` may be NULL.
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
        i = "It needs columns of Ensembl ids, symbols and biotypes."
      ), class = "file")
    }
  )
}

# Of the first line that is no comment, parted by tabs.
first_fields <- function(path) {
  abort_if(!file.exists(path) || dir.exists(path), c(
    "There is no file {.file {path}} with an annotation of genes.",
    i = "A table (csv, tsv) or a GTF file is expected; for names alone the
         package of an OrgDb will do, such as {.pkg org.Hs.eg.db}."
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

# The genes of a GTF or GFF3 file as a GRanges.
read_gtf <- function(path, fields) {
  abort_if(!is_gtf(fields), c(
    "The file {.file {path}} is no GTF file: ranges of genes are expected.",
    i = "Give that of a reference of GENCODE, Ensembl or 10x."
  ), class = "file")
  need_package("rtracklayer", "to read a GTF file")
  format <- if (grepl("^[^\" ]+=", fields[9])) "gff3" else "gtf"
  genes <- rtracklayer::import(path, format = format, feature.type = "gene")
  abort_if(length(genes) == 0, c(
    "The file {.file {path}} has no lines of genes.",
    i = "Give the GTF file of a reference of GENCODE, Ensembl or 10x, whose
         third column holds {.val gene}."
  ), class = "file")
  genes
}
