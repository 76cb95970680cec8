# Shared by the methods for Seurat and SingleCellExperiment objects.

# Packages of containers are suggested, not imported: checked when needed.
need_package <- function(package, why) {
  abort_if(!is_installed(package), c(
    "The package {.pkg {package}} is needed {why}.",
    i = "It is not installed: install it and try again."
  ))
  invisible(TRUE)
}

is_installed <- function(package) requireNamespace(package, quietly = TRUE)

# Returns the name of an argument that another package has renamed, in its
# installed version: the old name is deprecated where the new one exists.
argument_name <- function(f, new, old) {
  if (new %in% names(formals(f))) new else old
}

# An S4 object that was read from a file knows its parent classes only once the
# package of its class is loaded. Returns TRUE if this call loaded it.
load_class <- function(object) {
  # Objects of Seurat 2 have other slots and a class of their own.
  abort_if(inherits(object, "seurat"), c(
    "This object was created with Seurat version 2 (class {.cls seurat}).",
    i = "Update it first: {.code object <-
         SeuratObject::UpdateSeuratObject(object)}."
  ))
  package <- attr(class(object), "package")
  isS4(object) && !is.null(package) && !package %in% loadedNamespaces() &&
    requireNamespace(package, quietly = TRUE)
}

# Throws an error if the class is unknown after load_class(): another version of
# its package made the object, such as Signac 2 where Signac 1 is installed.
refuse_unknown_class <- function(object) {
  name <- class(object)
  package <- attr(name, "package")
  if (!isS4(object) || is.null(package)) {
    return(invisible(TRUE))
  }
  installed <- is_installed(package)
  if (installed && !is.null(methods::getClassDef(name))) {
    return(invisible(TRUE))
  }
  abort(c(
    "The class {.cls {as.character(name)}} of package {.pkg {package}} is not
     known.",
    x = if (installed) {
      "{.pkg {package}} {format(utils::packageVersion(package))}, which is
       installed here, has no class of that name."
    } else {
      "{.pkg {package}} is not installed here."
    },
    i = "Install the version of {.pkg {package}} that the object was made with."
  ))
}

# Returns columns of a metadata table by their names; NULL if none is named.
named_columns <- function(table, columns, arg, where) {
  if (length(columns) == 0) {
    return(NULL)
  }
  must_be(
    is.character(columns) && !anyNA(columns), columns,
    paste("names of columns in", where), arg,
    "Add the values as a column first, then name it."
  )
  check_known(columns, colnames(table), "column", arg, where)
  table[, unique(columns), drop = FALSE]
}

# Throws unless all of `given` are in `known`; the error lists the nearest.
check_known <- function(given, known, what, arg, where) {
  check_utf8(given, paste0("names in {.arg ", arg, "}"))
  lost <- setdiff(given, known)
  if (length(lost) == 0) {
    return(invisible(TRUE))
  }
  known <- escape_bytes(known)
  hint <- if (length(known) == 0) {
    "There are no {what}s in {where}."
  } else if (length(known) <= 5) {
    "Available: {.val {known}}."
  } else {
    # Partial matches count as near: "batch" may mean "batch_of_the_donor".
    far <- utils::adist(lost[1], known, ignore.case = TRUE)
    within <- utils::adist(lost[1], known, ignore.case = TRUE, partial = TRUE)
    near <- known[order(pmin(far, within + 1), far)]
    "The closest are {.val {utils::head(near, 3)}}."
  }
  abort(c(
    "{.arg {arg}}: there is no {what} {.val {lost[1]}} in {where}.", i = hint
  ))
}

# Throws an error unless `given` is one string that is in `known`.
check_choice <- function(given, known, what, arg, where) {
  check_text(given, arg)
  check_known(given, known, what, arg, where)
}

# Checks names that the user gave, and returns them as text.
asked_names <- function(given, what, arg) {
  if (is.factor(given)) given <- as.character(given)
  good <- is.character(given) && !anyNA(given) && length(given) > 0
  must_be(good, given, paste0("names of ", what, "s"), arg)
}

# Returns the indices of `given` in `known`, all for NULL. `once`: a repeated
# name is used once instead of being an error.
chosen_names <- function(given, known, what, arg, where, once = FALSE) {
  if (is.null(given)) {
    return(seq_along(known))
  }
  given <- asked_names(given, what, arg)
  if (once) given <- unique(given)
  if (anyDuplicated(given)) {
    twice <- given[duplicated(given)]
    abort("{.arg {arg}} contains {.val {twice[1]}} twice.")
  }
  check_known(given, known, what, arg, where)
  match(given, known)
}

# Selects the given peaks, in the given order; NULL takes all.
take_features <- function(cells, features, where) {
  if (is.null(features)) {
    return(cells)
  }
  cells[chosen_names(
    features, cells$peaks, "peak", "features", where, once = TRUE
  ), ]
}

# Puts cells into the order of `names`; untouched if they are in it.
take_cells <- function(cells, names) {
  if (identical(cells$cells, names)) cells else cells[, names]
}
