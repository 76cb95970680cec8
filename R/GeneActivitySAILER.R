#' @rdname gene_activity
#' @inheritParams impute
#' @export
GeneActivitySAILER <- function(object, genes = NULL, ..., fit = NULL,
                               name = NULL, new.assay.name = "activity",
                               reference = NULL, assay = NULL, layer = NULL,
                               assay.type = NULL, altexp = NULL) {
  options <- list(...)
  check_options(options, options_of(
    gene_activity, c("fit", "genes", "x", "cells")
  ))
  held <- read_fitted(object, fit, name, where_of(environment()))
  genes <- genes %||% held$input$annotation
  abort_if(length(genes) == 0, c(
    "{.arg genes} is missing, and the object has no gene annotation.",
    i = "Give a GRanges of the genes, or add one to a Signac assay with
         {.code Annotation(object) <- genes}."
  ))
  write_new_assay(
    object, held, new.assay.name,
    rlang::inject(activity_held(
      held, genes, reference = reference, !!!options
    )),
    new_command("GeneActivitySAILER", match.call(), options)
  )
}
