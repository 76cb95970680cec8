# Batch labels and covariates: checked and put into the form that the core
# encodes (src/core/data/confounders.h).

# list(labels = list(list(name, codes, n_levels, levels)),
#      numbers = list(list(name, values)), batches = names of the labels that
#      are batches)
collect_confounders <- function(batch, covariates, cells) {
  batches <- as_columns(batch, "batch", cells)
  others <- as_columns(covariates, "covariates", cells)
  check_column_names(names(c(batches, others)))
  numeric <- vapply(others, is.numeric, NA)
  labels <- c(batches, others[!numeric])
  labels <- drop_constant(Map(as_label, names(labels), labels), "levels")
  numbers <- others[numeric]
  numbers <- drop_constant(Map(as_number, names(numbers), numbers), "values")
  list(
    labels = unname(labels), numbers = unname(numbers),
    batches = intersect(as.character(names(batches)), names(labels))
  )
}

column_names <- function(columns) {
  vapply(columns, function(column) column$name, character(1))
}

# One or several columns of values, in the order of `cells`: a list by their
# names.
as_columns <- function(x, arg, cells) {
  if (is.null(x)) {
    return(list())
  }
  x <- match_cells(x, cells, arg)
  if (length(dim(x)) != 2) x <- stats::setNames(list(x), arg)
  if (is.null(names(x))) x <- as.data.frame(as.matrix(x))
  check_utf8(
    names(x), "names of columns of {.arg batch} and {.arg covariates}",
    "names(x)"
  )
  names <- in_utf8(names(x))
  columns <- Map(function(values, name) {
    values <- labels_in_utf8(plain_column(values, name), name)
    check_complete(values, name, cells)
    values
  }, as.list(x), names)
  stats::setNames(columns, names)
}

labels_in_utf8 <- function(values, name) {
  if (is.factor(values)) {
    levels(values) <- in_utf8(levels(values))
  } else {
    values <- in_utf8(values)
  }
  check_utf8(
    values, paste0("labels in {.arg ", as_literal(name), "}"),
    if (is.factor(values)) "levels(x)" else "x"
  )
  values
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

check_column_names <- function(names) {
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

check_complete <- function(values, name, cells) {
  missing <- cells[is.na(values)]
  if (length(missing) > 0) {
    abort(c(
      "{.arg {name}} is NA for {length(missing)} cell{?s}:
       {.val {few(missing)}}.",
      i = "Give a value for every cell, or remove these cells."
    ), class = "data")
  }
}

as_label <- function(name, values) {
  values <- label_text(values)
  values <- factor(values, label_levels(values))
  n <- nlevels(values)
  # A label of its own for every cell explains all of the cell.
  if (n > 1000 || (n > 20 && n > length(values) / 2)) {
    abort(c(
      "{.arg {name}} has {n} different labels for {length(values)} cells.",
      i = "Give a number as a numeric column of {.arg covariates}; names of
           cells cannot be removed."
    ))
  }
  note_single_cells(name, values)
  list(
    name = name, codes = as.integer(values), n_levels = n,
    levels = levels(values)
  )
}

as_number <- function(name, values) {
  bad <- which(!is.finite(values))
  if (length(bad) > 0) {
    abort("The covariate {.arg {name}} must be a finite number; it is not
           (infinite, or no number) in {length(bad)} cell{?s}.", class = "data")
  }
  list(name = name, values = as.numeric(values))
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
          which little can be learned: {.val {few(alone)}}.")
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
