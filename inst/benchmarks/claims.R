# Experiments of reproduce.R, their result rows, and the verdicts on claims.

# name     name on the command line
# title    tables and figures of the thesis, and what they show
# data     text: the cells used, and how they differ from those of the thesis
# run      function(context) -> list(rows =, figures =); `context` is
#          list(seed, full, first); results that do not depend on the seed are
#          computed where `first` is TRUE, for the first seed
# claims   list of claim() and claim_by()
# thesis   thesis_values(), or NULL
# not_here text: what cannot be reproduced here, and why; or NULL
# seconds  approximate CPU seconds per seed with --quick
experiment <- function(name, title, data, run, claims, thesis = NULL,
                       not_here = NULL, seconds = NA) {
  as.list(environment())
}

# Rows of one method on one data set; `values` is a named vector of measures.
# Results that do not depend on the seed have `seed` NA.
rows_of <- function(data, method, values, context = NULL, seconds = NA) {
  values <- values[!is.na(values)]
  if (length(values) == 0) {
    return(NULL)
  }
  data.frame(
    data = data, method = method, measure = names(values),
    value = unname(values), seed = context$seed %||% NA,
    seconds = unname(seconds)
  )
}

`%||%` <- rlang::`%||%`

# Values of the thesis, by its data set, method and measure. `here` and
# `method_here` name the corresponding data set and method in our rows.
thesis_values <- function(data, method, ..., here = data,
                          method_here = method) {
  values <- c(...)
  data.frame(
    data = data, method = method, measure = names(values),
    value = unname(values), data_here = here, method_here = method_here
  )
}

# `ours` is better than each of `rivals` in `measure`, on each data set in
# `data` (NULL: all data sets with results for both).
claim <- function(text, measure, ours, rivals, lower = FALSE, data = NULL) {
  as.list(environment())
}

# A claim with its own test: test(rows) returns list(verdict, evidence).
claim_by <- function(text, test) list(text = text, test = test)

judge <- function(claim, rows) {
  if (!is.null(claim$test)) {
    found <- tryCatch(claim$test(rows), error = function(e) {
      list(verdict = "not measured", evidence = conditionMessage(e))
    })
    return(data.frame(
      claim = claim$text, verdict = found$verdict, evidence = found$evidence
    ))
  }
  rows <- rows[rows$measure == claim$measure, ]
  sets <- intersect(
    rows$data[rows$method == claim$ours],
    rows$data[rows$method %in% claim$rivals]
  )
  if (!is.null(claim$data)) sets <- intersect(claim$data, sets)
  if (length(sets) == 0) {
    return(data.frame(
      claim = claim$text, verdict = "not measured",
      evidence = paste0(
        "no ", claim$measure, " of ",
        toString(setdiff(c(claim$ours, claim$rivals), rows$method))
      )
    ))
  }
  do.call(rbind, lapply(sets, function(set) {
    judged <- compare_methods(rows[rows$data == set, ], claim)
    data.frame(claim = claim$text, judged)
  }))
}

# Compares with the best rival, paired by seed. The 95 % confidence interval of
# the mean gain lies above 0 (the claim holds), below 0 (it does not hold), or
# includes 0 (undecided). A single value has no interval.
compare_methods <- function(rows, claim) {
  sign <- if (claim$lower) -1 else 1
  of_method <- function(method) rows[rows$method == method, ]
  ours <- of_method(claim$ours)
  rivals <- intersect(claim$rivals, rows$method)
  means <- vapply(rivals, function(m) mean(of_method(m)$value), 0)
  best <- rivals[which.max(sign * means)]
  theirs <- of_method(best)
  at <- match(ours$seed, theirs$seed)
  at[is.na(at)] <- match(NA, theirs$seed)
  gain <- sign * (ours$value - theirs$value[at])
  gain <- gain[!is.na(gain)]
  n <- length(gain)
  margin <- if (n > 1) {
    stats::qt(0.975, n - 1) * stats::sd(gain) / sqrt(n)
  } else {
    NA
  }
  verdict <- if (n == 0) {
    "not measured"
  } else if (n == 1) {
    paste("one seed:", if (gain > 0) "in favour" else "against")
  } else if (mean(gain) > margin) {
    "holds"
  } else if (mean(gain) < -margin) {
    "does not hold"
  } else {
    "undecided"
  }
  data.frame(verdict = verdict, evidence = sprintf(
    "%s, %s: %s %s, best rival (%s) %s; %s by %s%s",
    rows$data[1], claim$measure, claim$ours, mean_sd(ours$value), best,
    mean_sd(theirs$value), if (mean(gain) > 0) "better" else "worse",
    short(abs(mean(gain))),
    if (n > 1) sprintf(" ± %s (95 %%, %d seeds)", short(margin), n) else ""
  ))
}

# Three decimals, as in the thesis; none for values of 100 or more.
short <- function(x) {
  ifelse(
    is.na(x), "–",
    ifelse(abs(x) >= 100, sprintf("%.0f", x), sub("^(-?)0[.]", "\\1.",
                                                  sprintf("%.3f", x)))
  )
}

mean_sd <- function(x) {
  x <- x[!is.na(x)]
  if (length(x) == 0) return("–")
  if (length(x) == 1) return(short(x))
  paste(short(mean(x)), "±", short(stats::sd(x)))
}
