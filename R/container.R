# Containers: what people keep cells in, and where results go.
#
# A container is one file with two methods, as container-sce.R shows:
#
#   read_input(object, where)     what the object has (new_input())
#   write_result(object, result)  the object with results in it
#
# Verbs (RunSAILER(), ImputeSAILER(), map_query(), the plots) are ordinary
# functions over these two. `where` says where in the object the counts are:
# list(assay, layer, assay.type, altexp, features, values = TRUE for counts of
# genes as they are, of = the name of the reduction that is worked with).
# `result` is a list of what there is to write, under these names:
#
#   name, key    of the reduction
#   embedding    cells x dimensions, rows named by cell
#   loadings     features x dimensions
#   fit          the fit; objects keep as_model() of it
#   query        a summary of the mapping
#   reference    list(name, values): a reference embedding that was made
#   assay        list(name, values = features x cells)
#   columns      data frame of metadata, rows named by cell
#   input        what read_input() gave
#   command      list(name, options) for the log
read_input <- function(object, where = list()) {
  UseMethod("read_input")
}

write_result <- function(object, result) UseMethod("write_result")

# What an object has. Arguments are promises: what is expensive is read when it
# is first asked for.
#
#   names       cells of the object, in its order
#   counts      handle of the cells with counts (as_cells())
#   table       metadata, a row for each of `names`; NULL where values are given
#   table_name  what to call it in messages
#   labels      batches that the object implies: the layer of each cell with
#               counts; NULL for none
#   place       the assay and its like that hold the counts, as in `where`
#   ranges      function(peaks): their GRanges, or NULL
#   annotation  GRanges of genes, or NULL
#   embedding   function(name): cells x dimensions, or NULL
#   depth       open peaks of each of `names` if they are known without reading
#   models      fits, by the names of their reductions
#   naming      function: how reductions are spelt here ("sailer", "SAILER")
#   bytes       what a number of a dense assay takes while it is written
#   writable    TRUE; an error for what has no place for results
#   files       TRUE where imputed values may be in a file; an error elsewhere
#   guide       function(reference, place): the RNA's embedding and depth
#   reference   the reduction that guides where none is named
new_input <- function(names, counts, table = NULL,
                      table_name = "the metadata of the object", labels = NULL,
                      place = list(), ranges = function(peaks) NULL,
                      annotation = NULL, embedding = function(name) NULL,
                      depth = NULL, models = list(), guide = NULL,
                      naming = identity, bytes = 8, writable = TRUE,
                      files = TRUE, reference = NULL) {
  environment()
}

# Where the counts are, of the arguments of a verb.
where_of <- function(frame, ...) {
  known <- c("assay", "layer", "assay.type", "altexp")
  given <- mget(intersect(known, ls(frame)), frame)
  c(given[lengths(given) > 0], list(...))
}

# Arguments that the object has nothing for.
check_places <- function(where, taken, what) {
  places <- c("assay", "layer", "assay.type", "altexp")
  others <- setdiff(intersect(places, names(where)), taken)
  if (length(others) > 0) {
    abort(c(
      "{.arg {others}} {?does/do} not apply to {what}.",
      i = if (length(taken) > 0) "They have {.arg {taken}}."
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

# A fit with the result of its training: the embedding of its cells.
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

# Columns of the metadata that are named in `columns`; values where the input
# has no metadata.
input_columns <- function(input, columns, arg, cells = input$names) {
  if (is.null(input$table)) {
    return(columns)
  }
  rows <- match(cells, input$names)
  named_columns(
    input$table[rows, , drop = FALSE], columns, arg, input$table_name
  )
}

# One value for each of `cells`: a column of the metadata, or values. `partial`:
# cells may be missing, and get NA. `n`: their number, where they have no names.
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

# What a verb works on: list(fit, name, input, own). `fit` is a fit of its own,
# or NULL for the one that the object holds under `name`. `own`: the object is
# the fit itself, with the embedding of its training cells.
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

# The posterior means of `cells`, in their order: of a fit those of its training
# cells, else from the counts, for objects hold directions alone.
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

# The reference that a joint model reads: the one given, a matrix or the name of
# a reduction, or the one of the name that it was `trained` with.
input_reference <- function(held, reference = NULL, trained = TRUE) {
  fit <- held$fit
  name <- reference %||% if (trained && sees_reference(fit)) fit$reference_name
  if (!rlang::is_string(name)) {
    return(reference)
  }
  values <- held$input$embedding(name)
  abort_if(is.null(values), c(
    "The model places cells by their peaks and by the reference {.val {name}},
     which the object does not have.",
    i = "Give it as {.arg reference}: a matrix of cells x dimensions, or the
         name of a reduction."
  ))
  values
}

# One row for each of `cells`, NA for those that `values` lack.
all_rows <- function(values, cells) {
  values <- values[match(cells, rownames(values)), , drop = FALSE]
  rownames(values) <- cells
  values
}

# Embedding of the cells of a handle: posterior means.
embed_counts <- function(fit, counts, reference = NULL, arg = "newdata") {
  check_counts(counts, 1)
  map <- match_peaks(counts, fit$peaks, arg)
  kept_depth(counts, list(map = map, peaks = fit$peaks))
  embed_cells(fit, counts, map, seen_reference(fit, reference, counts))
}

# Open peaks of the model in each of `cells`.
input_depth <- function(held, cells = held$input$names) {
  known <- held$input$depth
  if (!is.null(known)) {
    return(known[cells])
  }
  counts <- held$input$counts[, cells]
  within <- !is.na(match_peaks(counts, held$fit$peaks, "object"))
  stats::setNames(core_depth_within(counts$source, within), cells)
}
