# Finds genes by any kind of name that a source uses.

# If a smaller share of genes matches, this is taken for a mistake.
least_match <- 0.1

#' Find genes in a vocabulary
#'
#' @param names Names in a source: symbols, Ensembl ids with or without a
#'   version suffix, or a mixture.
#' @param genes Data frame with the columns `gene`, `symbol` and `ensembl`.
#' @param arg What the names belong to, for messages: cli markup.
#' @param least Minimum share of matches; a smaller one is an error. 0 accepts
#'   any.
#' @param note Whether a partial match is reported (message of class
#'   `sailer_note`).
#' @return Integer vector: the row of `genes` for each name, NA if there is
#'   none. Several names may match one gene. If kinds of names contradict each
#'   other, the kind with the most matches decides. A symbol shared by several
#'   genes matches none.
#' @section Errors:
#' `sailer_data_error` if fewer than the share `least` of the names (or of the
#' genes, if there are fewer of them) match.
#' @noRd
match_genes <- function(names, genes, arg = "the counts", least = least_match,
                        note = TRUE) {
  stripped <- strip_version(names)
  found <- lapply(genes[c("gene", "symbol", "ensembl")], function(known) {
    known[known %in% known[duplicated(known)]] <- NA
    by_name <- match(names, known, incomparables = NA)
    ifelse(is.na(by_name), match(stripped, known, incomparables = NA), by_name)
  })
  n_found <- vapply(found, function(at) sum(!is.na(at)), 0)
  at <- rep(NA_integer_, length(names))
  for (kind in order(-n_found)) {
    at <- ifelse(is.na(at), found[[kind]], at)
  }
  n_matched <- length(unique(at[!is.na(at)]))
  wanted <- least * min(length(names), nrow(genes))
  if (n_matched < wanted || (n_matched == 0 && least > 0)) {
    abort_for_match(names, genes, n_matched, arg)
  }
  if (note && anyNA(at)) {
    lost <- names[is.na(at)]
    note(paste0(
"{length(lost)} of the {length(names)} genes of ", arg,
" {cli::qty(length(lost))}{?is/are} unknown and ignored:
 {few(lost)}."
))
  }
  as.integer(at)
}

abort_for_match <- function(names, genes, n_matched, arg) {
  known <- genes$gene
  upper <- sum(toupper(names) %in% toupper(known))
  hint <- if (mean(is_ensembl(names)) > 0.5 && all(is.na(genes$ensembl))) {
    "The genes are known by symbol only, and these are Ensembl ids: give an
     {.arg annotation} that has both, or other names."
  } else if (mean(is_ensembl(names)) < 0.5 && all(is.na(genes$symbol))) {
    "The genes are known by Ensembl id only, and these are not Ensembl ids: give
     an {.arg annotation} that has both, or other names."
  } else if (upper > least_match * length(names)) {
    "They match if case is ignored, as mouse and human genes do: are they from
     another species?"
  } else {
    "Are they from another species, or ids of another kind (Entrez, RefSeq,
     transcripts)? Genes are expected in rows."
  }
  abort(c(paste0(
    "{n_matched} of the {length(names)} genes of ", arg,
    " {cli::qty(n_matched)}{?is/are} known: it has
     {.val {utils::head(names, 3)}}, but names like
     {.val {utils::head(known, 3)}} are expected."
  ), i = hint), class = "data")
}
