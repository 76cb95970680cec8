# Containers: objects in which users keep cells, and to which results are added.
#
# A container is supported by one file with two methods, like container-sce.R:
#
#   read_input(object, where)     returns what the object has (new_input())
#   write_result(object, result)  returns the object with the results added
#
# Verbs (RunSAILER(), ImputeSAILER(), map_query(), the plots) are ordinary
# functions that use these two. `where` says where in the object the counts are:
# list(assay, layer, assay.type, altexp, features, values = TRUE for counts of
# genes as they are, guided = TRUE for SAILERX, of = name of the reduction in
# use). `result` is a list of what to write:
#
#   name, key    of the reduction
#   embedding    cells x dimensions, rows named by cell
#   loadings     features x dimensions
#   fit          the fit; objects store as_model() of it
#   query        a summary of the mapping
#   reference    list(name, values): a reference embedding that was computed
#   assay        list(name, values = features x cells)
#   columns      data frame of metadata, rows named by cell
#   input        what read_input() returned
#   command      list(name, options) for the log
read_input <- function(object, where = list()) {
  UseMethod("read_input")
}

write_result <- function(object, result) UseMethod("write_result")

# What an object has. Arguments are promises: expensive ones are evaluated only
# when they are first used.
#
#   names       cells of the object, in its order
#   counts      handle of the cells with counts (as_cells())
#   table       metadata, one row per cell; NULL if values are given instead
#   table_name  what to call it in messages
#   labels      batches that the object implies: the layer of each cell with
#               counts; NULL for none
#   place       the assay (and so on) that holds the counts, as in `where`
#   ranges      function(peaks): their GRanges, or NULL
#   annotation  GRanges of genes, or NULL
#   embedding   function(name): cells x dimensions, or NULL
#   depth       open peaks of each cell, if known without reading the counts
#   models      fits, by the names of their reductions
#   naming      function: how reductions are spelt here ("sailer", "SAILER")
#   bytes       memory per number of a dense assay while it is written
#   writable    TRUE; an error if there is no place for results
#   files       TRUE if imputed values may be in a file; otherwise an error
#   guide       function(reference, place): the RNA's embedding and depth
#   reference   default name of the reduction that guides
new_input <- function(names, counts, table = NULL,
                      table_name = "the metadata of the object", labels = NULL,
                      place = list(), ranges = function(peaks) NULL,
                      annotation = NULL, embedding = function(name) NULL,
                      depth = NULL, models = list(), guide = NULL,
                      naming = identity, bytes = 8, writable = TRUE,
                      files = TRUE, reference = NULL) {
  environment()
}

# Returns the arguments of a verb that say where the counts are.
where_of <- function(frame, ...) {
  known <- c("assay", "layer", "assay.type", "altexp")
  given <- mget(intersect(known, ls(frame)), frame)
  c(given[lengths(given) > 0], list(...))
}

# Throws an error for arguments that do not apply to the object.
check_places <- function(where, taken, what) {
  places <- c("assay", "layer", "assay.type", "altexp")
  others <- setdiff(intersect(places, names(where)), taken)
  if (length(others) > 0) {
    abort(c(
      "{.arg {others}} {?does/do} not apply to {what}.",
      i = if (length(taken) > 0) "They take {.arg {taken}}."
    ))
  }
}

# Matrices, files, handles and lists of samples: counts, and nothing else.
#' @export
read_input.default <- function(object, where = list()) {
  if (load_class(object)) {
    return(read_input(object, where))
  }
  check_places(
    where, character(), cli::format_inline("{.obj_type_friendly {object}}")
  )
  delayedAssign("counts", take_features(
    as_cells(object, counts = isTRUE(where$values)), where$features,
    "the counts"
  ))
  new_input(
    counts$cells, counts, ranges = function(peaks) {
      pick_ranges(counts$ranges, counts$peaks, peaks)
    },
    guide = function(reference, place) list(values = reference)
  )
}

#' @export
write_result.default <- function(object, result) {
  result$fit %||% result$assay$values
}

# A fit that has the result of its training: the embedding of its cells.
#' @export
read_input.sailer_fit <- function(object, where = list()) {
  new_input(
    object$cells,
    abort("Give the counts of the cells: the fit does not hold them."),
    embedding = function(name) {
      if (!is.null(object$embedding)) embedding(object)
    },
    depth = object$depth, models = list(fit = object)
  )
}

#' @export
read_input.expresser_fit <- function(object, where = list()) {
  new_input(character(), NULL, models = list(fit = object))
}

# Returns the metadata columns that are named in `columns`. Without metadata
# `columns` are values, and are returned as they are.
input_columns <- function(input, columns, arg, cells = input$names) {
  if (is.null(input$table)) {
    return(columns)
  }
  rows <- match(cells, input$names)
  named_columns(
    input$table[rows, , drop = FALSE], columns, arg, input$table_name
  )
}

# Returns one value for each of `cells`, from a metadata column or given values.
# `partial`: missing cells get NA. `n`: number of cells, if they have no names.
input_values <- function(input, values, arg, cells = input$names,
                         partial = FALSE, n = length(cells)) {
  columns <- is.character(values) && all(values %in% names(input$table))
  if (columns && !length(values) %in% c(1, n)) {
    abort("{.arg {arg}} must be one column, not {.val {values}}.")
  }
  if (!rlang::is_string(values) || n < 2) {
    return(match_cells(values, cells, arg, FALSE, partial, n))
  }
  if (is.null(input$table)) abort_for_column(values, arg)
  input_columns(input, values, arg, cells)[[1]]
}

# Verbs on an object that holds a fit -----------------------------------------

# Returns what a verb works on: list(fit, name, input, own). The argument `fit`
# is a separate fit, or NULL for the one that the object holds under `name`.
# `own`: the object is itself the fit, with the embedding of its training cells.
read_fitted <- function(object, fit = NULL, name = NULL, where = list(),
                        class = "sailer_fit") {
  own <- is.null(fit) && inherits(object, class)
  if (is.null(fit)) {
    found <- find_fit(object, name, class)
    fit <- found$fit
    name <- found$name
  } else {
    fit <- find_fit(fit, NULL, class)$fit
    check_text(name, "name", null = TRUE)
  }
  where$of <- name
  list(fit = fit, name = name, input = read_input(object, where), own = own)
}

# Returns the posterior means of `cells`, in their order: those of a fit's
# training cells, otherwise from the counts, as objects store only directions.
input_points <- function(held, cells = held$input$names, reference = NULL) {
  fit <- held$fit
  if (held$own) {
    return(training_means(fit)[cells, , drop = FALSE])
  }
  counts <- held$input$counts
  check_known(cells, counts$cells, "cell", "object", "its counts")
  seen <- reference_rows(fit, input_reference(held, reference), counts)
  embed_counts(fit, counts[, cells], seen, "x")
}

# Returns the reference that a joint model reads: the given one (a matrix or the
# name of a reduction) or, with `trained`, the one named as in training.
input_reference <- function(held, reference = NULL, trained = TRUE) {
  fit <- held$fit
  name <- reference %||% if (trained && sees_reference(fit)) fit$reference_name
  if (!rlang::is_string(name)) {
    return(reference)
  }
  values <- held$input$embedding(name)
  abort_if(is.null(values), c(
    "The model embeds cells from their peaks and the reference {.val {name}},
     which the object does not have.",
    i = "Give it as {.arg reference}: a matrix of cells x dimensions, or the
         name of a reduction."
  ))
  values
}

# Returns one row for each of `cells`, NA for those that `values` lacks.
all_rows <- function(values, cells) {
  values <- values[match(cells, rownames(values)), , drop = FALSE]
  rownames(values) <- cells
  values
}

# Returns the embedding of the cells of a handle: posterior means.
embed_counts <- function(fit, counts, reference = NULL, arg = "newdata") {
  check_counts(counts, 1)
  map <- match_peaks(counts, fit$peaks, arg)
  kept_depth(counts, list(map = map, peaks = fit$peaks))
  embed_cells(fit, counts, map, seen_reference(fit, reference, counts))
}

# Returns the number of open peaks of the model in each of `cells`.
input_depth <- function(held, cells = held$input$names) {
  known <- held$input$depth
  if (!is.null(known)) {
    return(known[cells])
  }
  counts <- held$input$counts[, cells]
  within <- !is.na(match_peaks(counts, held$fit$peaks, "object"))
  stats::setNames(core_depth_within(counts$source, within), cells)
}
