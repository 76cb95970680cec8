# Batch labels and covariates: checked and converted to the form that the core
# encodes (src/core/data/confounders.h).

# Returns list(labels = list(list(name, codes, n_levels, levels)),
#              numbers = list(list(name, values)), batches = names of the labels
#              that are batches).
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

# Returns one or several columns in the order of `cells`, as a named list.
as_columns <- function(x, arg, cells) {
  if (is.null(x)) {
    return(list())
  }
  x <- match_cells(x, cells, arg)
  if (length(dim(x)) != 2) x <- stats::setNames(list(x), arg)
  if (is.null(names(x))) x <- as.data.frame(as.matrix(x))
  check_utf8(
    names(x), "column names of {.arg batch} and {.arg covariates}",
    "names(x)"
  )
  names <- in_utf8(names(x))
  columns <- Map(function(values, name) {
    values <- labels_in_utf8(plain_column(values, name), name)
    missing <- cells[is.na(values)]
    abort_if(length(missing) > 0, c(
      "{.arg {name}} is NA for {length(missing)} cell{?s}: {few(missing)}.",
      i = "Give a value for every cell, or remove these cells."
    ), class = "data")
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

# Returns a vector of numbers or labels without names. Durations become numbers.
plain_column <- function(values, name) {
  values <- written_out(values)
  if (inherits(values, "difftime")) values <- as.numeric(values)
  good <- is.atomic(values) && length(dim(values)) < 2 &&
    !is.complex(values) && !is.raw(values)
  must_be(good, values, "one number or label per cell", name)
  unname(values)
}

check_column_names <- function(names) {
  if (any(names == "" | is.na(names))) {
    abort("Every column of {.arg batch} and {.arg covariates} must have a
           name.")
  }
  abort_if(anyDuplicated(names), c(
    "{.val {names[duplicated(names)][1]}} is the name of two columns among
     {.arg batch} and {.arg covariates}.",
    i = "Give each variable only once."
  ))
}

as_label <- function(name, values) {
  values <- label_text(values)
  values <- factor(values, label_levels(values))
  n <- nlevels(values)
  # A separate label for each cell would explain everything about the cell.
  abort_if(n > 1000 || (n > 20 && n > length(values) / 2), c(
    "{.arg {name}} has {n} different labels for {length(values)} cells.",
    i = "Give numbers as a numeric column of {.arg covariates}; cell names
         cannot be corrected for."
  ))
  # Anything special about the only cell of a label is attributed to the label.
  alone <- levels(values)[tabulate(values, n) == 1]
  if (length(alone) > 0) {
    note("{.arg {name}} has {length(alone)} label{?s} with a single cell, from
          which little can be learned: {few(alone)}.")
  }
  list(
    name = name, codes = as.integer(values), n_levels = n,
    levels = levels(values)
  )
}

as_number <- function(name, values) {
  bad <- which(!is.finite(values))
  if (length(bad) > 0) {
    abort("The covariate {.arg {name}} must be finite; it is infinite or not a
           number in {length(bad)} cell{?s}.", class = "data")
  }
  list(name = name, values = as.numeric(values))
}

# Puts the levels of labels into the order that they have in another plan of the
# same run: levels were not always sorted.
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

# Drops columns that are the same for all cells, with a message. `values`: the
# element of a column that holds the values of the cells, or their levels.
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
