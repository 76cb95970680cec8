# The genes of a corpus: which, and how each source's are found among them.

# A plan is list(genes, recipe, strict): `genes` a data frame of gene, symbol
# and ensembl; `recipe` a text that is the same for the same arguments;
# `strict`, whether a source with hardly any of the genes is refused.

# Of a file that is appended to.
kept_plan <- function(state, genes) {
  if (!is.null(genes)) {
    abort(c(
      "{.arg genes} cannot be chosen with {.code append = TRUE}: the corpus has
       its genes.",
      i = "Leave {.arg genes} out, or build another file."
    ))
  }
  list(genes = as.data.frame(state$genes), recipe = state$recipe, strict = TRUE)
}

corpus_plan <- function(inputs, state, path, genes, annotation, biotypes,
                        min_cells, verbose) {
  table <- if (!is.null(annotation)) gene_annotation(annotation)
  named <- if (!is.null(genes)) named_genes(genes, table)
  recipe <- corpus_recipe(inputs, named, table, biotypes, min_cells)
  if (!is.null(state) && !identical(state$recipe, recipe)) {
    abort(c(
      "{.file {path}} was begun with other sources or arguments.",
      i = "Use {.code append = TRUE} to add to it, the arguments of then to go
           on, or another file."
    ))
  }
  known <- if (is.null(state)) named else as.data.frame(state$genes)
  if (!is.null(known)) {
    return(list(genes = known, recipe = recipe, strict = !is.null(named)))
  }
  found <- if (is.null(table)) {
    genes_as_they_come(inputs)
  } else {
    annotated_genes(inputs, table, biotypes)
  }
  genes <- keep_frequent(found, inputs, min_cells, verbose)
  list(genes = genes, recipe = recipe, strict = FALSE)
}

# The same for the same arguments, in any session.
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
  if (!is.data.frame(genes) || !"gene" %in% names(genes) || nrow(genes) == 0) {
    abort(c(
      "{.arg genes} must be names of genes or a data frame with a column
       {.field gene}, not {.obj_type_friendly {genes}}.",
      i = "NULL takes the genes of all sources."
    ))
  }
  names <- as.character(genes$gene)
  check_names(names, "gene", "row")
  ids <- is_ensembl(names)
  known <- if (is.null(table)) {
    rep(NA_integer_, length(names))
  } else {
    match_genes(names, table, "{.arg genes}", note = FALSE)
  }
  column <- function(given, by_name, by_table) {
    out <- as.character(given %||% rep(NA, length(names)))
    out <- ifelse(is.na(out), by_name, out)
    ifelse(is.na(out), by_table[known], out)
  }
  data.frame(
    gene = names,
    symbol = column(
      genes$symbol, ifelse(ids, NA, names), table$symbol %||% NA_character_
    ),
    ensembl = strip_version(column(
      genes$ensembl, ifelse(ids, names, NA), table$ensembl %||% NA_character_
    ))
  )
}

# Genes of the sources --------------------------------------------------------

# Of an annotation, those of the biotypes that a source has.
annotated_genes <- function(inputs, table, biotypes) {
  table <- of_biotypes(table, biotypes)
  unclear <- ambiguous_symbols(table)
  if (length(unclear) > 0) {
    note("{length(unclear)} symbol{?s} that several genes have {?is/are} left
          out: {.val {few(unclear)}}.")
    table <- table[!table$symbol %in% unclear, ]
  }
  genes <- name_genes(table)[c("gene", "symbol", "ensembl")]
  maps <- match_sources(inputs, genes, least_match)
  genes[sort(unique(unlist(maps))), ]
}

of_biotypes <- function(table, biotypes) {
  if (is.null(biotypes)) {
    return(table)
  }
  if (all(is.na(table$biotype))) {
    note("The annotation has no biotypes: genes of all are taken.")
    return(table)
  }
  taken <- table$biotype %in% biotypes
  if (!any(taken)) {
    found <- utils::head(sort(unique(table$biotype)), 5)
    abort("{.arg biotypes}: the annotation has no {.val {biotypes}}; it has
           {.val {found}}.")
  }
  table[taken, ]
}

# Without one, all of them, in the order in which they come.
genes_as_they_come <- function(inputs) {
  check_one_kind(inputs)
  all <- unique(unlist(lapply(inputs, function(cells) {
    strip_version(cells$peaks)
  }), use.names = FALSE))
  ids <- is_ensembl(all)
  note("All {length(all)} gene{?s} of the sources are used, with those that code
        for no protein: an {.arg annotation}, such as a GTF file or
        {.val org.Hs.eg.db}, leaves these out.")
  data.frame(
    gene = all, symbol = ifelse(ids, NA, all), ensembl = ifelse(ids, all, NA)
  )
}

# Symbols and Ensembl ids do not meet without an annotation.
check_one_kind <- function(inputs) {
  share <- vapply(inputs, function(cells) mean(is_ensembl(cells$peaks)), 0)
  by_id <- names(inputs)[share > 0.5]
  by_symbol <- names(inputs)[share <= 0.5]
  if (length(by_id) > 0 && length(by_symbol) > 0) {
    abort(c(
      "The sources would share no genes: {.val {by_id}} {?has/have} Ensembl ids,
       others have symbols ({.val {by_symbol}}).",
      i = "Give an {.arg annotation} that has both."
    ), class = "data")
  }
}

# Drops genes that too few cells have.
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
  if (nrow(genes) == 0) {
    abort(c(
      "No gene has a count in at least {.arg min_cells} = {min_cells} cells.",
      i = "Give a smaller {.arg min_cells}, or look at the sources."
    ), class = "data")
  }
  rownames(genes) <- NULL
  genes
}
