# Compares two groups of cells peak by peak, corrected for depth and batch.

#' Differential accessibility between groups of cells
#'
#' Compares the mean accessibility of each peak between two groups of cells.
#' Accessibility is decoded with the confounders held at the same values for
#' every cell, so differences in depth and batch between the groups have no
#' effect. Peaks are processed in blocks; the full matrix of cells x peaks is
#' never in memory.
#'
#' @section What the probability means:
#' `prob_da` is the posterior probability that the *mean* accessibility of the
#' population of group 1 differs from that of group 2 by more than `delta`, in
#' the direction of the effect. It is not the probability that a cell of one
#' group is more open than a cell of the other (scVI's comparison of pairs),
#' which also grows with the variation among cells of one type.
#'
#' Three sources of uncertainty are included: the groups are samples of cells;
#' the position of a cell in the latent space has a posterior, which is sampled
#' if counts are given; and the decoder's weights for a peak were learned from a
#' limited number of cells with that peak open. The last of these matters most.
#' It is estimated by a Laplace approximation of the decoder's last layer: the
#' inverse Fisher information of the peak's weights in the training cells. With
#' posterior samples alone, nearly half of the called peaks were false (0.44 to
#' 0.49 in simulations, instead of 0.05). Earlier layers are treated as known.
#'
#' The effects, given their standard errors, are shrunk by a prior learned from
#' all peaks (a mixture of normals around 0, Stephens 2017). The expected share
#' of false discoveries among the top peaks follows from their probabilities. In
#' simulations, the nominal 0.05 held for groups of a few hundred cells (0.02 to
#' 0.05) and was exceeded for groups of 40 to 60 (0.06 to 0.10), whose profiles
#' the model shrinks towards those of related cells.
#'
#' @section Batches:
#' By default the decoder is held at each batch of the training cells in turn
#' (at most the 8 largest), and the probabilities are averaged, weighted by the
#' numbers of cells. `balance` guards against residual batch effects in the
#' embedding itself: cells are weighted so that both groups have the same
#' composition of its labels.
#'
#' @inheritParams impute
#' @param object A Seurat or SingleCellExperiment object with a fit; or a fit of
#'   [sailer()] or [sailerx()], usually with the counts as `x`.
#' @param groups Group of each cell: the name of a column of the object's
#'   metadata, or a vector of labels, named by cell or in the order of the cells
#'   (for a fit without `x`, the training cells). Cells with NA are ignored.
#' @param group_1,group_2 Labels of the groups to compare, one or several each.
#'   `group_2 = NULL`, the default, means all other labels. If there are only
#'   two labels, `group_1` may be omitted: it is then the first level of a
#'   factor, or the first label in alphabetical order.
#' @param x For a fit: counts of the cells to compare, peaks x cells, in any
#'   form that [as_cells()] accepts; they need not be the training cells. NULL,
#'   the default, uses the posterior means of the training cells, without their
#'   variance; raw fractions are then not returned.
#' @param peaks Names of the peaks to return. NULL, the default, returns all
#'   peaks of the model. If `peaks` are few, the prior is also learned from
#'   other peaks.
#' @param batch,depth,covariates The values at which the decoder is held: one
#'   batch instead of all (named by column if there are several batch columns);
#'   the number of open peaks per cell, by default that at the mean log depth;
#'   covariates as a named list, by default at their mean or most frequent
#'   level.
#' @param change `"log2_fold_change"`, the default: the effect is the log2 ratio
#'   of the means, which hardly depends on depth. `"difference"`: the effect is
#'   their difference, as in peakVI.
#' @param delta Effects up to this size count as no change. NULL, the default,
#'   is 1 (twofold) for log2 fold changes and 0.05 for differences; with few
#'   open peaks per cell, no difference may reach 0.05.
#' @param fdr Expected share of false discoveries among the called peaks,
#'   between 0 and 1. Default 0.05.
#' @param balance NULL, or a label for each cell, like `groups`, such as the
#'   batch; see above. Cells with a label that the other group lacks are
#'   ignored.
#' @param n_samples Number of samples of each cell's posterior. Default 3.
#' @param max_cells Maximum number of cells to decode per group, drawn at
#'   random. Default 1000.
#' @param seed Whole number; the same seed gives the same result. The state of
#'   R's random number generator is not changed.
#'
#' @return Data frame with one row per peak, named by peak, sorted by decreasing
#'   `prob_da`:
#' * `peak`; `seqnames`, `start`, `end` if all names are ranges;
#' * `prob_1`, `prob_2`: probability that the peak is open, averaged over each
#'   group (with omega divided out), at the depth and batches held;
#' * `effect_size`: `prob_1 - prob_2`; above 0 if more open in group 1;
#' * `log2_fold_change`: `log2((prob_1 + o) / (prob_2 + o))`, where the offset
#'   `o`, an attribute of the result, is 0.5 divided by the number of cells of
#'   the smaller group, but at most a tenth of the mean accessibility;
#' * `se`: standard error of the effect named by `change`;
#' * `shrunken_effect`: posterior mean of this effect;
#' * `prob_da`: see above;
#' * `bayes_factor`: natural log of the posterior over the prior odds of this
#'   difference;
#' * `fdr`: expected share of false discoveries among this and all peaks above;
#' * `is_da`: whether this is at most the argument `fdr`;
#' * `emp_prob_1`, `emp_prob_2`, only with counts: share of the group's cells in
#'   which the peak is open, affected by depth and batch.
#' @references Cao (2023), section 2.2.4, for the decoder at fixed confounders;
#'   Boyeau et al. (2019), *bioRxiv* 794289, for change beyond a threshold;
#'   Boyeau et al. (2023), *PNAS* 120, e2209124120, for means of groups;
#'   Daxberger et al. (2021), *NeurIPS*, for the Laplace approximation; Stephens
#'   (2017), *Biostatistics* 18, 275.
#' @seealso [gene_activity()]
#' @examples
#' sim <- simulate_atac(
#'   n_cells = 400, n_peaks = 500, n_types = 2, rare = NULL, depth = 80,
#'   type_specific = 0.15, seed = 1
#' )
#' fit <- sailer(
#'   sim$counts,
#'   batch = sim$cells$batch, hidden = 32,
#'   control = train_control(epochs = 40, learning_rate = 3e-3, verbose = FALSE)
#' )
#' markers <- differential_accessibility(
#'   fit, sim$cells$cell_type, "type1", "type2",
#'   x = sim$counts
#' )
#' head(markers)
#' table(markers$is_da)
#' @export
differential_accessibility <- function(object, groups, group_1 = NULL,
                                       group_2 = NULL, x = NULL, peaks = NULL,
                                       batch = NULL, depth = NULL,
                                       covariates = NULL,
                                       change = c(
                                         "log2_fold_change", "difference"
                                       ),
                                       delta = NULL, fdr = 0.05,
                                       balance = NULL, n_samples = 3,
                                       max_cells = 1000, seed = 1,
                                       reference = NULL, fit = NULL,
                                       name = NULL, assay = NULL, layer = NULL,
                                       assay.type = NULL, altexp = NULL) {
  change <- rlang::arg_match(change)
  delta <- delta %||% if (change == "difference") 0.05 else 1
  check_number(delta, min = 0)
  check_number(fdr, min = 1e-6, max = 1 - 1e-6)
  check_number(n_samples, min = 1, max = 1000, whole = TRUE)
  check_number(max_cells, min = 2, whole = TRUE)
  check_number(seed, whole = TRUE)
  # A fit with counts is treated as an object that holds the fit.
  if (!is.null(x)) {
    fit <- find_fit(object, name)$fit
    name <- NULL
    object <- x
  }
  where <- where_of(environment())
  compared <- read_fitted(object, fit, name, where)
  fit <- compared$fit
  places <- chosen_names(
    peaks, fit$peaks, "peak", "peaks", "the model", once = TRUE
  )
  held <- held_confounders(fit, batch, depth, covariates)
  cells <- compared_cells(compared, reference)
  names <- cells$cells
  labels <- input_values(compared$input, groups, "groups", names)
  side <- choose_groups(labels, group_1, group_2)
  if (!is.null(balance)) {
    balance <- input_values(compared$input, balance, "balance", names)
  }
  weight <- balance_cells(side, as.character(balance))
  found <- with_own_seed(seed, {
    sampled <- sample_sides(side, weight, max_cells)
    points <- side_points(fit, cells, sampled, n_samples)
    kinds <- ifelse(weight > 0, side, 0)
    training <- training_cells(compared, names, kinds, reference)
    compare_peaks(
      fit, points, held, training, places, change, delta,
      tabulate(side[weight > 0], 2)
    )
  })
  if (!is.null(cells$source)) {
    # Share of the cells of each group in which the peak is open.
    rows <- match(fit$peaks[places], cells$peaks)
    for (k in 1:2) {
      own <- cells[, which(side == k)]
      found$table[[paste0("emp_prob_", k)]] <-
        core_scan(own$source)$peak_cells[rows] / ncol(own)
    }
  }
  finish_table(found, fdr)
}

# Returns a handle of the cells to compare, with the indices of its peaks in the
# model; for a fit alone, the training cells and their embedding.
compared_cells <- function(compared, reference) {
  fit <- compared$fit
  if (compared$own) {
    check_needs_counts(reference, "x")
    return(list(cells = fit$cells, embedding = training_means(fit)))
  }
  cells <- compared$input$counts
  check_counts(cells, 2)
  cells$map <- match_peaks(cells, fit$peaks, "x")
  cells$reference <- reference_rows(
    fit, input_reference(compared, reference), cells
  )
  cells
}

# Returns 1 or 2 for the cells of the groups, 0 for the others.
choose_groups <- function(labels, group_1, group_2) {
  known <- label_levels(labels)
  labels <- label_text(labels)
  if (is.null(group_1) && length(known) != 2) {
    abort("{.arg group_1} must name the groups to compare: {.arg groups} has
           {length(known)} label{?s}, not 2.")
  }
  group_1 <- label_text(group_1 %||% known[1])
  check_known(group_1, known, "label", "group_1", "`groups`")
  group_2 <- label_text(group_2 %||% setdiff(known, group_1))
  check_known(group_2, known, "label", "group_2", "`groups`")
  both <- intersect(group_1, group_2)
  if (length(both) > 0) {
    abort("{.arg group_1} and {.arg group_2} have {.val {both}} in common.")
  }
  side <- ifelse(labels %in% group_1, 1, ifelse(labels %in% group_2, 2, 0))
  for (k in 1:2) {
    if (sum(side == k) < 2) {
      abort("{.arg group_{k}} has {sum(side == k)} cell{?s}: at least 2 are
             needed.", class = "data")
    }
  }
  side
}

# Returns the weights of the cells, 0 for those left out. A label counts by how
# many cells both groups have of it (Cochran-Mantel-Haenszel weights).
balance_cells <- function(side, label) {
  if (length(label) == 0) {
    return(as.numeric(side > 0))
  }
  count <- table(factor(label), factor(side, 1:2))
  shared <- apply(count > 0, 1, all)
  if (!any(shared)) {
    abort("{.arg balance}: the two groups have no label in common.")
  }
  left_out <- sum(count[!shared, ]) + sum(is.na(label) & side > 0)
  if (left_out > 0) {
    note("{left_out} cell{?s} {?is/are} left out: the other group has none with
          {?its/their} label in {.arg balance}.")
  }
  share <- count[, 1] * count[, 2] / rowSums(count)
  share <- share / sum(share)
  weight <- numeric(length(side))
  for (k in 1:2) {
    own <- which(side == k & label %in% rownames(count)[shared])
    name <- as.character(label[own])
    weight[own] <- share[name] / count[name, k]
  }
  weight
}

# Returns list(rows, weights) of each group, at most `n_most` random cells.
sample_sides <- function(side, weight, n_most) {
  lapply(1:2, function(k) {
    rows <- which(side == k & weight > 0)
    if (length(rows) > n_most) rows <- sort(sample(rows, n_most))
    list(rows = rows, weights = weight[rows] / sum(weight[rows]))
  })
}

# Returns list(z, weights) of each group.
side_points <- function(fit, cells, sampled, n_samples) {
  rows <- lapply(sampled, function(group) group$rows)
  if (is.null(cells$source)) {
    posterior <- list(mean = cells$embedding)
  } else {
    chosen <- cells[, unlist(rows)]
    kept_depth(chosen, list(map = cells$map, peaks = fit$peaks))
    seen <- seen_reference(fit, cells$reference, chosen)
    posterior <- cell_posteriors(fit, chosen, cells$map, seen)
    n <- length(rows[[1]])
    rows <- list(seq_len(n), n + seq_along(rows[[2]]))
  }
  Map(function(group, own) {
    list(z = latent_points(posterior, own, n_samples), weights = group$weights)
  }, sampled, rows)
}

# Returns list(table, change, delta, offset); the table has the posterior of
# each peak in `places`. The prior is learned from at least `n_prior` peaks.
compare_peaks <- function(fit, points, held, training, places, change, delta,
                          n_cells, n_prior = 2000) {
  others <- setdiff(seq_along(fit$peaks), places)
  n_more <- min(length(others), max(0, n_prior - length(places)))
  all <- c(places, others[sample.int(length(others), n_more)])
  offset <- min(0.5 / min(n_cells), 0.1 * mean(fit$frequencies))
  made <- with_threads(fit$control$threads, core_sailer_contrast(
    fit_model(fit), points[[1]], points[[2]], held$values, held$shares,
    training, all,
    list(shift = decode_shift(fit, TRUE), offset = offset, ridge = 0)
  ))
  fold <- log2((made$mean_1 + offset) / (made$mean_2 + offset))
  if (change == "difference") {
    effect <- made$mean_1 - made$mean_2
    se <- sqrt(made$difference_variance)
  } else {
    effect <- fold
    se <- sqrt(made$log_variance) / log(2)
  }
  posterior <- posterior_effects(learn_prior(effect, se), effect, se, delta)
  probability <- ifelse(effect > 0, posterior$above, posterior$below)
  odds <- function(p) stats::qlogis(pmin(pmax(p, 1e-12), 1 - 1e-12))
  table <- data.frame(
    peak = fit$peaks[all], prob_1 = made$mean_1, prob_2 = made$mean_2,
    effect_size = made$mean_1 - made$mean_2, log2_fold_change = fold, se = se,
    shrunken_effect = posterior$mean, prob_da = probability,
    bayes_factor = odds(probability) - odds(posterior$before)
  )
  list(
    table = table[seq_along(places), ], change = change, delta = delta,
    offset = offset
  )
}

# Sorts the table, and adds ranges, expected false discoveries and calls.
finish_table <- function(found, level) {
  table <- found$table
  table$fdr <- expected_fdr(table$prob_da)
  table$is_da <- table$fdr <= level
  order <- order(-table$prob_da, -abs(table$shrunken_effect))
  table <- table[order, ]
  ranges <- parse_peaks(table$peak)
  if (anyNA(ranges$start)) ranges <- NULL
  raw <- intersect(c("emp_prob_1", "emp_prob_2"), names(table))
  own <- setdiff(names(table), c("peak", raw))
  parts <- list(table["peak"], ranges, table[own], table[raw])
  table <- do.call(cbind, parts[lengths(parts) > 0])
  rownames(table) <- table$peak
  structure(
    table, change = found$change, delta = found$delta, offset = found$offset
  )
}
