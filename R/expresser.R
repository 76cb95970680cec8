# Expresser on a corpus: checks, the plan of the run, and the call of the core.

#' Pretrain the expression transformer on scRNA-seq data
#'
#' Learns gene embeddings, and how genes predict each other's expression, from
#' scRNA-seq counts of one or many sources. At each step 30 % of a cell's
#' non-zero genes are masked, and the model predicts their expression from the
#' others (masked expression prediction). The fit embeds genes
#' ([gene_embeddings()]) and cells ([predict()][predict.expresser_fit]) and
#' imputes expression ([impute()][impute.expresser_fit]).
#'
#' @section The model:
#' A cell is represented by the unordered set of its non-zero genes. Their
#' tokens, the rows of the table that [gene_embeddings()] returns, pass through
#' the `n_layers` layers of a transformer encoder. Genes are masked only after
#' that. In the expression decoder, each masked gene attends to the observed
#' genes and their expression, and a small network predicts its expression, in
#' units of `log(1 + 10,000 * share of the cell's counts)`. Counts are
#' normalised and binned on the fly; zeros are ignored.
#'
#' @section Linear initialisation:
#' With `token_start = "components"`, the first three quarters of each token's
#' dimensions (at most 50) are principal components of the log-normalised
#' training cells (loadings times singular values, on an asinh scale). They stay
#' fixed; the other dimensions are learned. With `expression = "counts"`, the
#' model knows the value of a single count in the cell, reads counts as well as
#' binned values, and predicts a count of at least 1. It starts from the gene's
#' mean count over the cells in which it is detected, and learns how the other
#' genes of the cell change this. The decoder then also receives the token of
#' the masked gene itself. `token_start = "random"` and `expression = "binned"`
#' are as in the thesis.
#'
#' @section Sizes and time:
#' `"full"` is the model of the thesis (200 dimensions per gene, 12 layers), for
#' hundreds of thousands of cells and a GPU. `"small"` (64 dimensions, 4 layers,
#' 512 genes per cell at a time) trains on a few thousand cells within minutes
#' on a laptop. Time grows with the numbers of cells and layers, and faster than
#' linearly with the number of genes per cell. Memory does not grow with the
#' number of cells, which are streamed from a file. More cells of more types
#' improve the embeddings most: combine several data sets in one corpus, or
#' start from a pretrained model (`from`).
#'
#' @param x The counts: a corpus ([build_corpus()] or its path), anything that
#'   [as_cells()] accepts, with genes in rows, or a list of these, whose genes
#'   may differ. Anything but a corpus is written to a temporary one.
#' @param ... Individual options of [pretrain_control()] and, if `x` is not a
#'   corpus, the arguments of [build_corpus()] that choose the genes of the
#'   model (`genes`, `annotation`, `biotypes`, `min_cells`).
#' @eval option_params("models/expresser_options.h")
#' @param from A fit of `expresser()` to fine-tune, instead of starting from
#'   random parameters. Its genes and options are used; genes of the fit that
#'   `x` lacks count as zero.
#' @param control Training options: [pretrain_control()], or a list of options.
#'
#' @return An object of class `"expresser_fit"`, with methods for [print()],
#'   [summary()], [plot()], [gene_embeddings()],
#'   [predict()][predict.expresser_fit], [impute()][impute.expresser_fit],
#'   [save_model()] and [resume()]; `saveRDS()` works as well. Its element
#'   `history` is a data frame with one row per epoch: `epoch`; `learning_rate`,
#'   at the start of the epoch; `loss`, the mean squared error (eq. 4.5), and
#'   `absolute_error`, means over the masked genes of the training cells;
#'   `validation_loss`, `validation_absolute_error` and `validation_correlation`
#'   (Pearson), over the masked genes of the held-out cells, without dropout (NA
#'   if no cells are held out); `seconds` and `cells_per_second`.
#' @seealso [RunExpresser()] for Seurat and SingleCellExperiment objects,
#'   [evaluate_imputation()] and [evaluate_gene_embeddings()] to evaluate a fit.
#' @references Cao (2023), sections 4.2.1 and 4.2.2.
#' @examples
#' sim <- simulate_rna(n_cells = 120, n_genes = 100, seed = 1)
#' fit <- expresser(sim$counts,
#'   n_embedding = 16, n_layers = 1,
#'   control = pretrain_control(epochs = 3, verbose = FALSE)
#' )
#' fit
#' dim(gene_embeddings(fit))
#' @export
expresser <- function(x, ..., size = NULL, n_embedding = NULL, n_layers = NULL,
                      n_heads = NULL, feed_forward = NULL, layout = NULL,
                      dropout = NULL, decoder = NULL, token_start = NULL,
                      expression = NULL, n_bins = NULL,
                      mask_ratio = NULL, max_genes = NULL, l_from = NULL,
                      from = NULL, control = pretrain_control()) {
  call <- match.call()
  check_one_libtorch(libtorch_record()$folder)
  others <- split_training(list(...), pretrain_control)
  control <- join_control(control, others$training, "pretrain_control")
  frame <- environment()
  given <- given_options(mget(names(core_expresser_options(list())), frame))
  options <- expresser_options(given, from)
  corpus <- as_corpus(x, from$genes, control$verbose, others$others)
  on.exit(close_corpus(corpus))
  if (is.null(given$size) && is.null(from)) {
    given$size <- size_for(corpus$n_cells)
    options <- core_expresser_options(given)
  }
  device <- core_choose_device(control$device)
  control <- usable_precision(control, device)
  plan <- new_pretraining_plan(call, options, control, corpus, from, device)
  begin_or_continue(plan, corpus)
}

# The model of the thesis needs more cells than most single data sets have.
size_for <- function(n_cells) if (n_cells >= 200000) "full" else "small"

# Returns the options of the model: with `from`, those of that fit.
expresser_options <- function(given, from) {
  if (is.null(from)) {
    return(core_expresser_options(given))
  }
  check_fit_class(from, "expresser_fit", "from")
  # Options that change no parameter's shape may change.
  free <- c("dropout", "mask_ratio", "max_genes", "l_from")
  fixed <- setdiff(names(given), free)
  abort_if(length(fixed) > 0, c(
    "{.arg {fixed}} cannot be set together with {.arg from}.",
    i = "{cli::qty(fixed)}{?It is/They are} determined by that fit."
  ))
  options <- options_of_fit(from)
  options[names(given)] <- given
  core_expresser_options(options)
}

# Returns a corpus with the genes of the model. If `x` is not one, it is written
# to a temporary corpus, which close_corpus() removes.
as_corpus <- function(x, genes, verbose, options = list()) {
  if (is_corpus_path(x)) x <- open_corpus(x)
  if (!inherits(x, "sailer_corpus")) {
    check_corpus_options(options)
    if (!is.null(genes) && !is.null(options$genes)) {
      abort("{.arg genes} cannot be set together with {.arg from}.")
    }
    file <- tempfile("corpus-", fileext = ".corpus")
    on.exit(unlink(file))
    if (!is.null(genes)) options$genes <- genes
    built <- do.call(
      build_corpus, c(list(x, file = file, verbose = verbose), options)
    )
    built$temporary <- TRUE
    on.exit()
    return(built)
  }
  if (length(options) > 0) {
    check_corpus_options(options)
    abort("{.arg {names(options)}} cannot be set if {.arg x} is a corpus: its
           genes are fixed.")
  }
  x <- live_corpus(x)
  if (!is.null(genes) && !identical(x$genes$gene, genes$gene)) {
    x$source <- cells_by_genes(as_cells(x), genes, "x")
    x$genes <- genes
  }
  x
}

# Checks options of the corpus that users of expresser() may choose. A misspelt
# option may have been meant for expresser() itself.
check_corpus_options <- function(options) {
  known <- setdiff(
    names(formals(build_corpus)), c("sources", "file", "append", "verbose")
  )
  own <- c(names(formals(expresser)), names(formals(pretrain_control)))
  check_options(options, c(setdiff(own, c("x", "...")), known))
}

close_corpus <- function(corpus) {
  if (isTRUE(corpus$temporary)) unlink(corpus$path)
}

# Returns all that a run needs besides the counts; see plan.R.
new_pretraining_plan <- function(call, options, control, corpus, from, device) {
  decided <- core_pretrain_options(
    core_control(control), corpus$n_cells, options, device
  )
  control[names(decided)] <- decided
  list(
    model = "expresser", call = short_call(call), options = options,
    control = control, genes = corpus$genes, sources = corpus$sources,
    n_cells = corpus$n_cells, n_nonzeros = corpus$n_nonzeros,
    # The shape of the corpus, and up to 100 of its cells.
    fingerprint = core_source_fingerprint(corpus$source), initial = from$state,
    device = device
  )
}

# Trains as planned, from the start or from a saved state.
run_pretraining <- function(plan, corpus, state = NULL,
                            report = progress_reporter(plan$control$verbose)) {
  prepared <- prepare_training(plan, state, corpus$n_cells)
  plan[c("device", "processes")] <- prepared[c("device", "processes")]
  trained <- with_threads(
    plan$control$threads,
    tell_others_of_failure(core_expresser_train(
      corpus$source, plan$options, core_control(plan$control), plan$device,
      plan$initial, prepared$run, if (prepared$first) report
    ))
  )
  # report_end() looks up names by index: here, of the diverged cells alone.
  first <- c(0, cumsum(corpus$sources$cells))
  cells <- trained$diverged_cells
  source <- findInterval(cells - 1, first, rightmost.closed = TRUE)
  named <- paste0(corpus$sources$name[source], ": ", cells - first[source])
  trained$diverged_cells <- seq_along(named)
  plan$control$token_budget <- note_budget(
    plan$control$token_budget, trained$token_budget
  )
  fit <- new_expresser_fit(trained, plan)
  if (readout_of(fit, NULL) == "expression") {
    # Over all cells of the corpus, or evenly spaced ones if there are many.
    n <- corpus$n_cells
    some <- unique(round(seq(1, n, length.out = min(n, 1e4))))
    some <- core_cells_subset(corpus$source, some, NULL, nrow(fit$genes))
    fit$center <- colMeans(expression_scores(fit, some))
  }
  report_end(trained, c(plan, list(cells = named)), fit)
  fit
}

# Returns the token budget in the end: lower if memory ran out.
note_budget <- function(asked, used) {
  if (used >= asked) {
    return(asked)
  }
  note("Memory ran out with {.arg token_budget} = {asked}: it was
        reduced to {used}. Results change only by rounding.")
  used
}
