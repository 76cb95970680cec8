#' The fit behind an embedding
#'
#' Finds what [sailer()], [sailerx()] or [expresser()] returned in an object
#' that [RunSAILER()], [RunSAILERX()] or [RunExpresser()] gave back, for
#' [history()], [plot()][plot_training] or [predict()][predict.sailer_fit].
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
  fit
}

#' @rdname get_fit
#' @export
get_fit.Seurat <- function(object, name = NULL, ...) {
  need_package("SeuratObject", "for Seurat objects")
  choose_fit(fits_in_seurat(object), name, usual_names, "reductions")
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
  choose_fit(
    S4Vectors::metadata(object)$sailer, name, toupper(usual_names),
    "reduced dimensions"
  )
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

choose_fit <- function(fits, name, usual, what, call = rlang::caller_env()) {
  if (!is.null(name)) check_text(name, "name", call = call)
  wanted <- name %||% if (length(fits) == 1) {
    names(fits)
  } else {
    c(intersect(usual, names(fits)), usual)[1]
  }
  if (!is.null(fits[[wanted]])) {
    return(fits[[wanted]])
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
