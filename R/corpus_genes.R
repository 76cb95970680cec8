# The genes of a corpus: which ones, and how those of the sources match them.

# A plan is list(genes, recipe, strict): `genes`, a data frame of gene, symbol
# and ensembl; `recipe`, a string that is the same for the same arguments;
# `strict`, whether a source with hardly any of the genes is an error.

corpus_plan <- function(inputs, state, path, genes, annotation, biotypes,
                        min_cells, verbose) {
  table <- if (!is.null(annotation)) gene_annotation(annotation)
  named <- if (!is.null(genes)) named_genes(genes, table)
  recipe <- corpus_recipe(inputs, named, table, biotypes, min_cells)
  abort_if(!is.null(state) && !identical(state$recipe, recipe), c(
    "{.file {path}} was started with other sources or arguments.",
    i = "To add to it, set {.code append = TRUE}; to continue it, use the
         original arguments; or choose another file."
  ))
  genes <- if (!is.null(state)) {
    as.data.frame(state$genes)
  } else if (!is.null(named)) {
    named
  } else {
    found <- if (is.null(table)) {
      all_genes(inputs)
    } else {
      annotated_genes(inputs, table, biotypes)
    }
    keep_frequent(found, inputs, min_cells, verbose)
  }
  list(genes = genes, recipe = recipe, strict = !is.null(named))
}

# Returns a string that is the same for the same arguments, in any session.
corpus_recipe <- function(inputs, named, table, biotypes, min_cells) {
  withr::local_options(scipen = 0, OutDec = ".")
  parts <- c(
    unlist(lapply(names(inputs), function(name) {
      c(name, dim(inputs[[name]]), inputs[[name]]$peaks)
    })),
    "genes", unlist(named, use.names = FALSE),
    "annotation", unlist(table, use.names = FALSE),
    "biotypes", biotypes, "min_cells", min_cells
  )
  paste("build_corpus 1", rlang::hash(enc2utf8(as.character(parts))))
}

# Genes that the caller names -------------------------------------------------

named_genes <- function(genes, table) {
  if (is.character(genes)) genes <- data.frame(gene = genes)
  must_be(
    is.data.frame(genes) && "gene" %in% names(genes) && nrow(genes) > 0, genes,
    "gene names or a data frame with a column {.field gene}",
    hint = "NULL uses the genes of all sources."
  )
  names <- as.character(genes$gene)
  check_names(names, "gene", "row")
  ids <- is_ensembl(names)
  known <- if (!is.null(table)) {
    table[match_genes(names, table, "{.arg genes}", note = FALSE), ]
  }
  # What is given, otherwise the name itself, otherwise the annotation.
  column <- function(what, is_name) {
    ways <- list(genes[[what]], ifelse(is_name, names, NA), known[[what]])
    ways <- lapply(ways[lengths(ways) > 0], as.character)
    Reduce(function(out, way) ifelse(is.na(out), way, out), ways)
  }
  data.frame(
    gene = names, symbol = column("symbol", !ids),
    ensembl = strip_version(column("ensembl", ids))
  )
}

# Genes of the sources --------------------------------------------------------

# Returns the genes of an annotation that have the biotypes and are in a source.
annotated_genes <- function(inputs, table, biotypes) {
  if (!is.null(biotypes) && all(is.na(table$biotype))) {
    note("The annotation has no biotypes: using genes of all biotypes.")
  } else if (!is.null(biotypes)) {
    known <- sort(unique(table$biotype))
    table <- table[table$biotype %in% biotypes, ]
    if (nrow(table) == 0) {
      abort("{.arg biotypes}: the annotation has no {.val {biotypes}}; it has
             {.val {utils::head(known, 5)}}.")
    }
  }
  unclear <- ambiguous_symbols(table)
  if (length(unclear) > 0) {
    note("{length(unclear)} symbol{?s} shared by several genes {?is/are} left
          out: {few(unclear)}.")
    table <- table[!table$symbol %in% unclear, ]
  }
  genes <- name_genes(table)[c("gene", "symbol", "ensembl")]
  maps <- match_sources(inputs, genes, least_match)
  genes[sort(unique(unlist(maps))), ]
}

# Without an annotation: returns all genes, in the order in which they occur.
# Symbols and Ensembl ids would not match each other: having both is an error.
all_genes <- function(inputs) {
  by_id <- vapply(inputs, function(cells) {
    mean(is_ensembl(cells$peaks)) > 0.5
  }, NA)
  abort_if(any(by_id) && !all(by_id), c(
    "The sources would share no genes: {.val {names(inputs)[by_id]}}
     {?has/have} Ensembl ids, others have symbols
     ({.val {names(inputs)[!by_id]}}).",
    i = "Give an {.arg annotation} that has both."
  ), class = "data")
  peaks <- lapply(inputs, function(cells) strip_version(cells$peaks))
  all <- unique(unlist(peaks, use.names = FALSE))
  ids <- is_ensembl(all)
  note("Using all {length(all)} gene{?s} of the sources, including non-coding
        ones. To exclude those, give an {.arg annotation}, such as a GTF file or
        {.val org.Hs.eg.db}.")
  data.frame(
    gene = all, symbol = ifelse(ids, NA, all), ensembl = ifelse(ids, all, NA)
  )
}

# Drops genes that have a count in fewer than `min_cells` cells.
keep_frequent <- function(genes, inputs, min_cells, verbose) {
  if (min_cells > 0) {
    maps <- match_sources(inputs, genes, 0)
    n_cells <- 0
    for (name in names(inputs)) {
      cells <- inputs[[name]]
      counted <- core_gene_cells(
        cells$source, maps[[name]], nrow(genes),
        pass_reporter(paste("Counting genes of", name), ncol(cells), verbose)
      )
      check_pass(counted, cells, name)
      n_cells <- n_cells + counted$cells
    }
    genes <- genes[n_cells >= min_cells, ]
  }
  abort_if(nrow(genes) == 0, c(
    "No gene has a count in at least {.arg min_cells} = {min_cells} cells.",
    i = "Lower {.arg min_cells}, or check the sources."
  ), class = "data")
  rownames(genes) <- NULL
  genes
}
