#' The fit behind an embedding
#'
#' Finds what [sailer()], [sailerx()] or [expresser()] returned in an object
#' that [RunSAILER()], [RunSAILERX()] or [RunExpresser()] gave back, for
#' [history()], [plot()][plot.sailer_fit] or [predict()][predict.sailer_fit].
#'
#' The cells of the fit go by the names that they have in the object now, also
#' where these were changed since (`RenameCells()`).
#'
#' @param object A `Seurat` object, a `DimReduc`, a `SingleCellExperiment`, or a
#'   fit, which is given back.
#' @param name Name of the reduction. NULL, the default, takes `"sailer"`
#'   (Seurat) or `"SAILER"` (SingleCellExperiment) if it has a fit, else
#'   `"sailerx"` or `"SAILERX"`, else `"expresser"` or `"EXPRESSER"`, else the
#'   only one that has.
#' @param ... Nothing else is taken: a name that no option has is an error.
#' @return An object of class `"sailer_fit"` or `"expresser_fit"`.
#' @section Errors:
#' `sailer_argument_error` when there is no fit under that name; those that
#' there are are listed.
#' @references Cao (2023), chapter 2.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts, assay = "ATAC")
#'   object <- RunSAILER(
#'     object,
#'     hidden = 16, control = train_control(epochs = 2, verbose = FALSE)
#'   )
#'   tail(history(get_fit(object)), 1)
#' }
#' @export
get_fit <- function(object, name = NULL, ...) {
  refuse_others(list(...), get_fit)
  UseMethod("get_fit")
}

#' @export
get_fit.default <- function(object, name = NULL, ...) {
  if (load_class(object)) {
    return(get_fit(object, name, ...))
  }
  abort("There can be no fit of {.fn sailer} in {.obj_type_friendly {object}}.")
}

#' @rdname get_fit
#' @export
get_fit.sailer_fit <- function(object, name = NULL, ...) {
  object
}

#' @rdname get_fit
#' @export
get_fit.expresser_fit <- function(object, name = NULL, ...) {
  object
}

#' @rdname get_fit
#' @export
get_fit.DimReduc <- function(object, name = NULL, ...) {
  fit <- fit_of_reduction(object)
  if (is.null(fit)) {
    abort(c(
      "This reduction holds no fit of {.fn sailer}.",
      i = "Its columns are named {.val {utils::head(colnames(object), 2)}}."
    ))
  }
  named_as_in_object(
    list(fit = fit, values = SeuratObject::Embeddings(object))
  )
}

#' @rdname get_fit
#' @export
get_fit.Seurat <- function(object, name = NULL, ...) {
  need_package("SeuratObject", "for Seurat objects")
  named_as_in_object(held_fit(object, name))
}

fits_in_seurat <- function(object) {
  reductions <- SeuratObject::Reductions(object)
  fits <- lapply(
    stats::setNames(nm = reductions),
    function(reduction) fit_of_reduction(object[[reduction]])
  )
  # Those that were interrupted before there was an embedding.
  others <- SeuratObject::Misc(object, "sailer")
  fits[setdiff(names(others), reductions)] <-
    others[setdiff(names(others), reductions)]
  fits[lengths(fits) > 0]
}

#' @rdname get_fit
#' @export
get_fit.SingleCellExperiment <- function(object, name = NULL, ...) {
  need_package("S4Vectors", "for SingleCellExperiment objects")
  named_as_in_object(held_fit(object, name))
}

# A fit in an object, and what the object itself says of its cells: list(fit,
# name, values = cells x dimensions under the names of today, or NULL where
# there is no embedding, assay = the one that a Seurat reduction is of).
held_fit <- function(object, name = NULL, call = rlang::caller_env()) {
  load_class(object)
  if (inherits(object, "Seurat")) {
    fit_in_seurat(object, name, call)
  } else if (inherits(object, "SingleCellExperiment")) {
    fit_in_experiment(object, name, call)
  } else {
    list(
      fit = get_fit(object, name),
      values = if (inherits(object, "DimReduc")) {
        SeuratObject::Embeddings(object)
      }
    )
  }
}

fit_in_seurat <- function(object, name, call) {
  fits <- fits_in_seurat(object)
  if (length(fits) == 0) {
    known <- SeuratObject::Reductions(object)
    refuse_lost_fit(name %||% usual_names, known, call)
  }
  name <- choose_fit(fits, name, usual_names, "reductions", call)
  held <- list(fit = fits[[name]], name = name)
  if (name %in% SeuratObject::Reductions(object)) {
    held$values <- SeuratObject::Embeddings(object, name)
    held$assay <- SeuratObject::DefaultAssay(object[[name]])
  }
  held
}

# merge() keeps reductions that it is asked to keep, but nothing beside the
# coordinates.
refuse_lost_fit <- function(names, reductions, call) {
  bare <- intersect(names, reductions)
  if (length(bare) > 0) {
    put_back <- paste0("object[[\"", bare[1], "\"]]@misc$fit <- fit")
    abort(
      c(
        "The reduction {.val {bare[1]}} of the object holds no fit.",
        i = "{.fn merge} does not keep it. Put it back from an object that was
             merged: {.code {put_back}}, where {.code fit} is {.fn get_fit} of
             that object."
      ),
      call = call
    )
  }
}

fit_in_experiment <- function(object, name, call) {
  fits <- S4Vectors::metadata(object)$sailer
  name <- choose_fit(
    fits, name, toupper(usual_names), "reduced dimensions", call
  )
  held <- list(fit = fits[[name]], name = name)
  if (name %in% SingleCellExperiment::reducedDimNames(object)) {
    held$values <- SingleCellExperiment::reducedDim(object, name)
  }
  held
}

# The row of the fit's embedding that each of the object's cells has; NA for
# those that the fit does not know. The coordinates tell which is which, for
# names change: RenameCells() or merge() may have given a name to another cell.
rows_in_fit <- function(held, cells = rownames(held$values)) {
  known <- held$fit$embedding
  if (is.null(known) || is.null(held$values)) {
    return(rep(NA_integer_, length(cells)))
  }
  values <- held$values[match(cells, rownames(held$values)), , drop = FALSE]
  rows <- same_rows(values, known)
  # RunSAILERX() puts directions into the object.
  if (anyNA(rows) && inherits(held$fit, "sailerx_fit")) {
    left <- is.na(rows)
    rows[left] <- same_rows(
      values[left, , drop = FALSE], embedding(held$fit, unit = TRUE)
    )
  }
  rows
}

# The fit, its cells under the names that the object has for them now. Cells
# that the object no longer has must not be taken for others.
named_as_in_object <- function(held) {
  fit <- held$fit
  rows <- rows_in_fit(held)
  now <- rownames(held$values)
  known <- !is.na(rows)
  if (identical(fit$cells[rows[known]], now[known]) && all(known)) {
    return(fit)
  }
  names <- fit$cells
  taken <- names %in% now
  names[taken] <- paste(names[taken], "(in training)")
  names[rows[known]] <- now[known]
  fit$validation_cells <- names[match(fit$validation_cells, fit$cells)]
  fit$cells <- names
  if (!is.null(fit$depth)) names(fit$depth) <- names
  if (!is.null(fit$embedding)) rownames(fit$embedding) <- names
  fit
}

# For each row of `values` the same one of `known`: that of the same name, or
# else one that a column leads to.
same_rows <- function(values, known) {
  rows <- rep(NA_integer_, nrow(values))
  if (ncol(values) != ncol(known)) {
    return(rows)
  }
  take <- function(rows, found) {
    same <- rowSums(values != known[found, , drop = FALSE]) == 0
    ifelse(is.na(rows) & same %in% TRUE, found, rows)
  }
  rows <- take(rows, match(rownames(values), rownames(known)))
  for (k in seq_len(ncol(values))) {
    if (!anyNA(rows)) break
    rows <- take(rows, match(values[, k], known[, k]))
  }
  rows
}

fit_of_reduction <- function(reduction) {
  methods::slot(reduction, "misc")[["fit"]]
}

# What RunSAILER() and the others name their reductions, the first one first.
usual_names <- c("sailer", "sailerx", "expresser")

# The fit of the Expresser that an object holds, whatever else it holds.
expresser_fit_in <- function(object, call = rlang::caller_env()) {
  load_class(object)
  fits <- if (inherits(object, "Seurat")) {
    fits_in_seurat(object)
  } else if (inherits(object, "SingleCellExperiment")) {
    S4Vectors::metadata(object)$sailer
  } else if (inherits(object, "DimReduc")) {
    list(expresser = fit_of_reduction(object))
  }
  fits <- fits[vapply(fits, inherits, NA, "expresser_fit")]
  if (length(fits) == 0) {
    abort(
      c(
        "There is no fit of {.fn expresser} in {.obj_type_friendly {object}}.",
        i = "Run {.fn RunExpresser} first, or give a {.arg fit}."
      ),
      call = call
    )
  }
  usual <- intersect(c("expresser", "EXPRESSER"), names(fits))
  fits[[c(usual, names(fits))[1]]]
}

# The name of the fit that is meant.
choose_fit <- function(fits, name, usual, what, call = rlang::caller_env()) {
  if (!is.null(name)) check_text(name, "name", call = call)
  wanted <- name %||% if (length(fits) == 1) {
    names(fits)
  } else {
    c(intersect(usual, names(fits)), usual)[1]
  }
  if (!is.null(fits[[wanted]])) {
    return(wanted)
  }
  hint <- if (length(fits) == 0) {
    "Run {.fn RunSAILER} first."
  } else {
    "There {cli::qty(length(fits))}{?is one/are some} under
     {.val {names(fits)}}: give its {.arg name}."
  }
  abort(
    c("There is no fit of {.fn sailer} named {.val {wanted}} among the {what}
       of the object.", i = hint),
    call = call
  )
}
