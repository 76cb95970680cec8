# The table of tune_path(): the suggested value, print() and plot().

# `runs` is the table of the fits, `values` are the values to try, `entropy` is
# that of the batch labels.
new_tune_path <- function(runs, values, option, tolerance, entropy) {
  table <- mean_by_place(runs)
  found <- suggest_value(table, runs, option, tolerance, entropy)
  place <- table$place[found$place]
  table$place <- runs$value[match(table$place, runs$place)]
  names(table)[1] <- "value"
  table$suggested <- seq_len(nrow(table)) %in% found$place
  structure(
    table, suggested = if (is.na(place)) NA else values[[place]],
    option = option, measure = found$measure, noise = found$noise,
    runs = runs[names(runs) != "place"], class = c("tune_path", "data.frame")
  )
}

# Returns one row per value: means over the seeds, of the fits that succeeded.
mean_by_place <- function(runs) {
  columns <- setdiff(names(runs), c("value", "place", "seed"))
  table <- stats::aggregate(runs[columns], runs["place"], mean, na.rm = TRUE)
  # NA instead of NaN.
  table[is.na(table)] <- NA
  fits <- tapply(!is.na(runs$mutual_information), runs$place, sum)
  cbind(table["place"], fits = as.integer(fits), table[columns])
}

# Returns list(place, measure, noise): the index of the suggested value, NA if
# there is none; the column that decides; and the noise of that column.
suggest_value <- function(table, runs, option, tolerance, entropy) {
  held_out <- !all(is.na(table$validation_alignment))
  measure <- switch(option,
    lambda = "mutual_information",
    alignment = if (held_out) "validation_alignment" else "alignment",
    mixing = "ilisi",
    "validation_elbo"
  )
  noise <- noise_of_repeats(runs[[measure]], runs$place, runs$seed)
  values <- table[[measure]]
  if (option == "lambda") {
    found <- find_end_of_fall(values, tolerance, noise)
    return(list(place = found$place, measure = measure, noise = found$noise))
  }
  if (measure %in% c("validation_elbo", "ilisi")) values <- -values
  if (measure == "ilisi") {
    bound <- table$validation_elbo
    good <- which(bound >= max(bound, -Inf, na.rm = TRUE) - entropy)
    values[setdiff(seq_along(values), good)] <- NA
  }
  place <- find_elbow(values, tolerance, if (is.na(noise)) 0 else noise)
  list(place = place, measure = measure, noise = noise)
}

# Returns the index of the first value that is as good as the lowest: above it
# by no more than the share `tolerance` of the range, or by no more than
# `noise`. NA if all values are NA.
find_elbow <- function(values, tolerance, noise = 0) {
  if (all(is.na(values))) {
    return(NA_integer_)
  }
  range <- range(values, na.rm = TRUE)
  allowed <- max(tolerance * (range[2] - range[1]), noise)
  # An exact tie must not be lost to rounding.
  slack <- 1e-12 * max(abs(range))
  which(values <= range[1] + allowed + slack)[1]
}

# Fits a curve that never rises to the values, and finds the first index from
# which it falls no further. Without repeats (`noise` is NA), the noise is the
# standard deviation of the values around that curve.
find_end_of_fall <- function(values, tolerance, noise = NA_real_) {
  known <- which(!is.na(values))
  curve <- rep(NA_real_, length(values))
  if (length(known) > 0) curve[known] <- -stats::isoreg(-values[known])$yf
  if (is.na(noise)) {
    freedom <- length(known) - length(unique(curve[known]))
    squares <- sum((values[known] - curve[known])^2)
    noise <- if (freedom > 0) sqrt(squares / freedom) else 0
  }
  list(
    place = find_elbow(curve, tolerance, noise), curve = curve, noise = noise
  )
}

# Returns the standard error of a difference between the means of two values
# whose fits were repeated with several seeds, from the residuals after the
# effects of values and seeds are removed. NA with a single seed.
noise_of_repeats <- function(values, place, seed) {
  known <- !is.na(values)
  place <- factor(place[known])
  seed <- factor(seed[known])
  repeats <- nlevels(seed)
  freedom <- sum(known) - nlevels(place) - repeats + 1
  if (repeats < 2 || nlevels(place) < 2 || freedom < 1) {
    return(NA_real_)
  }
  model <- stats::lm(values[known] ~ place + seed)
  stats::sigma(model) * sqrt(2 / repeats)
}

# Short names of columns, for print() and reports.
short_names <- c(
  mutual_information = "I(z, c)", validation_alignment = "held_out",
  validation_elbo = "ELBO", validation_log_likelihood = "log_lik", ari = "ARI",
  nmi = "NMI", ilisi = "iLISI"
)

#' @export
print.tune_path <- function(x, ...) {
  option <- attr(x, "option")
  # A subset of the table is no longer a path.
  if (is.null(option)) {
    return(NextMethod())
  }
  cat("<tune_path> ", nrow(x), " values of ", option, "\n", sep = "")
  value <- if (is.numeric(x$value)) vapply(x$value, format, "") else x$value
  shown <- data.frame(
    value, ifelse(x$suggested, "<-", ""),
    unclass(x)[setdiff(names(x), c(
      "value", "suggested", "seconds", if (all(x$fits == 1)) "fits"
    ))],
    check.names = FALSE
  )
  names(shown)[2] <- ""
  known <- names(shown) %in% names(short_names)
  names(shown)[known] <- short_names[names(shown)[known]]
  print(shown, digits = 4, row.names = FALSE, ...)
  place <- if (is.numeric(x$value) && nrow(x) > 1) which(x$suggested)
  if (identical(place, nrow(x))) {
    cat("The largest value is suggested: try larger ones.\n")
  } else if (identical(place, 1L)) {
    cat("No larger value is better by more than tolerance and noise.\n")
  }
  invisible(x)
}

#' @export
plot.tune_path <- function(x, ...) {
  refuse_others(list(...), plot.tune_path)
  singles <- grep("^mi_", names(x), value = TRUE)
  lines <- data.frame(
    column = c(
      singles, "ilisi", "alignment", "validation_alignment",
      "validation_elbo", "validation_log_likelihood", "ari", "nmi"
    ),
    line = c(
      sub("^mi_", "", singles), "iLISI", "all cells", "held-out cells",
      "ELBO", "log-likelihood", "ARI", "NMI"
    ),
    panel = c(
      rep("mutual information with", length(singles)), "batch mixing",
      rep(c("alignment", "held-out cells, nats per cell", "clusters"), each = 2)
    )
  )
  lines <- lines[lines$column %in% names(x), ]
  place <- axis_places(x$value)
  long <- data.frame(
    place = place, value = unlist(x[lines$column], use.names = FALSE),
    line = factor(rep(lines$line, each = nrow(x)), unique(lines$line)),
    panel = factor(rep(lines$panel, each = nrow(x)), unique(lines$panel))
  )
  ggplot2::ggplot(
    long[!is.na(long$value), ],
    ggplot2::aes(.data$place, .data$value, colour = .data$line)
  ) +
    ggplot2::geom_vline(xintercept = place[x$suggested], linetype = "dashed") +
    ggplot2::geom_line() +
    ggplot2::geom_point() +
    ggplot2::facet_wrap(
      ggplot2::vars(.data$panel), ncol = 1, scales = "free_y"
    ) +
    ggplot2::scale_x_continuous(
      breaks = place, minor_breaks = NULL,
      labels = vapply(x$value, format, "", digits = 3)
    ) +
    scale_of_groups("colour", nrow(lines)) +
    ggplot2::labs(
      x = paste(attr(x, "option"), "(dashed: suggested)"), y = NULL,
      colour = NULL
    ) +
    picture_theme()
}

# Positions on the axis: of numbers on a logarithmic scale, with 0 a step to the
# left of the others; of text in its order.
axis_places <- function(values) {
  if (!is.numeric(values)) {
    return(seq_along(values))
  }
  place <- log10(values)
  zero <- values == 0
  place[zero] <- min(c(place[!zero], 0.5)) - 0.5
  place
}
