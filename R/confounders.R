# Batch labels and covariates: checked and put into the form that the core
# encodes (src/core/data/confounders.h).

# list(labels = list(list(name, codes, n_levels, levels)),
#      numbers = list(list(name, values)), batches = names of the labels that
#      are batches)
collect_confounders <- function(batch, covariates, cells,
                                call = rlang::caller_env()) {
  labels <- lapply(
    as_columns(batch, "batch", cells, call),
    function(column) as_label(column, call)
  )
  labels <- drop_constant(labels)
  others <- as_columns(covariates, "covariates", cells, call)
  numeric <- vapply(
    others, function(column) is.numeric(column$values), logical(1)
  )
  list(
    labels = c(labels, lapply(
      others[!numeric], function(column) as_label(column, call)
    )),
    numbers = lapply(
      others[numeric], function(column) check_finite(column, call)
    ),
    batches = column_names(labels)
  )
}

column_names <- function(columns) {
  vapply(columns, function(column) column$name, character(1))
}

# One or several columns of values, in the order of `cells`.
as_columns <- function(x, arg, cells, call) {
  if (is.null(x)) {
    return(list())
  }
  if (is.matrix(x)) {
    x <- as.data.frame(x)
  }
  if (is.data.frame(x) || methods::is(x, "DataFrame")) {
    columns <- lapply(names(x), function(name) {
      list(name = name, values = x[[name]])
    })
    rows <- rownames(x)
    known <- !is.null(rows) && setequal(rows, cells)
    for (k in seq_along(columns)) {
      if (known) names(columns[[k]]$values) <- rows
    }
  } else if (is.atomic(x)) {
    columns <- list(list(name = arg, values = x))
  } else {
    abort(
      "{.arg {arg}} must be a vector with one value per cell or a data frame of
       such columns, not {.obj_type_friendly {x}}.",
      call = call
    )
  }
  lapply(columns, function(column) align_column(column, cells, call))
}

# Values named by cell are matched by name; others are taken in order.
align_column <- function(column, cells, call) {
  values <- column$values
  if (length(values) != length(cells)) {
    abort(
      c(
        "{.arg {column$name}} has {length(values)} value{?s}, but there are
         {length(cells)} cells.",
        i = "Give one value per cell, in the order of the cells."
      ),
      call = call
    )
  }
  if (!is.null(names(values)) && !anyDuplicated(names(values)) &&
        setequal(names(values), cells)) {
    values <- values[match(cells, names(values))]
  }
  if (anyNA(values)) {
    missing <- cells[is.na(values)]
    abort(
      c(
        "{.arg {column$name}} is NA for {length(missing)} cell{?s}:
         {.val {utils::head(missing, 3)}}{if (length(missing) > 3) ', ...'}.",
        i = "Give a value for every cell, or remove these cells."
      ),
      class = "data", call = call
    )
  }
  list(name = column$name, values = unname(values))
}

as_label <- function(column, call) {
  values <- column$values
  if (!is.factor(values)) {
    values <- factor(values, levels = unique(as.character(values)))
  }
  values <- droplevels(values)
  if (nlevels(values) > 1000) {
    abort(
      "{.arg {column$name}} has {nlevels(values)} different labels; is it a
       number that should be a numeric covariate?",
      call = call
    )
  }
  list(
    name = column$name, codes = as.integer(values), n_levels = nlevels(values),
    levels = levels(values)
  )
}

# A single batch tells nothing: said once, and left out.
drop_constant <- function(labels) {
  constant <- vapply(labels, function(x) x$n_levels == 1, logical(1))
  for (label in labels[constant]) {
    cli::cli_inform(c(
      i = "All cells belong to one {.arg {label$name}} ({.val {label$levels}}):
           only depth is taken out."
    ), class = "sailer_note")
  }
  labels[!constant]
}

check_finite <- function(column, call) {
  bad <- which(!is.finite(column$values))
  if (length(bad) > 0) {
    abort(
      "The covariate {.arg {column$name}} is infinite for {length(bad)}
       cell{?s}.",
      class = "data", call = call
    )
  }
  list(name = column$name, values = as.numeric(column$values))
}
