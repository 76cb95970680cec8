#' @rdname impute
#' @param object A `Seurat` object or a `SingleCellExperiment` with a fit; or
#'   counts, such as a matrix or a file, together with a `fit`.
#' @param features Names of the peaks to impute, or a `GRanges`, which selects
#'   the peaks that overlap it. NULL, the default, takes all peaks of the model.
#' @param name Name of the reduction whose fit is used; see [get_fit()].
#' @param new.assay.name Name of the new assay or alternative experiment.
#'   Default `"imputed"`.
#' @param assay,layer,assay.type,altexp Where the counts are. By default, the
#'   location recorded with the fit; see [RunSAILER()].
#' @export
ImputeSAILER <- function(object, features = NULL, ..., fit = NULL, name = NULL,
                         new.assay.name = "imputed", reference = NULL,
                         assay = NULL, layer = NULL, assay.type = NULL,
                         altexp = NULL) {
  options <- list(...)
  check_options(options, options_of(
    impute.sailer_fit, c("fit", "x", "cells", "peaks", "reference")
  ))
  held <- read_fitted(object, fit, name, where_of(environment()))
  if (!is.null(options$file)) force(held$input$files)
  options <- utils::modifyList(list(binary = FALSE), options)
  write_new_assay(
    object, held, new.assay.name, rlang::inject(impute_held(
      held,
      peaks = features, reference = reference, !!!options, arg = "features",
      ways = "Choose fewer {.arg features}; return only the open peaks
        ({.arg threshold}, {.arg n_open}); or write the values to a {.arg file}
        (not for Seurat objects)."
    )), new_command("ImputeSAILER", match.call(), list(...))
  )
}

# Returns the object with `values`, features x cells, as a new assay; if
# `object` is not a Seurat or SingleCellExperiment object, returns the values.
# They are a promise, evaluated only after everything else has been checked.
write_new_assay <- function(object, held, name, values, command) {
  check_text(name, "new.assay.name")
  force(held$input$writable)
  place <- held$input$place
  abort_if(name %in% unlist(place[c("assay", "assay.type", "altexp")]), c(
    "{.arg new.assay.name}: {.val {name}} already holds the counts.",
    i = "Choose another name."
  ))
  write_result(object, list(
    input = held$input, assay = list(name = name, values = values),
    command = command
  ))
}
