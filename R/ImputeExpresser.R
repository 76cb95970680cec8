#' @rdname impute.expresser_fit
#' @inheritParams impute
#' @export
ImputeExpresser <- function(object, features, ..., fit = NULL, name = NULL,
                            new.assay.name = "expressed", assay = NULL,
                            layer = NULL, assay.type = NULL, altexp = NULL) {
  check_options(list(...), options_of(
    impute.expresser_fit, c("fit", "x", "genes", "cells", "positions")
  ))
  where <- where_of(environment(), values = TRUE)
  held <- read_fitted(object, fit, name, where, "expresser_fit")
  counts <- held$input$counts
  check_known(features, counts$peaks, "gene", "features", "the object")
  # An assay needs a value for every cell of the object: zeros replace missing
  # ones.
  delayedAssign("values", {
    found <- impute(held$fit, counts, genes = features, ...)
    values <- t(all_rows(t(found), held$input$names))
    replace(values, is.na(values), 0)
  })
  write_new_assay(
    object, held, new.assay.name, values,
    new_command("ImputeExpresser", match.call(), list(...))
  )
}
