#' @rdname gene_activity
#' @inheritParams impute
#' @export
GeneActivitySAILER <- function(object, genes = NULL, ..., fit = NULL,
                               name = NULL, new.assay.name = "activity",
                               reference = NULL, assay = NULL, layer = NULL,
                               assay.type = NULL, altexp = NULL) {
  options <- list(...)
  check_options(options, options_of_activity)
  held <- read_fitted(object, fit, name, where_of(environment()))
  genes <- genes %||% input_annotation(held$input)
  write_new_assay(
    object, held, new.assay.name,
    rlang::inject(activity_held(
      held, genes, reference = reference, !!!options
    )),
    new_command("GeneActivitySAILER", match.call(), list(...))
  )
}

options_of_activity <- c(
  "upstream", "downstream", "normalise", "column", "batch", "depth",
  "covariates", "calibrated", "ranges"
)

# The genes that an object knows.
input_annotation <- function(input) {
  if (length(input$annotation) == 0) {
    abort(c(
      "{.arg genes} is missing, and the object has no annotation of genes.",
      i = "Give a GRanges of the genes, or put one into an assay of Signac by
           {.code Annotation(object) <- genes}."
    ))
  }
  input$annotation
}
