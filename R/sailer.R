# SAILER on a matrix or a file: checks, the peak filter, and the call of the
# core.

#' Learn an embedding of scATAC-seq cells, corrected for depth and batch
#'
#' Fits SAILER, an invariant variational autoencoder. The encoder reads which
#' peaks are open in a cell. The decoder reconstructs them from the embedding
#' *and* from the cell's depth, batch and covariates. Since the decoder already
#' receives these, a penalty on the mutual information discourages the embedding
#' from encoding them. Counts are binarised as they are read; the input object
#' is not changed.
#'
#' For Seurat and SingleCellExperiment objects see [RunSAILER()]. `NULL` selects
#' the default of an option. Where one option has two defaults below, the first
#' is for `"dense"` and the second for `"chromosome"`.
#'
#' @param x Counts with peaks in rows and cells in columns, in any form that
#'   [as_cells()] accepts: any matrix, or a file opened with [open_cells()]. The
#'   pass that checks the counts also packs the cells, at about one byte per
#'   open peak: in memory up to 256 MB, beyond that in a temporary file in the
#'   checkpoint folder or [tempdir()], which is removed after the run. The same
#'   cells give the same result, bit for bit, regardless of their source.
#' @param batch Batch labels of the cells (donor, sample, platform): a vector
#'   with one value per cell; a data frame for several labels, such as donor and
#'   lane; NULL for none. Named values, or the rows of a data frame, are matched
#'   to cells by name, and those of other cells are ignored; values without
#'   names must be in the order of the cells. A single batch is ignored, with a
#'   message. Labels are compared as text (1, `1L`, `"1"` and a factor of these
#'   are the same) and sorted byte by byte (`"10"` before `"2"`), regardless of
#'   the order of factor levels, so the same labels give the same result, bit
#'   for bit.
#' @param covariates Other variables to remove from the embedding: a data frame
#'   (or vector) with one row per cell, matched like `batch`. Numeric columns
#'   are standardised (log-transform skewed ones first). Other columns are
#'   labels, with at most 1,000 levels; labels with more than 20 levels need at
#'   least twice as many cells as levels. Columns with a single value are
#'   ignored, with a message. Differences between cell types that are confounded
#'   with a covariate are removed as well.
#' @eval option_params("models/sailer_options.h", except = c(
#'   "alignment", "joint", "reference_dropout"
#' ))
#' @param min_fraction,max_fraction Peaks that are open in less than
#'   `min_fraction` or more than `max_fraction` of the cells are ignored
#'   (2.2.7). Default 0.002 (0.01 with `preset = "thesis"`) and 0.9. Peaks that
#'   are open in no cell cannot be learned: with `min_fraction = 0` they are an
#'   error.
#' @param ranges `GRanges` of the peaks, in the same order; NULL takes them from
#'   `x` or from the peak names. Used by `"chromosome"` only.
#' @param control All training options together, from [train_control()].
#' @param ... Individual training options, which override those in `control`:
#'   `epochs`, `seed`, `device`, `checkpoint` and more; see [train_control()].
#'   An unknown name is an error.
#'
#' @return An object of class `"sailer_fit"`: the model and the embedding of the
#'   training cells ([embedding()]). It holds no counts and can be saved with
#'   [saveRDS()]; [save_model()] writes it to a file that other programs can
#'   read. Ctrl-C stops the training and keeps the fit so far ([get_fit()]),
#'   which [resume()] continues.
#'
#'   `fit$history` is a data frame with one row per epoch, plotted by
#'   [plot()][plot.sailer_fit]. Its columns are:
#'   * `epoch`; `beta`, the weight of the KL terms; `learning_rate`.
#'   * `loss`, the objective (eq. 2.5-2.6), and its parts `reconstruction`, `kl`
#'     and `marginal`, in nats, averaged over the training cells (the `mixing`
#'     term is included in `loss` only).
#'   * For the held-out cells (NA if there are none):
#'     `validation_log_likelihood`, that of the plain Bernoulli model at the
#'     posterior mean, in nats per cell; `validation_kl`; and `validation_elbo`,
#'     the evidence lower bound (ELBO) of this model.
#'   * `seconds` and `cells_per_second` of training.
#' @section Warnings:
#' * `sailer_batches_apart` names batches that share less than half as many
#'   peaks as expected. Peaks that were called separately in each batch look
#'   closed in the others, which keeps the batches apart.
#' * `sailer_diverged`: the loss or a gradient was no longer finite. The warning
#'   names the epoch and the cells of the minibatch; the last good state is
#'   returned. In the first epoch this is an error.
#' * `sailer_checkpoint_failed`: a checkpoint could not be written, for example
#'   because the disk is full. The fit so far is returned, and the previous
#'   checkpoint is kept.
#' @references Cao (2023), sections 2.2.1, 2.2.2, 2.2.3 and 2.2.7, and section
#'   3.2 for the chromosome architecture.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#' fit <- sailer(
#'   sim$counts,
#'   batch = sim$cells$batch, hidden = c(64, 32), epochs = 5, verbose = FALSE
#' )
#' fit
#' dim(embedding(fit))
#' @export
sailer <- function(x, batch = NULL, covariates = NULL,
                   architecture = "dense", n_latent = NULL, hidden = NULL,
                   decoder = NULL, lambda = NULL, marginal = NULL, omega = NULL,
                   beta = NULL, mixing = NULL, dropout = NULL, thinning = NULL,
                   input_scale = NULL, min_fraction = NULL, max_fraction = 0.9,
                   ranges = NULL, control = train_control(), warm_start = NULL,
                   preset = "standard", ...) {
  call <- match.call()
  control <- take_training(control, list(...), sailer)
  thesis <- identical(preset, "thesis")
  run <- prepare_run(
    x, call, batch, covariates,
    options_among(environment()),
    min_fraction %||% (if (thesis) 0.01 else 0.002), max_fraction, ranges,
    control
  )
  begin_or_continue(run$plan, run$cells, run$map)
}

# Returns the options of the model among the arguments of a function.
options_among <- function(frame) {
  mget(intersect(names(core_sailer_options(list(), TRUE)), ls(frame)), frame)
}

# Returns `control` with the options of training among `others`, the arguments
# that a model was given besides its own options. Throws if there are unknown
# ones.
take_training <- function(control, others, model) {
  check_options(others, c(options_of(model), options_of(train_control)))
  join_control(control, others)
}

# Checks everything and plans the run. Returns list(plan, cells, map), where
# `map` is the index in the model of each feature of the cells.
prepare_run <- function(x, call, batch, covariates, options, min_fraction,
                        max_fraction, ranges, control, guided = FALSE) {
  # Another LibTorch may have been loaded after sailer.
  check_one_libtorch(libtorch_record()$folder)
  auto_omega <- identical(options$omega, "auto")
  if (auto_omega) options["omega"] <- list(NULL)
  options <- core_sailer_options(given_options(options), guided)
  check_number(min_fraction, min = 0, max = 1)
  check_number(max_fraction, min = 0, max = 1)
  device <- core_choose_device(control$device)
  control <- usable_precision(control, device)

  cells <- as_cells(x)
  batch <- samples_as_batches(cells, batch)
  confounders <- collect_confounders(batch, covariates, cells$cells)
  groups <- batch_groups(confounders, nrow(cells))
  checked <- check_counts(
    cells, min_cells_of_a_model, groups = groups,
    folder = store_folder(control$checkpoint)
  )
  cells <- checked$cells
  layout <- lay_out_peaks(
    cells, checked$peak_cells, min_fraction, max_fraction,
    options$architecture, ranges
  )
  if (!is.null(groups)) {
    warn_of_apart_batches(groups, checked$group_cells, layout$map)
  }
  depth <- kept_depth(cells, layout)
  control <- resolve_control(control, length(depth), options)
  if (auto_omega) {
    entries <- as.numeric(length(depth)) * length(layout$peaks)
    options$omega <- (entries - sum(depth)) / sum(depth)
  }
  plan <- new_plan(
    call, options, control, cells, layout, depth, confounders, device
  )
  list(plan = plan, cells = cells, map = layout$map)
}

# Decides which peaks the model keeps (2.2.7) and in which order: by chromosome
# for that architecture, otherwise as they come.
lay_out_peaks <- function(cells, peak_cells, min_fraction, max_fraction,
                          architecture, ranges) {
  n_cells <- ncol(cells)
  frequency <- peak_cells / n_cells
  if (min_fraction == 0 && any(peak_cells == 0)) {
    empty <- cells$peaks[peak_cells == 0]
    abort(c(
      "{length(empty)} peak{?s} {?is/are} not open in any cell: {few(empty)}.",
      i = "Remove {cli::qty(length(empty))}{?it/them}, or set
           {.arg min_fraction} above 0 to leave {?it/them} out."
    ), class = "data")
  }
  kept <- which(frequency >= min_fraction & frequency <= max_fraction)
  abort_if(length(kept) < 2, c(
    "Only {length(kept)} of {length(frequency)} peaks
     {cli::qty(length(kept))}{?is/are} open in {min_fraction} to
     {max_fraction} of the cells.",
    i = "Lower {.arg min_fraction} or raise {.arg max_fraction}."
  ), class = "data")
  chromosome <- NULL
  group_sizes <- length(kept)
  if (architecture == "chromosome") {
    chromosome <- peak_chromosomes(cells$peaks, ranges %||% cells$ranges)[kept]
    group <- match(chromosome, unique(chromosome))
    kept <- kept[order(group)]
    chromosome <- unique(chromosome)
    group_sizes <- tabulate(group)
  }
  map <- rep(NA_integer_, length(frequency))
  map[kept] <- seq_along(kept)
  list(
    peaks = cells$peaks[kept], map = map, chromosomes = chromosome,
    group_sizes = as.numeric(group_sizes),
    frequencies = unname(frequency[kept]), n_given = length(frequency)
  )
}

# Counts the open peaks of each cell among the kept ones; throws if there are
# none.
kept_depth <- function(cells, layout) {
  depth <- core_depth_within(cells$source, !is.na(layout$map))
  empty <- cells$cells[depth == 0]
  abort_if(length(empty) > 0, c(
    "{length(empty)} cell{?s} {?has/have} no open peak among the
     {length(layout$peaks)} that the model keeps: {few(empty)}.",
    i = "Remove {cli::qty(length(empty))}{?it/them}, or keep more peaks with
         a lower {.arg min_fraction}."
  ), class = "data")
  depth
}
