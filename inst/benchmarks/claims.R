# Experiments of reproduce.R, their rows, and how claims are judged by them.

# name     by which it is asked for
# title    what it shows, with tables and figures of the thesis
# data     a text: on which cells, and how these differ from the thesis'
# run      function(context) -> list(rows =, figures =); `context` is
#          list(seed, full, first), `first` TRUE for the first seed, where what
#          no seed changes is computed
# claims   list of claim() and claim_by()
# thesis   thesis_values(), or NULL
# not_here text: what of it cannot be done here, and why; or NULL
# seconds  of the processor for one seed with --quick, about
experiment <- function(name, title, data, run, claims, thesis = NULL,
                       not_here = NULL, seconds = NA) {
  as.list(environment())
}

# Rows of one method on one set of cells: `values`, a named vector of measures.
# What no seed changes has `seed` NA.
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

# What the thesis gives: rows of data (of the thesis), method and measures.
# `here` is the set of cells and the method that stand for it in our rows.
thesis_values <- function(data, method, ..., here = data,
                          method_here = method) {
  values <- c(...)
  data.frame(
    data = data, method = method, measure = names(values),
    value = unname(values), data_here = here, method_here = method_here
  )
}

# `ours` is better than each of `rivals` in `measure`; on each set of cells in
# `data`, NULL for all that have both.
claim <- function(text, measure, ours, rivals, lower = FALSE, data = NULL) {
  as.list(environment())
}

# A claim of another kind: test(rows) gives list(verdict, evidence).
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

# Against the best of the rivals, seed by seed: the claim holds where the 95 %
# interval of the mean difference is on its side, does not hold where it is on
# the other, and is undecided between. One value alone has no interval.
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

# Three digits after the point, as the thesis has; fewer for large values.
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
