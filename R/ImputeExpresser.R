#' Impute expression in Seurat and SingleCellExperiment objects
#'
#' As [impute()][impute.expresser_fit]: predicts the zeros of chosen genes from
#' the other genes of each cell, and adds a new assay of log-normalised values
#' beside the counts.
#'
#' @inheritParams RunExpresser
#' @inheritParams ImputeSAILER
#' @param features Names of the genes to impute, as in the object. The time
#'   grows with their number; hundreds are usual.
#' @param fit,name A fit of [expresser()] to use instead of the one in the
#'   object, or the name of the reduction whose fit to use; see [get_fit()].
#' @param new.assay.name Name of the new assay or alternative experiment.
#'   Default `"expressed"`.
#' @param ... Options of [impute()][impute.expresser_fit]: `keep`, `adapt`,
#'   `n_passes`, `token_budget` and `verbose`.
#' @return The object with a new assay of genes x cells, in units of `log(1 +
#'   10,000 * count / total)`: counted values where there are any (unless `keep
#'   = FALSE`) and predictions elsewhere; zeros in cells that have no other
#'   gene.
#' @references Cao (2023), section 4.2.4.
#' @examples
#' sim <- simulate_rna(n_cells = 100, n_genes = 80, seed = 1)
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts)
#'   object <- RunExpresser(
#'     object,
#'     n_embedding = 16, n_layers = 1, epochs = 2, verbose = FALSE
#'   )
#'   object <- ImputeExpresser(object, paste0("gene", 1:5))
#'   print(object[["expressed"]])
#' }
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
