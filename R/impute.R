# Imputation: what the decoder predicts for cells at fixed confounders (2.2.4).

#' Impute accessibility
#'
#' Returns the probability that each peak is open in each cell. The model
#' predicts it with depth, batch and covariates held at the same values for all
#' cells, so that cells differ only in their embedding (2.2.4). This fills in
#' open peaks that the sequencing missed and removes effects of depth and batch.
#' `impute()` works on fits of [sailer()] and [sailerx()]. `ImputeSAILER()`
#' decodes the cells of an object with the model that [RunSAILER()],
#' [RunSAILERX()] or [map_query()] stored in it, and adds the result to the
#' object; the counts are not changed. Cells are encoded from their counts,
#' because objects store only the directions of their posterior means. If
#' anything fails, the object remains unchanged.
#'
#' @section Which form to use:
#' * A *matrix* (the default), for chosen peaks or cells, takes 8 bytes per peak
#'   and cell.
#' * *Open peaks* only, as a sparse matrix, for overlaps, Dice scores
#'   ([dice_score()]) and tools that need binary data (0 and 1). Probabilities
#'   refer to a cell of the given depth: if 2 % of the peaks are open in an
#'   average cell, few reach 0.5. Either choose a low `threshold`, or use
#'   `n_open` to take the same number of most probable peaks in each cell: about
#'   the number accessible in a whole cell type, such as 10 to 20 % of all.
#' * A *file* for all peaks of all cells, written and read in blocks: 32-bit
#'   numbers with a relative precision of 1.5e-5, which take about 2.5 bytes
#'   each. It is an HDF5 file: `HDF5Array::HDF5Array(file, "imputed")` opens it
#'   as a matrix, and Python's `h5py.File(file)["imputed"]` as cells x peaks.
#'
#' Only the result and one block are held in memory. A result that needs more
#' than half of the available memory is refused; `options(sailer.max_memory =
#' 64e9)` sets another limit, in bytes.
#'
#' @section Seurat:
#' The result is a new assay with the imputed values in its `data`. It has the
#' same class as the assay with the counts: `Assay`, `Assay5`, or Signac's
#' `ChromatinAssay` or `GRangesAssay` with the ranges of the peaks, the gene
#' annotation and the fragments. Seurat keeps assays in memory: if the model has
#' more than a few thousand peaks, select some with `features`, or use `n_open`
#' or `threshold` for a sparse assay.
#'
#' @section SingleCellExperiment:
#' If the model uses all rows of the experiment with the counts and `features`
#' excludes none, the result is added to this experiment as another assay.
#' Otherwise (models ignore peaks that are open in few cells) it becomes an
#' alternative experiment with one assay of the same name and the ranges of its
#' rows, if known. With `file`, the values are in an HDF5 file, which must not
#' be moved.
#'
#' @param fit A fit of [sailer()] or [sailerx()], also from [load_model()] or
#'   [get_fit()]. For objects, NULL, the default, uses the stored fit.
#' @param x Counts of the cells to impute, peaks in rows, in any form that
#'   [as_cells()] accepts; the cells are embedded first, as by
#'   [predict()][predict.sailer_fit]. NULL, the default, imputes the training
#'   cells of a fit that was trained on a matrix.
#' @param reference For a joint [sailerx()] model: the reference of the cells
#'   that are embedded from their counts, as in [predict()][predict.sailer_fit],
#'   or the name of a reduction. For objects, the default is the reduction used
#'   in training. For counts there is no default: cells are embedded from their
#'   peaks alone.
#' @param cells,peaks Names of the cells and peaks, in the order of the result;
#'   `peaks` may also be a `GRanges`, which selects the peaks that overlap it
#'   (by the ranges in the object or in the peak names). NULL, the default,
#'   takes all cells, and all peaks of the model (`fit$peaks`).
#' @param batch The batch to hold fixed: its name or, if the model has several
#'   batch columns, a vector named by column. NULL, the default, takes the batch
#'   with the highest median depth in training.
#' @param depth The depth to hold fixed, in open peaks of the model; at least 1.
#'   NULL, the default, takes the geometric mean of the training cells. Larger
#'   values give larger probabilities; depths far beyond those of the training
#'   cells are extrapolation.
#' @param covariates Other covariates to hold fixed: a named list with one value
#'   each. The others are held at their mean or most frequent level.
#' @param calibrated TRUE, the default, corrects for the weight of open peaks in
#'   training (it subtracts log omega from the logits), so that values are
#'   probabilities. It has no effect if `omega` was 1.
#' @param threshold A number between 0 and 1: returns a sparse matrix of the
#'   peaks with at least this probability.
#' @param n_open A whole number: returns a sparse matrix of the `n_open` most
#'   probable peaks of each cell, among `peaks`.
#' @param binary With `threshold` or `n_open`: TRUE, the default of `impute()`,
#'   returns which peaks are open (`ngCMatrix`, 4 bytes each); FALSE, the
#'   default of `ImputeSAILER()`, returns their probabilities (`dgCMatrix`, 12
#'   bytes each).
#' @param file Path of an HDF5 file to write the probabilities to (not for
#'   Seurat objects). An existing file is replaced only once the new one is
#'   complete; it remains after Ctrl-C or if the disk is full.
#' @param overwrite Replace an existing file. With FALSE, the default, an
#'   existing file is an error.
#' @param ... For `ImputeSAILER()`: `batch`, `depth`, `covariates`,
#'   `calibrated`, `threshold`, `n_open`, `binary`, `file` and `overwrite`. Not
#'   used by `impute()`: an unknown name is an error.
#'
#' @return Peaks x cells, with names: a numeric matrix of probabilities; an
#'   `ngCMatrix` or `dgCMatrix` with `threshold` or `n_open`; with `file`, an
#'   `HDF5Matrix`, or the path if the package HDF5Array is not installed.
#'   `ImputeSAILER()` returns the object with these values for all its cells: a
#'   `Seurat` object with a new assay and an entry in the command log, or a
#'   `SingleCellExperiment` with a new assay or alternative experiment.
#' @references Cao (2023), sections 2.2.4 and 3.2.5; the Dice score is equation
#'   2.7.
#' @examples
#' sim <- simulate_atac(n_cells = 100, n_peaks = 300, n_types = 2, seed = 1)
#' fit <- sailer(sim$counts,
#'   batch = sim$cells$batch, hidden = 16,
#'   control = train_control(epochs = 3, verbose = FALSE)
#' )
#' cells <- colnames(sim$counts)[1:3]
#' impute(fit, cells = cells, peaks = fit$peaks[1:4])
#'
#' # The 50 most probable peaks of each cell, compared with the counts.
#' open <- impute(fit, n_open = 50)
#' truth <- t(sim$truth > 0.5)[fit$peaks, as.character(sim$cells$cell_type)]
#' mean(dice_score(truth, open))
#' mean(dice_score(truth, sim$counts[fit$peaks, ] > 0))
#'
#' # All probabilities in a file.
#' path <- tempfile(fileext = ".h5")
#' impute(fit, file = path)
#'
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts, assay = "ATAC")
#'   object <- RunSAILER(object, hidden = 32, epochs = 3, verbose = FALSE)
#'   some <- get_fit(object)$peaks[1:20]
#'   object <- ImputeSAILER(object, features = some)
#'   print(object[["imputed"]])
#' }
#' @order 1
#' @export
impute <- function(fit, ...) UseMethod("impute")

#' @export
impute.default <- function(fit, ...) {
  must_be(
    FALSE, fit, "a fit of {.fn sailer}", hint = "For Seurat and
      SingleCellExperiment objects, use {.fn ImputeSAILER}."
  )
}

#' @rdname impute
#' @export
impute.sailer_fit <- function(fit, x = NULL, cells = NULL, peaks = NULL,
                              batch = NULL, depth = NULL, covariates = NULL,
                              calibrated = TRUE, threshold = NULL,
                              n_open = NULL, binary = TRUE, file = NULL,
                              overwrite = FALSE, reference = NULL, ...) {
  refuse_others(list(...), impute.sailer_fit)
  impute_held(
    fit_and_cells(fit, x, reference), cells, peaks, reference, batch, depth,
    covariates, calibrated, threshold, n_open, binary, file, overwrite
  )
}

# `held`: from read_fitted(). All checks, also that of the size of the result,
# come before anything is embedded.
impute_held <- function(held, cells = NULL, peaks = NULL, reference = NULL,
                        batch = NULL, depth = NULL, covariates = NULL,
                        calibrated = TRUE, threshold = NULL, n_open = NULL,
                        binary = TRUE, file = NULL, overwrite = FALSE,
                        arg = "peaks", ways = ways_out) {
  fit <- held$fit
  check_flag(calibrated)
  form <- check_form(threshold, n_open, binary, file, overwrite)
  peaks <- choose_peaks(fit, peaks, arg, held$input$ranges(fit$peaks))
  confounders <- fixed_confounders(fit, batch, depth, covariates)
  cells <- choose_cells(held, cells)
  if (form$kind == "matrix") {
    check_result_size(
      length(peaks), length(cells), ways, each = held$input$bytes
    )
  }
  z <- input_points(held, cells, reference)
  request <- list(
    decoder = list(
      fit_model(fit), z, confounders, peaks, decode_shift(fit, calibrated)
    ),
    names = list(fit$peaks[peaks], rownames(z))
  )
  with_threads(fit$control$threads, switch(form$kind,
    matrix = structure(
      do.call(core_sailer_decode, request$decoder), dimnames = request$names
    ),
    open = decode_open(form, request),
    file = decode_file(form$file, request)
  ))
}

# Checks and returns the requested form of the result: list(kind = "matrix",
# "open" or "file", ...).
check_form <- function(threshold, n_open, binary, file, overwrite) {
  check_flag(binary)
  check_flag(overwrite)
  given <- list(threshold = threshold, n_open = n_open, file = file)
  given <- names(given)[lengths(given) > 0]
  abort_if(length(given) > 1, c(
    "Only one of {.arg {given}} can be given.",
    i = "{.arg threshold} and {.arg n_open} are two ways to choose the open
         peaks; {.arg file} stores the probabilities of all."
  ))
  if (length(given) == 0) {
    return(list(kind = "matrix"))
  }
  if (given == "file") {
    return(list(kind = "file", file = new_file(file, overwrite)))
  }
  if (given == "n_open") {
    check_number(n_open, min = 1, whole = TRUE)
  } else if (!are_numbers(threshold, 0, 1) || threshold %in% 0:1) {
    abort("{.arg threshold} must be a number between 0 and 1, such as 0.1.")
  }
  list(
    kind = "open", threshold = threshold %||% 0, n_open = n_open %||% 0,
    binary = binary
  )
}

decode_file <- function(file, request) {
  do.call(
    core_sailer_decode_file, c(
      request$decoder, list(file), request$names,
      list(pass_reporter("Imputing", length(request$names[[2]])))
    )
  )
  if (!requireNamespace("HDF5Array", quietly = TRUE)) {
    return(file)
  }
  HDF5Array::HDF5Array(file, "imputed")
}

decode_open <- function(form, request) {
  limit <- memory_limit()
  # The collected entries are copied once, so they count twice.
  bytes <- 2 * if (form$binary) 4 else 12
  most <- min(limit %/% bytes, .Machine$integer.max)
  wanted <- min(form$n_open, length(request$names[[1]])) *
    length(request$names[[2]])
  slots <- if (wanted <= most) {
    do.call(core_sailer_decode_open, c(request$decoder, list(
      form$threshold, form$n_open, !form$binary, most,
      pass_reporter("Imputing", length(request$names[[2]]))
    )))
  }
  abort_if(is.null(slots), c(
    "More peaks are open than fit into {in_bytes(limit)} of memory or into a
     sparse matrix.",
    i = "Raise {.arg threshold} or lower {.arg n_open}, choose fewer cells or
         peaks, or write all probabilities to a {.arg file}."
  ))
  do.call(methods::new, c(
    if (form$binary) "ngCMatrix" else "dgCMatrix",
    slots[c("i", "p", if (!form$binary) "x")],
    list(Dim = lengths(request$names), Dimnames = request$names)
  ))
}

# Cells and peaks ------------------------------------------------------------

# Combines a fit with cells that have counts, or with its training cells.
fit_and_cells <- function(fit, x, reference = NULL) {
  if (is.null(x)) {
    check_needs_counts(reference, "x")
    training_means(fit)
    return(read_fitted(fit))
  }
  read_fitted(x, fit)
}

choose_cells <- function(held, cells) {
  known <- held$input$names
  check_names(known, "cell", "column")
  known[chosen_names(cells, known, "cell", "cells", "the data")]
}

# Returns indices into fit$peaks.
choose_peaks <- function(fit, peaks, arg, ranges = NULL) {
  if (!methods::is(peaks, "GRanges")) {
    return(chosen_names(peaks, fit$peaks, "peak", arg, "the model"))
  }
  need_package("GenomicRanges", "to find peaks by their ranges")
  ranges <- ranges_of_peaks(
    fit$peaks, own = ranges,
    hint = paste0("Give the names of peaks as {.arg ", arg, "}.")
  )
  hit <- which(suppressWarnings(
    IRanges::overlapsAny(ranges, peaks, ignore.strand = TRUE)
  ))
  abort_if(length(hit) == 0, c(
    "{.arg {arg}}: no peak of the model overlaps the {length(peaks)}
     range{?s}.",
    i = "The model's are named like {.val {utils::head(fit$peaks, 2)}}: do
         the chromosome names match, and is it the same genome?"
  ))
  hit
}
