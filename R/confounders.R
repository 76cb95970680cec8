# Batch labels and covariates: checked and put into the form that the core
# encodes (src/core/data/confounders.h).

# list(labels = list(list(name, codes, n_levels, levels)),
#      numbers = list(list(name, values)), batches = names of the labels that
#      are batches)
collect_confounders <- function(batch, covariates, cells) {
  batches <- as_columns(batch, "batch", cells)
  others <- as_columns(covariates, "covariates", cells)
  check_column_names(c(batches, others))
  numeric <- vapply(
    others, function(column) is.numeric(column$values), logical(1)
  )
  labels <- lapply(
    c(batches, others[!numeric]), function(column) as_label(column)
  )
  numbers <- lapply(others[numeric], function(column) check_finite(column))
  kept <- drop_constant(labels, "levels")
  list(
    labels = kept, numbers = drop_constant(numbers, "values"),
    batches = intersect(column_names(batches), column_names(kept))
  )
}

column_names <- function(columns) {
  vapply(columns, function(column) column$name, character(1))
}

# One or several columns of values, in the order of `cells`.
as_columns <- function(x, arg, cells) {
  if (is.null(x)) {
    return(list())
  }
  x <- match_cells(x, cells, arg)
  table <- length(dim(x)) == 2
  if (table && is.null(names(x))) x <- as.data.frame(as.matrix(x))
  names <- if (table) names(x) else arg
  lapply(seq_along(names), function(k) {
    values <- plain_column(if (table) x[[k]] else x, names[k])
    column <- column_in_utf8(list(name = names[k], values = values))
    check_complete(column, cells)
    column
  })
}

# A column whose name and values are text in UTF-8.
column_in_utf8 <- function(column) {
  check_utf8(
    column$name, "names of columns of {.arg batch} and {.arg covariates}",
    'names(x) <- iconv(names(x), "latin1", "UTF-8")'
  )
  column$name <- in_utf8(column$name)
  values <- column$values
  remedy <- if (is.factor(values)) {
    levels(values) <- in_utf8(levels(values))
    'levels(x) <- iconv(levels(x), "latin1", "UTF-8")'
  } else {
    values <- in_utf8(values)
    'x <- iconv(x, "latin1", "UTF-8")'
  }
  check_utf8(
    values, paste0("labels in {.arg ", as_literal(column$name), "}"), remedy
  )
  column$values <- values
  column
}

# A vector of numbers or labels without names. Durations are numbers.
plain_column <- function(values, name) {
  values <- written_out(values)
  if (inherits(values, "difftime")) values <- as.numeric(values)
  good <- is.atomic(values) && length(dim(values)) < 2 &&
    !is.complex(values) && !is.raw(values)
  if (!good) {
    abort("{.arg {name}} must have one number or label per cell, not be
           {.obj_type_friendly {values}}.")
  }
  unname(values)
}

check_column_names <- function(columns) {
  names <- column_names(columns)
  if (any(names == "" | is.na(names))) {
    abort("Every column of {.arg batch} and {.arg covariates} must have a
           name.")
  }
  if (anyDuplicated(names)) {
    abort(c(
      "{.val {names[duplicated(names)][1]}} is the name of two columns among
       {.arg batch} and {.arg covariates}.",
      i = "Name each variable once."
    ))
  }
}

check_complete <- function(column, cells) {
  missing <- cells[is.na(column$values)]
  if (length(missing) > 0) {
    abort(c(
      "{.arg {column$name}} is NA for {length(missing)} cell{?s}:
       {.val {utils::head(missing, 3)}}{if (length(missing) > 3) ', ...'}.",
      i = "Give a value for every cell, or remove these cells."
    ), class = "data")
  }
}

as_label <- function(column) {
  values <- label_text(column$values)
  values <- factor(values, label_levels(values))
  n <- nlevels(values)
  # A label of its own for every cell explains all of the cell.
  if (n > 1000 || (n > 20 && n > length(values) / 2)) {
    abort(c(
      "{.arg {column$name}} has {n} different labels for {length(values)}
       cells.",
      i = "Give a number as a numeric column of {.arg covariates}; names of
           cells cannot be removed."
    ))
  }
  note_single_cells(column$name, values)
  list(
    name = column$name, codes = as.integer(values), n_levels = n,
    levels = levels(values)
  )
}

# The same labels with their levels in the order that another plan of the same
# run has them: levels were not always sorted.
with_levels_of <- function(confounders, other) {
  known <- stats::setNames(other$labels, column_names(other$labels))
  confounders$labels <- lapply(confounders$labels, function(label) {
    levels <- known[[label$name]]$levels
    if (setequal(levels, label$levels)) {
      label$codes <- match(label$levels, levels)[label$codes]
      label$levels <- levels
    }
    label
  })
  confounders
}

# What is special to the only cell of a label counts as the label's.
note_single_cells <- function(name, values) {
  alone <- levels(values)[tabulate(values, nlevels(values)) == 1]
  if (length(alone) > 0) {
    note("{.arg {name}} has {length(alone)} label{?s} with a single cell, from
          which little can be learned:
          {.val {utils::head(alone, 3)}}{if (length(alone) > 3) ', ...'}.")
  }
}

# What is the same in all cells is left out, with a message.
# `values`: of the cells or their levels.
drop_constant <- function(columns, values) {
  Filter(function(column) {
    found <- unique(column[[values]])
    if (length(found) > 1) {
      return(TRUE)
    }
    note("{.arg {column$name}} is {.val {found}} for all cells: it has one level
          and is ignored.")
    FALSE
  }, columns)
}

check_finite <- function(column) {
  bad <- which(!is.finite(column$values))
  if (length(bad) > 0) {
    abort("The covariate {.arg {column$name}} must be a finite number; it is
           not (infinite, or no number) in {length(bad)} cell{?s}.",
          class = "data")
  }
  list(name = column$name, values = as.numeric(column$values))
}
