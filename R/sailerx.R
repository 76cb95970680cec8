# SAILERX: SAILER guided by a reference embedding of RNA from the same cells.

#' Learn an embedding of multiome cells, guided by their RNA
#'
#' Fits SAILERX: SAILER ([sailer()]) on the ATAC counts, with an additional term
#' that makes pairs of cells as similar in the embedding as they are in a
#' reference embedding, usually a PCA of the RNA of the same cells. This is a
#' soft alignment of pairwise cosine similarities, so the two modalities need
#' not share a space. Cells without RNA can be embedded with the same model.
#'
#' For Seurat and SingleCellExperiment objects see [RunSAILERX()].
#'
#' @section What the encoder reads:
#' With `joint = TRUE`, the default, the encoder reads the reference and the
#' open peaks, so every cell with RNA, new or not, is embedded from both
#' modalities. During training, the reference is hidden from the encoder for a
#' share `reference_dropout` of the cells, redrawn in each epoch. The encoder
#' thus also learns to embed cells from their peaks alone. New cells with RNA
#' need a reference in the same space: see the argument `reference` of
#' [predict()][predict.sailer_fit].
#'
#' `joint = FALSE` is the model of the thesis: the encoder reads only the open
#' peaks, and the reference only guides its training. The few open peaks of a
#' cell contain little information. Training cells therefore follow their
#' reference closely, partly through overfitting, but held-out and new cells
#' follow it much less. For cells without a reference, both models performed
#' equally well (inst/benchmarks/multiome.R).
#'
#' @section Initialisation:
#' With `warm_start = TRUE`, the default, the mean of the embedding is
#' initialised as a linear map. Its first dimensions are the principal axes of
#' the reference (rows scaled to length 1, not centred): `n_latent` of them or,
#' if there are fewer, all. Each axis is predicted from the open peaks by least
#' squares on LSI, the truncated SVD of TF-IDF without its first component. The
#' prediction is shrunk by R2, the share of the axis's variance that the peaks
#' explain beyond chance. A `joint` model adds (1 - R2) times the cell's
#' reference, so that cells with and without a reference are in one space. The
#' regression uses the training cells that have a reference.
#'
#' The remaining dimensions are LSI components, each scaled to the spread of the
#' part of its signal (see [sailer()]) that the reference does not explain. They
#' can separate cell types by peaks where the RNA does not distinguish them.
#' There are none if `n_latent` does not exceed the number of reference
#' dimensions.
#'
#' The initial map excludes what depth, batch and covariates explain of the
#' reference and of LSI. Canonical directions of which they explain half or more
#' are removed; from the others, twice the share that they explain is removed.
#'
#' In a `joint` model the encoder is frozen for the first three quarters of the
#' epochs (`frozen` of [train_control()]). The best epoch by the evidence lower
#' bound (ELBO) is often one of these, and then `alignment` has little effect.
#' For its full effect, set `frozen = 0` or `warm_start = FALSE`; but then the
#' model overfits a noisy reference, and information that only the peaks contain
#' is lost. With `joint = FALSE` the encoder is trained from the first step and
#' the last epoch is kept.
#'
#' @section Hybrid runs:
#' Cells without a reference (missing from `reference`, or with NA in their row)
#' take part in all of the training except the alignment. Multiome and ATAC-only
#' samples can be combined freely, in one matrix or object or as a list:
#' `sailerx(list(multiome = x, atac = y), reference)`. The samples of a list are
#' batches; otherwise give the samples as `batch`. For samples that were counted
#' in different peaks, see [unite_peaks()].
#'
#' @section Files with both modalities:
#' `reference` is optional for a 10x multiome file or folder, a MuData file
#' (.h5mu) or an h5ad file with both types of features, given as a path or
#' opened with [open_cells()]. By default the reference is the PCA that MuData
#' stores with the RNA (`obsm/X_pca` of that modality). Otherwise it is computed
#' from the RNA counts, in memory, by Seurat as in [RunSAILERX()]. `rna_depth`
#' then defaults to the sum of the RNA counts of each cell. A message (class
#' `sailer_note`) reports the reference. To use another embedding in the file,
#' see [cells_metadata()] and [cell_depth()].
#'
#' @inheritParams sailer
#' @param reference Reference embedding, from any method and with any number of
#'   dimensions: a numeric matrix of cells x dimensions. If it has row names,
#'   rows are matched by name; cells may be missing, and rows of other cells are
#'   ignored. Otherwise it must have one row per cell, in the same order. Rows
#'   with NA are cells without a reference. Only the directions of the rows
#'   matter. Linear differences between batches in the reference are removed. If
#'   the batches differ in other ways, give a reference in which their RNA was
#'   integrated.
#' @param rna_depth Number of RNA molecules in each cell: a numeric vector with
#'   one value per cell, matched by name if it has names. Cells without a
#'   reference may have NA or, in a named vector, be missing. If depths are
#'   given, cells with few open peaks relative to their RNA get more weight in
#'   the alignment: the log ratio of RNA depth to ATAC depth (of the peaks that
#'   the model keeps), scaled to 0 ... 1 over the training cells with a
#'   reference (3.2.2). NULL, the default, gives all cells the weight 1.
#' @eval option_params("models/sailer_options.h", c(
#'   "alignment", "joint", "reference_dropout"
#' ))
#' @param n_latent Number of dimensions of the embedding. By default the number
#'   of reference dimensions, at most 32, plus the number that [sailer()] would
#'   choose, here at least 5; 10 (`"dense"`) and 50 (`"chromosome"`) with
#'   `preset = "thesis"`.
#' @param hidden As in [sailer()]. Default `32` and `c(64, 32)`.
#' @param beta As in [sailer()]. Default 1.
#' @param thinning As in [sailer()]. Default `c(0, 0.5)`.
#' @param min_fraction,max_fraction As in [sailer()]. Default 0.002 and 0.9:
#'   with a reference, rare peaks also help.
#' @param warm_start TRUE, the default, gives the mean of the embedding a linear
#'   path parallel to the hidden layers; see *Initialisation* below. FALSE
#'   initialises all weights at random.
#' @return An object of classes `"sailerx_fit"` and `"sailer_fit"`, with all
#'   elements of a fit of [sailer()]. Its history also has the columns
#'   `alignment`, the unweighted alignment term of the training cells, and
#'   `validation_alignment`, that of the held-out cells (NA if fewer than two of
#'   them have a reference).
#' @references Cao (2023), chapter 3, eq. 3.3-3.4.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#' # A stand-in for a PCA of RNA: noisy coordinates of the types.
#' set.seed(1)
#' rna <- stats::model.matrix(~ 0 + cell_type, sim$cells) + rnorm(600, sd = 0.3)
#' rownames(rna) <- colnames(sim$counts)
#' fit <- sailerx(
#'   sim$counts, rna,
#'   batch = sim$cells$batch, hidden = 32,
#'   control = train_control(epochs = 5, verbose = FALSE)
#' )
#' tail(fit$history[c("epoch", "alignment", "validation_alignment")], 1)
#'
#' # A file with both modalities is enough, or choose what to take from it.
#' path <- system.file("extdata", "tiny.h5mu", package = "sailer")
#' brief <- train_control(epochs = 2, verbose = FALSE)
#' fit <- sailerx(path, hidden = 8, n_latent = 4, control = brief)
#' rna <- open_cells(path, modality = "rna")
#' fit <- sailerx(
#'   open_cells(path, modality = "atac"),
#'   cells_metadata(rna, reduction = "X_pca"),
#'   rna_depth = cell_depth(rna, counts = TRUE),
#'   hidden = 8, n_latent = 4, control = brief
#' )
#' @export
sailerx <- function(x, reference, rna_depth = NULL, batch = NULL,
                    covariates = NULL, alignment = NULL, joint = NULL,
                    reference_dropout = NULL, architecture = "dense",
                    n_latent = NULL, hidden = NULL, decoder = NULL,
                    lambda = NULL, marginal = NULL, omega = NULL, beta = NULL,
                    mixing = NULL, dropout = NULL, thinning = NULL,
                    input_scale = NULL,
                    min_fraction = 0.002, max_fraction = 0.9, ranges = NULL,
                    control = train_control(), warm_start = NULL,
                    preset = "standard", ...) {
  call <- match.call()
  control <- take_training(control, list(...), sailerx)
  rna <- NULL
  if (missing(reference)) {
    x <- as_cells(x)
    rna <- need_rna_beside(x)
  }
  run <- prepare_run(
    x, call, batch, covariates,
    options_among(environment()),
    min_fraction, max_fraction, ranges, control,
    guided = TRUE
  )
  if (!is.null(rna)) {
    guide <- guide_of_file(run$cells, rna)
    reference <- guide$values
    if (missing(rna_depth)) rna_depth <- guide$depth
  }
  run$plan$reference <- as_reference(
    reference, rna_depth, run$plan$depth, run$plan$cells,
    training = core_training_cells(
      length(run$plan$cells), run$plan$control$validation, run$plan$control$seed
    )
  )
  begin_or_continue(run$plan, run$cells, run$map)
}

# Models of older versions do not have the option `joint`.
sees_reference <- function(fit) {
  isTRUE(fit$options$joint) && fit$options$alignment > 0
}

# Returns the reference that a joint model reads for new cells, NULL if none is
# given. Throws if the model does not read one.
seen_reference <- function(fit, reference, cells) {
  if (is.null(reference)) {
    if (sees_reference(fit)) {
      note("No reference is given: cells are embedded from their peaks alone.")
    }
    return(NULL)
  }
  abort_if(!sees_reference(fit), c(
    "This model does not use {.arg reference}: its encoder reads only the open
     peaks.",
    i = "Only models trained with {.code sailerx(joint = TRUE)} use one."
  ))
  seen <- as_reference(reference, NULL, NULL, cells$cells, 0)
  width <- fit$n_reference
  if (ncol(seen$values) != width) {
    abort("{.arg reference} has {ncol(seen$values)} dimension{?s}, but the model
           was trained with {width}.")
  }
  seen
}

# Returns the reference rows of these cells, named by cell, so that some of the
# cells can be chosen later. Throws now, before anything is computed, if
# something is wrong.
reference_rows <- function(fit, reference, cells) {
  if (is.null(reference)) {
    return(NULL)
  }
  seen_reference(fit, reference, cells)
  values <- align_reference(reference, cells$cells)
  rownames(values) <- cells$cells
  values
}

# Throws if a reference is given without counts: the cells are then those of the
# training, with the reference that they had.
check_needs_counts <- function(reference, arg) {
  if (!is.null(reference)) {
    abort("{.arg reference} belongs to the cells in {.arg {arg}}: give both, or
           neither for the training cells.")
  }
}

# Returns list(values = cells x width, rows of length 1; present = logical;
# weight = 0 to 1), in the order of the cells, with zeros for cells without a
# reference. `training`: indices of the cells that determine the range of the
# weights.
as_reference <- function(reference, rna_depth, depth, cells, at_least = 2,
                         training = seq_along(cells)) {
  values <- align_reference(reference, cells)
  dimnames(values) <- NULL
  present <- rowSums(is.na(values)) == 0
  infinite <- present & rowSums(is.infinite(values)) > 0
  if (any(infinite)) {
    abort("{.arg reference} is infinite for cell {.val {cells[infinite][1]}}.",
          class = "data")
  }
  abort_if(sum(present) < at_least, c(
    "{sum(present)} of the {length(cells)} cells
     {cli::qty(sum(present))}{?has/have} a reference.",
    i = "The row names of {.arg reference} must be cell names; the first cell
         is {.val {cells[1]}}."
  ), class = "data")
  values[!present, ] <- 0
  list(
    values = unit_rows(values), present = present,
    weight = reference_weights(rna_depth, depth, present, cells, training)
  )
}

# Scales rows to length 1. Only directions count, and very large and very small
# rows would lose theirs in the core, which computes in single precision. Rows
# of zeros are not changed.
unit_rows <- function(x) {
  largest <- do.call(pmax, lapply(seq_len(ncol(x)), function(k) abs(x[, k])))
  x <- x / ifelse(largest > 0, largest, 1)
  length <- sqrt(rowSums(x^2))
  x / ifelse(length > 0, length, 1)
}

align_reference <- function(reference, cells) {
  reference <- as_numeric_matrix(reference, "reference", "cells x dimensions")
  match_cells(reference, cells, "reference", partial = TRUE)
}

# w of 3.2.2: log(RNA depth / ATAC depth), scaled to 0 ... 1 over the training
# cells with a reference; held-out cells beyond this range get 0 or 1.
reference_weights <- function(rna_depth, depth, present, cells, training) {
  if (is.null(rna_depth)) {
    return(as.numeric(present))
  }
  rna_depth <- match_cells(
    rna_depth, cells, "rna_depth", table = FALSE, partial = TRUE
  )
  must_be(is.numeric(rna_depth), rna_depth, "numeric")
  bad <- present & !(is.finite(rna_depth) & rna_depth > 0)
  if (any(bad)) {
    abort("{.arg rna_depth} must be above 0 for every cell with a reference; it
           is {rna_depth[bad][1]} for cell {.val {cells[bad][1]}}.",
          class = "data")
  }
  ratio <- log(rna_depth[present] / depth[present])
  seen <- ratio[which(present) %in% training]
  weight <- numeric(length(cells))
  weight[present] <- if (length(unique(seen)) < 2) {
    1
  } else {
    pmin(pmax((ratio - min(seen)) / (max(seen) - min(seen)), 0), 1)
  }
  weight
}
