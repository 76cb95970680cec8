#' @rdname impute.expresser_fit
#' @inheritParams impute
#' @export
ImputeExpresser <- function(object, features, ..., fit = NULL, name = NULL,
                            new.assay.name = "expressed", assay = NULL,
                            layer = NULL, assay.type = NULL, altexp = NULL) {
  check_options(list(...), options_of_imputation)
  where <- where_of(environment(), values = TRUE)
  held <- read_fitted(object, fit, name, where, "expresser_fit")
  counts <- held$input$counts
  check_known(features, counts$peaks, "gene", "features", "the object")
  write_new_assay(
    object, held, new.assay.name,
    impute_all_cells(held$fit, counts, features, held$input$names, ...),
    new_command("ImputeExpresser", match.call(), list(...))
  )
}

# What goes through `...` to impute(); the rest is the object's.
options_of_imputation <- c(
  "keep", "adapt", "n_passes", "token_budget", "verbose"
)

# Assays have a value for every cell of the object: zero where there is none.
impute_all_cells <- function(fit, cells, features, names, ...) {
  found <- impute(fit, cells, genes = features, ...)
  found[is.na(found)] <- 0
  values <- matrix(
    0, length(features), length(names), dimnames = list(features, names)
  )
  values[, colnames(found)] <- found
  values
}
