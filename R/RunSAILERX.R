#' SAILERX on Seurat and SingleCellExperiment objects
#'
#' A thin layer over [sailerx()], as [RunSAILER()] is over [sailer()]: finds the
#' counts of the peaks, and the reference embedding and the depth of the RNA of
#' the same cells, trains, and puts the embedding into the object. Counts are
#' read, never rewritten; when anything fails the given object is untouched.
#'
#' Cells are placed by their open peaks and, where they have RNA, by their
#' reference; cells without RNA are placed by the same model. With `joint =
#' FALSE` the RNA guides the training alone and all cells are placed by their
#' peaks: see [sailerx()].
#'
#' @section Hybrid objects:
#' Some samples may be multiome and others ATAC alone, as `merge()` (Seurat)
#' puts them into one object. Cells without RNA counts, without a row in the
#' reference or with NA there take part in all of the training but the
#' alignment; a message tells how many they are. Name the samples in `batch`, so
#' that what separates them is taken out. For samples that were counted in
#' different peaks see [unite_peaks()].
#'
#' @section Seurat:
#' The reference is a reduction made from the RNA, whatever its method and
#' width. Without `"pca"` the usual steps make it from the counts of
#' `rna.assay`: `NormalizeData()`, `FindVariableFeatures()`, `ScaleData()` and
#' `RunPCA()` with 30 components, on a copy, so that the object gains the
#' reduction and nothing else. It has the cells with RNA; SeuratObject 4 takes
#' only reductions of all cells, so there the others have rows of NA. This takes
#' the package Seurat.
#'
#' For the rest, layers of a v5 assay included, see [RunSAILER()].
#'
#' @section SingleCellExperiment:
#' The RNA is the main experiment, the peaks are an alternative experiment, and
#' the reference is among the reduced dimensions of the main one. Without
#' `"PCA"` the usual steps make it: `scuttle::logNormCounts()`, 2,000 genes from
#' `scran::modelGeneVar()` and `scran::getTopHVGs()`, and
#' `scater::calculatePCA()` with 30 components; cells without RNA have NA there.
#'
#' @inheritParams RunSAILER
#' @param object A `Seurat` object or a `SingleCellExperiment` with both
#'   modalities. For matrices and files see [sailerx()].
#' @param ... Options of [sailerx()], which document them: `alignment`,
#'   `architecture`, `n_latent`, `hidden`, `lambda`, `min_fraction`, `control`
#'   and more. An unknown name is an error. `rna_depth` replaces the depths from
#'   the object; `rna_depth = NULL` gives all cells the same weight.
#' @param assay Name of the assay with the peaks; NULL, the default, takes the
#'   object's default assay.
#' @param rna.assay Name of the assay with the counts of the RNA, whose sums
#'   over the genes are the cells' RNA depth. Default `"RNA"`.
#' @param reference Name of the reduction that guides. Defaults `"pca"` (Seurat)
#'   and `"PCA"` (SingleCellExperiment), which are made if absent.
#' @param reduction.name,reduction.key Name of the reduction and beginning of
#'   its columns' names. Defaults `"sailerx"` and `"sailerx_"`.
#' @param assay.type,rna.assay.type Names of the assays with the counts of the
#'   peaks, in `altexp`, and of the RNA, in the main experiment. NULL, the
#'   default, takes `"counts"` or, where it has another name, the only one.
#' @param altexp Name of the alternative experiment with the peaks; NULL, the
#'   default, takes the only one.
#' @param name Name of the reduced dimensions. Default `"SAILERX"`.
#' @param unit TRUE, the default, puts each cell at length 1: the alignment is
#'   of directions, and other functions find neighbours by Euclidean distance.
#'   FALSE puts in the posterior means as they are. `embedding(get_fit(object))`
#'   has them in either case.
#'
#' @return The object with the embedding of cells x latent dimensions, as
#'   [RunSAILER()] returns it, and with the reference if that was made.
#'   [get_fit()] finds the fit.
#' @section Errors:
#' `sailer_argument_error` for an assay, alternative experiment, reduction or
#' column that is not there (those that are get listed), for an option that does
#' not exist, and for a package that is not installed; `sailer_data_error` when
#' there are no counts of RNA, or fewer than 2 cells have a reference; and the
#' errors of [sailerx()].
#' @seealso [sailerx()], [RunSAILER()], [get_fit()].
#' @references Cao (2023), chapter 3; for hybrid objects section 3.2.3.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#' brief <- train_control(epochs = 3, verbose = FALSE)
#' # A stand-in for RNA: each type has genes of its own.
#' set.seed(1)
#' mean <- matrix(rexp(60 * 3, 0.2), 60)[, sim$cells$cell_type]
#' rna <- methods::as(matrix(rpois(length(mean), mean), 60), "CsparseMatrix")
#' dimnames(rna) <- list(paste0("gene", 1:60), colnames(sim$counts))
#' pca <- stats::prcomp(t(log1p(as.matrix(rna))), rank. = 5)$x
#'
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(rna, meta.data = sim$cells)
#'   object[["ATAC"]] <- SeuratObject::CreateAssayObject(sim$counts)
#'   object[["pca"]] <- SeuratObject::CreateDimReducObject(
#'     pca, key = "PC_", assay = "RNA"
#'   )
#'   object <- RunSAILERX(
#'     object,
#'     assay = "ATAC", batch = "batch", hidden = 32, control = brief
#'   )
#'   print(SeuratObject::Reductions(object))
#' }
#'
#' if (requireNamespace("SingleCellExperiment", quietly = TRUE)) {
#'   sce <- SingleCellExperiment::SingleCellExperiment(
#'     list(counts = rna),
#'     colData = sim$cells, reducedDims = list(PCA = pca),
#'     altExps = list(ATAC = SummarizedExperiment::SummarizedExperiment(
#'       list(counts = sim$counts)
#'     ))
#'   )
#'   sce <- RunSAILERX(sce, batch = "batch", hidden = 32, control = brief)
#'   print(dim(SingleCellExperiment::reducedDim(sce, "SAILERX")))
#' }
#' @order 1
#' @export
RunSAILERX <- function(object, ...) {
  UseMethod("RunSAILERX")
}

#' @export
RunSAILERX.default <- function(object, ...) {
  if (load_class(object)) {
    return(RunSAILERX(object, ...))
  }
  refuse_class(object, "RunSAILERX", "sailerx")
}

#' @export
RunSAILERX.SummarizedExperiment <- function(object, ...) {
  refuse_plain_experiment(object)
}

#' @rdname RunSAILERX
#' @export
RunSAILERX.SingleCellExperiment <- function(object, assay.type = NULL,
                                            altexp = NULL, reference = "PCA",
                                            rna.assay.type = NULL,
                                            features = NULL, batch = NULL,
                                            covariates = NULL,
                                            name = "SAILERX", unit = TRUE,
                                            resume = NULL, ...) {
  need_package("SingleCellExperiment", "for SingleCellExperiment objects")
  need_package("SummarizedExperiment", "for SingleCellExperiment objects")
  check_text(name, "name")
  check_text(reference, "reference")
  check_flag(unit)
  check_not_same(name, reference, "name")
  check_fit_options(list(...), resume, sailerx)
  altexp <- choose_altexp(object, altexp)
  given <- read_experiment(
    object, assay.type, altexp, features, batch, covariates
  )
  guide <- NULL
  if (!goes_on(resume)) {
    rna.assay.type <- choose_assay_type(
      object, rna.assay.type, "rna.assay.type"
    )
    depth <- experiment_rna_depth(object, rna.assay.type)
    object <- with_reference(object, reference, depth, rna.assay.type)
    guide <- new_guide(
      SingleCellExperiment::reducedDim(object, reference), depth, given$cells,
      paste0("reduced dimensions ", dQuote(reference, FALSE))
    )
  }
  own <- function() get_fit(object, name)
  fit <- fit_cells(
    given$cells, given$batch, given$covariates, resume, own, ...,
    guided = TRUE, guide = guide
  )
  store_in_experiment(object, fit, name, unit)
}

# The alternative experiment with the peaks: the one named, or the only one.
choose_altexp <- function(object, altexp, call = rlang::caller_env()) {
  known <- SingleCellExperiment::altExpNames(object)
  if (is.null(altexp) && length(known) == 1) {
    return(known)
  }
  if (is.null(altexp)) {
    abort(
      c(
        "{.arg altexp} must name the alternative experiment with the peaks.",
        i = if (length(known) == 0) {
          "The object has none: its main experiment is taken for the RNA, so
           put the peaks in by {.code altExp(object, \"ATAC\") <- peaks}."
        } else {
          "There are {.val {known}}."
        }
      ),
      call = call
    )
  }
  check_text(altexp, "altexp", call = call)
  check_known(
    altexp, known, "alternative experiment", "altexp", "the object",
    call = call
  )
  altexp
}

experiment_rna_depth <- function(object, assay.type,
                                 call = rlang::caller_env()) {
  check_names(colnames(object), "cell", "column", call)
  column_sums(SummarizedExperiment::assay(object, assay.type))
}

# The object with the reference among its reduced dimensions.
with_reference <- function(object, reference, depth, assay.type,
                           call = rlang::caller_env()) {
  known <- SingleCellExperiment::reducedDimNames(object)
  if (reference %in% known) {
    return(object)
  }
  packages <- c("scuttle", "scran", "scater")
  check_can_make(
    reference, "PCA", known, "reduced dimensions", packages,
    "object <- scater::runPCA(scuttle::logNormCounts(object))", call
  )
  with_rna <- names(depth)[which(depth > 0)]
  check_enough_rna(with_rna, length(depth), call)
  cli::cli_inform(c(
    i = "There are no reduced dimensions {.val {reference}}: they are made from
         the RNA of {length(with_rna)} cells by {.fn scuttle::logNormCounts},
         {.fn scran::getTopHVGs} and {.fn scater::calculatePCA}."
  ), class = "sailer_note")
  counts <- SummarizedExperiment::assay(object, assay.type)
  made <- usual_steps(
    scater_pca(counts[, with_rna, drop = FALSE]), reference, call
  )
  values <- matrix(
    NA_real_, ncol(object), ncol(made),
    dimnames = list(colnames(object), colnames(made))
  )
  values[with_rna, ] <- made
  SingleCellExperiment::reducedDim(object, reference) <- values
  object
}

scater_pca <- function(counts) {
  rna <- SingleCellExperiment::SingleCellExperiment(list(counts = counts))
  from <- function(package, name) getExportedValue(package, name)
  rna <- from("scuttle", "logNormCounts")(rna)
  variances <- from("scran", "modelGeneVar")(rna)
  genes <- from("scran", "getTopHVGs")(variances, n = 2000)
  from("scater", "calculatePCA")(
    rna, ncomponents = n_components(length(genes), ncol(rna)),
    subset_row = genes
  )
}

n_components <- function(n_genes, n_cells) {
  max(1, min(30, n_genes - 1, n_cells - 1))
}

# What RunSAILERX() knows from the RNA: the rows of the reference of those cells
# that have RNA and whose row is whole, and their depth.
new_guide <- function(values, depth, cells, where, call = rlang::caller_env()) {
  check_names(cells$cells, "cell", "column", call)
  values <- as.matrix(values)
  with_rna <- intersect(cells$cells, names(depth)[which(depth > 0)])
  values <- values[intersect(with_rna, rownames(values)), , drop = FALSE]
  values <- values[!is.na(rowSums(values)), , drop = FALSE]
  if (nrow(values) < 2) {
    abort(
      c(
        "{nrow(values)} of the {length(cells$cells)} cells with peaks
         {?has/have} a reference: RNA counts, and a row in the {where}.",
        i = "{length(with_rna)} of them {?has/have} RNA counts."
      ),
      class = "data", call = call
    )
  }
  without <- length(cells$cells) - nrow(values)
  if (without > 0) {
    cli::cli_inform(c(
      i = "{without} of the {length(cells$cells)} cells {?has/have} no
           reference: no RNA counts, or no row in the {where}. They take no part
           in the alignment."
    ), class = "sailer_note")
  }
  list(reference = values, depth = depth[rownames(values)])
}

# Sums of the columns of whatever holds counts: each package of matrices has a
# generic of its own.
column_sums <- function(x) {
  package <- if (methods::is(x, "DelayedMatrix")) {
    "DelayedArray"
  } else if (methods::is(x, "IterableMatrix")) {
    "BPCells"
  } else {
    "Matrix"
  }
  getExportedValue(package, "colSums")(x)
}

# The embedding would take the place of its own reference.
check_not_same <- function(name, reference, arg, call = rlang::caller_env()) {
  if (name == reference) {
    abort(
      "{.arg {arg}} and {.arg reference} are both {.val {name}}: the embedding
       needs another name.",
      call = call
    )
  }
}

# Only the usual reference is made, and only where the packages for it are.
check_can_make <- function(reference, usual, known, what, packages, how, call) {
  there <- if (length(known) == 0) {
    "The object has no {what}."
  } else {
    "Its {what} are {.val {known}}."
  }
  if (reference != usual) {
    abort(
      c(
        "{.arg reference}: the object has no {what} {.val {reference}}.",
        i = there
      ),
      call = call
    )
  }
  lacking <- packages[!vapply(packages, is_installed, logical(1))]
  if (length(lacking) > 0) {
    abort(
      c(
        "{.arg reference}: the object has no {what} {.val {reference}}, and to
         make it takes {.pkg {lacking}}, which {?is/are} not installed.",
        i = there,
        i = "Install {cli::qty(length(lacking))}{?it/them}, or make a reference
             from the RNA, such as {.code {how}}, and name it in
             {.arg reference}."
      ),
      call = call
    )
  }
}

check_enough_rna <- function(with_rna, n, call) {
  if (length(with_rna) < 2) {
    abort(
      "{length(with_rna)} of the {n} cells {?has/have} RNA counts: no reference
       can be made from them.",
      class = "data", call = call
    )
  }
}

is_installed <- function(package) requireNamespace(package, quietly = TRUE)

# What other packages do, under a seed, their errors as ours.
usual_steps <- function(code, reference, call) {
  tryCatch(
    with_own_seed(42, code),
    error = function(cnd) {
      problem <- conditionMessage(cnd)
      abort(
        c(
          "The reference {.val {reference}} could not be made: {problem}",
          i = "Make one from the RNA in another way, and name it in
               {.arg reference}."
        ),
        class = "data", call = call
      )
    }
  )
}
