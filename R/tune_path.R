# Trains a model for each of several values of one option, measures the fits,
# and suggests a value.

#' Compare values of an option
#'
#' Trains [sailer()] or [sailerx()] with each of several values of one option,
#' evaluates the embeddings, and suggests a value. Use it for `lambda` if
#' effects of depth or batch remain in the embedding ([plot_depth()]), for
#' `mixing` if batches remain separate within cell types ([batch_mixing()]), for
#' `alignment`, the weight of the reference, and for other options that can be
#' compared by held-out likelihood, such as the number of latent dimensions. The
#' number of epochs need not be tuned: training stops by itself (`patience` of
#' [train_control()]).
#'
#' @section The suggested value:
#' The suggestion is the first value whose measure differs from the best by no
#' more than `tolerance` times the range of the measure, or by no more than the
#' noise. Numbers are sorted in increasing order; other values keep their order,
#' so give the simplest first. `labels` are not used. The measure is
#'
#' * for `"lambda"`, the mutual information between embedding and confounders,
#'   smoothed to a non-increasing curve (isotonic regression): the thesis takes
#'   the point beyond which a larger lambda no longer lowers it (2.2.2);
#' * for `"mixing"`, iLISI, which rises with it. Only values whose evidence
#'   lower bound is below the best by no more than the entropy of the batches
#'   and other labels are considered. This entropy is the most information that
#'   an embedding can contain about them, so a greater loss means that something
#'   else was removed as well;
#' * for `"alignment"`, the alignment term of the held-out cells, or of all
#'   cells if none are held out: the elbow of figure 3.2. Fits with `warm_start`
#'   start at the reference and stay near it at every weight; use `warm_start =
#'   FALSE` to see the effect of the weight alone;
#' * for other options, the evidence lower bound of the held-out cells, with the
#'   KL terms at full weight, which penalises unnecessary dimensions.
#'
#' The noise is the standard error of the difference between two values,
#' estimated from `repeats` with different initial parameters and held-out
#' cells. With one fit per value it is 0 or, for `"lambda"`, the standard
#' deviation around the curve. With few cells, set `repeats` to 3 or more before
#' you trust a small difference.
#'
#' @inheritParams sailer
#' @param option Name of the option: a model option, such as `"lambda"`, the
#'   default, `"mixing"`, `"alignment"`, `"n_latent"` or `"hidden"`, but none
#'   that changes which peaks are used; or one of these options of
#'   [train_control()]: `"batch_size"`, `"learning_rate"`,
#'   `"learning_rate_decay"`, `"weight_decay"`, `"frozen"`, `"warmup"` or
#'   `"period"`.
#' @param values At least two values of the option: a vector, or a list if a
#'   value has several elements, as for `hidden`. NULL, the default, takes 0,
#'   0.25, 0.5, 1, 2, 4 and 8 for `"lambda"`, 0, 50, 150 and 400 for `"mixing"`,
#'   0 and 1e3 to 3e5 for `"alignment"`, and 4, 8, 16 and 32 for `"n_latent"`.
#' @param reference Reference embedding, for fits of [sailerx()]. [sailerx()] is
#'   also used if an option is given that only it has.
#' @param ... Further arguments of [sailer()] or [sailerx()], by name.
#' @param labels Class of each cell, such as its cell type: a vector with one
#'   value per cell, matched by name if named. Cells with NA are clustered, but
#'   not compared. With NULL, the default, cells are not clustered.
#' @param repeats Number of fits per value, with consecutive seeds starting from
#'   that of `control`; their means are shown. Default 1.
#' @param tolerance Share of the range of the measure, 0 to 1. NULL, the
#'   default, is 0.1 for `"lambda"` and 0.05 for others.
#' @param clustering `"leiden"`, the default: communities in the graph of the 15
#'   nearest neighbours, by modularity (package igraph); or `"kmeans"`, with one
#'   cluster per class.
#' @param resolution Resolution of Leiden: larger values give more clusters.
#'   Default 1.
#' @param verbose Report each fit. Progress within fits is not shown.
#'
#' @return A data frame of class `"tune_path"`, one row per value: `value` (text
#'   if the values are not numbers) and `fits`, the number that succeeded;
#'   `mutual_information`, the sum of the columns that follow, one per
#'   confounder, such as `mi_depth` and `mi_batch`: the mean over the dimensions
#'   of [mutual_information()], in nats (with the logarithm of depth); with a
#'   batch or another label, `ilisi`, the effective number of batches among the
#'   neighbours of a cell ([batch_mixing()]), averaged over the labels; with a
#'   reference, `alignment` and `validation_alignment`; `validation_elbo` and
#'   `validation_log_likelihood`, in nats per held-out cell, the latter at the
#'   posterior mean; `epochs`, the epoch whose parameters were kept; `seconds`
#'   of training; with `labels`, the number of `clusters`, and `ari` and `nmi`,
#'   their adjusted Rand index and normalised mutual information with the
#'   labels; and `suggested`, TRUE in one row. The attributes `"suggested"`,
#'   `"option"`, `"measure"`, `"noise"` and `"runs"` hold the suggested value,
#'   the option, the column used to choose, the noise, and a table of the
#'   individual fits. `plot()` returns a ggplot object.
#'
#'   If `control` has a `checkpoint`, each fit has its own folder in it, and the
#'   same call resumes after a crash. After an interruption (Ctrl-C), the fits
#'   so far are returned with a warning. A value whose training diverged in the
#'   first epoch has NA, with a warning.
#' @references Cao (2023), section 2.2.2, tables 2.1 and 2.2, figures 2.2 and
#'   3.2.
#' @examples
#' sim <- simulate_atac(
#'   n_cells = 300, n_peaks = 400, n_types = 3, depth = 60,
#'   type_specific = 0.1, seed = 1
#' )
#' path <- tune_path(
#'   sim$counts, "lambda", c(0, 1, 4),
#'   batch = sim$cells$batch, labels = sim$cells$cell_type,
#'   clustering = "kmeans", hidden = 32, n_latent = 4,
#'   control = train_control(epochs = 40, batch_size = 25, threads = 1)
#' )
#' path
#' plot(path)
#' attr(path, "suggested")
#' @export
tune_path <- function(x, option = "lambda", values = NULL, batch = NULL,
                      covariates = NULL, reference = NULL, ..., labels = NULL,
                      repeats = 1, control = train_control(), tolerance = NULL,
                      clustering = "leiden", resolution = 1, verbose = TRUE) {
  given <- split_training(list(...))
  control <- join_control(control, given$training)
  others <- given$others
  # SAILERX is used if there is a reference, or an option that only it has.
  guided <- !is.null(reference) || any(c(option, names(others)) %in% c(
    "alignment", "joint", "reference_dropout", "rna_depth"
  ))
  model <- if (guided) sailerx else sailer
  check_tuned_option(option, others, model)
  tolerance <- tolerance %||% if (option == "lambda") 0.1 else 0.05
  check_number(tolerance, min = 0, max = 1)
  check_number(repeats, min = 1, max = 1000, whole = TRUE)
  check_flag(verbose)
  control["verbose"] <- list(FALSE)
  by_bound <- !option %in% c("lambda", "alignment")
  if (by_bound && isTRUE(control$validation == 0)) {
    abort("{.arg control} must hold out cells: set {.arg validation} above 0.")
  }
  values <- tune_values(values, option)
  runs <- tune_runs(values, option, control, repeats)
  cells <- as_cells(x)
  confounders <- confounder_values(cells, batch, covariates)
  judges <- list(
    guided = guided, clustering = clustering, resolution = resolution,
    confounders = confounders, batches = Filter(is.factor, confounders),
    labels = tune_labels(labels, cells$cells, ncol(cells))
  )
  abort_if(
    option == "mixing" && length(judges$batches) == 0,
    "{.arg mixing} needs {.arg batch} with at least two batches."
  )
  check_number(resolution, min = 1e-6)
  must_be_among(clustering, c("leiden", "kmeans"))
  if (!is.null(labels) && clustering == "leiden") {
    need_package(
      "igraph", "for Leiden clusters; clustering = \"kmeans\" does not need it"
    )
  }
  given <- c(list(cells, batch = batch, covariates = covariates), others)
  if (!is.null(reference)) given$reference <- reference
  table <- walk_path(
    runs,
    fit = function(run) do.call(model, c(given, run$options)),
    row = function(run, fit) {
      data.frame(run[c("value", "place", "seed")], measure_fit(fit, judges))
    },
    verbose = verbose
  )
  new_tune_path(
    table, values, option, tolerance, label_entropy(judges$batches)
  )
}

tuned_in_training <- c(
  "batch_size", "learning_rate", "learning_rate_decay", "weight_decay",
  "frozen", "warmup", "period"
)

# Options that change the peaks cannot be tuned: likelihoods of different peaks
# are not comparable.
check_tuned_option <- function(option, others, model) {
  of_model <- setdiff(names(core_sailer_options(list(), TRUE)), "preset")
  known <- c(of_model, tuned_in_training)
  if (!rlang::is_string(option, known)) {
    abort("{.arg option} must be one of {.val {known}}, not {.val {option}}.")
  }
  if (option %in% names(others)) {
    abort("{.arg {option}} is the option being tuned: set {.arg values}.")
  }
  known <- c(names(formals(model)), names(formals(train_control)))
  check_options(others, setdiff(known, "..."))
}

usual_values <- list(
  lambda = c(0, 0.25, 0.5, 1, 2, 4, 8), mixing = c(0, 50, 150, 400),
  n_latent = c(4, 8, 16, 32),
  alignment = c(0, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5)
)

# Returns a list of distinct values; numbers are sorted.
tune_values <- function(values, option) {
  values <- values %||% usual_values[[option]]
  good <- is.list(values) || (is.atomic(values) && !is.null(values))
  if (good) values <- unique(as.list(values))
  if (!good || length(values) < 2 || anyNA(values, recursive = TRUE)) {
    abort("{.arg values} must hold at least two different values of
           {.arg {option}}, none of them NA.")
  }
  numbers <- vapply(values, are_numbers, NA, -Inf, Inf)
  if (all(numbers)) values <- values[order(unlist(values))]
  unname(values)
}

# Returns the runs: every value with the first seed, then with the next, so that
# an interrupted path still covers all values. Each is list(place, value as the
# table shows it, seed, label, options of the fit). Options are checked here,
# before anything is trained.
tune_runs <- function(values, option, control, repeats) {
  first <- control$seed
  grid <- expand.grid(
    place = seq_along(values), seed = first + seq_len(repeats) - 1
  )
  Map(function(place, seed) {
    value <- values[[place]]
    # Used in names of folders, which must not depend on options(scipen).
    text <- if (is.numeric(value)) sprintf("%.15g", value) else format(value)
    text <- paste(text, collapse = "-")
    if (!is.null(control$checkpoint)) {
      control$checkpoint <- file.path(control$checkpoint, paste0(
        option, "-", text, if (seed != first) sprintf("-seed-%.0f", seed)
      ))
    }
    control$seed <- seed
    options <- stats::setNames(list(value), option)
    if (option %in% tuned_in_training) {
      control[[option]] <- value
      core_train_options(core_control(control))
      options <- NULL
    } else if (!identical(options$omega, "auto")) {
      core_sailer_options(options, TRUE)
    }
    list(
      place = place, value = if (are_numbers(value, -Inf, Inf)) value else text,
      seed = seed, label = paste(option, "=", text),
      options = c(options, list(control = control))
    )
  }, grid$place, grid$seed)
}

# Fits each of `runs` by `fit(run)` and binds the rows that `row(run, fit)`
# returns; `fit` is NULL if training diverged at once. Notes are shown for the
# first fit only, because every fit repeats them. An interrupt, during or
# between fits, ends the walk with the rows so far; if there are none, it is
# raised as usual.
walk_path <- function(runs, fit, row, verbose = FALSE) {
  rows <- list()
  for (run in runs) {
    stopped <- FALSE
    added <- tryCatch(
      withCallingHandlers(
        {
          fitted <- tryCatch(fit(run), sailer_numeric_error = function(cnd) {
            cli::cli_warn("No fit with {.code {run$label}}: training diverged.",
                          parent = cnd, class = "sailer_diverged")
            NULL
          })
          if (!stopped) row(run, fitted)
        },
        sailer_note = function(cnd) {
          if (length(rows) > 0) rlang::cnd_muffle(cnd)
        },
        # This warning is about continuing a single fit.
        sailer_interrupted = function(cnd) {
          stopped <<- TRUE
          if (!inherits(cnd, "sailer_checkpoint_failed")) rlang::cnd_muffle(cnd)
        }
      ),
      interrupt = function(cnd) NULL
    )
    if (is.null(added)) {
      if (length(rows) == 0) rlang::interrupt()
      cli::cli_warn("Interrupted after {length(rows)} of the {length(runs)}
                     fits; those are returned.", class = "sailer_interrupted")
      break
    }
    rows <- c(rows, list(added))
    if (verbose) {
      shown <- intersect(names(short_names), names(added)[!is.na(added)])
      parts <- sprintf("%s %.5g", short_names[shown], unlist(added[shown]))
      cli::cli_inform("{run$label} ({length(rows)}/{length(runs)}):
                       {paste(parts, collapse = ', ')}.", class = "sailer_note")
    }
  }
  do.call(rbind, rows)
}
