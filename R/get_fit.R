#' Get the model stored in an object
#'
#' Returns the model that [RunSAILER()], [RunSAILERX()] or [RunExpresser()]
#' stored in an object, for [plot()][plot.sailer_fit], [save_model()],
#' [predict()][predict.sailer_fit] or use with other objects. Its `history` is a
#' data frame with one row per epoch. The model holds no cells.
#'
#' @section Interrupted training:
#' Ctrl-C stops training within a second or two, and the fit so far is kept. At
#' the top level of an interactive session the call then returns this fit (or
#' the object with it), with a warning. Elsewhere (in a script, a loop or a
#' function) the interrupt is raised, so that no later line runs with a
#' half-trained model; `get_fit()` then returns the fit that [sailer()],
#' [sailerx()] or [expresser()] would have returned. [resume()] continues it, as
#' does [RunSAILER()] with `resume = get_fit()`.
#'
#' @param object A `Seurat` object, a `DimReduc`, a `SingleCellExperiment`, or a
#'   fit, which is returned. If missing, the fit of the last interrupted
#'   training in this session is returned.
#' @param name Name of the reduction. NULL, the default, takes the only fit of
#'   the object.
#' @return An object of class `"sailer_fit"` or `"expresser_fit"`.
#' @references Cao (2023), chapter 2.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts, assay = "ATAC")
#'   object <- RunSAILER(object, hidden = 16, epochs = 2, verbose = FALSE)
#'   tail(get_fit(object)$history, 1)
#' }
#' @export
get_fit <- function(object, name = NULL) {
  if (missing(object)) {
    return(kept$last_fit %||% abort(c(
      "{.arg object} is missing, and no training was interrupted in this
       session.",
      i = "A run with a {.arg checkpoint} can be continued from its folder: see
           {.fn resume}."
    )))
  }
  find_fit(object, name, c("sailer_fit", "expresser_fit"))$fit
}

# Finds the fit of one of these classes in an object. Returns list(fit, name),
# without a name if the object is itself the fit.
find_fit <- function(object, name = NULL, classes = "sailer_fit") {
  check_text(name, "name", null = TRUE)
  if (inherits(object, c("sailer_fit", "expresser_fit"))) {
    check_fit_class(object, classes)
    return(list(fit = complete_model(object)))
  }
  if (!isS4(object) || methods::is(object, "Matrix")) {
    makers <- makers_of(classes)
    abort(c(
      "A fit of {.fn {makers}} is needed, or an object that holds one, not
       {.obj_type_friendly {object}}.",
      i = "For counts, give the model as {.arg fit}."
    ))
  }
  input <- read_input(object)
  fits <- Filter(function(fit) inherits(fit, classes), input$models)
  if (is.null(name) && length(fits) == 1) name <- names(fits)
  found <- if (!is.null(name)) fits[[name]]
  if (is.null(found)) {
    refuse_missing_fit(object, input, fits, name, classes)
  }
  # Objects written by version 0.1.0 hold fits together with their cells.
  list(fit = as_model(complete_model(found)), name = name)
}

check_fit_class <- function(fit, classes, arg = NULL) {
  if (!inherits(fit, classes)) {
    makers <- makers_of(classes)
    where <- if (is.null(arg)) "here" else "in {.arg {arg}}"
    abort(paste0(
      "A fit of {.fn {makers}} is needed ", where,
      ", not {.obj_type_friendly {fit}}."
    ))
  }
}

# The functions that make such fits, for messages: "sailer() or sailerx()".
makers_of <- function(classes) {
  makers <- list(
    sailer_fit = c("sailer", "sailerx"), expresser_fit = "expresser"
  )[classes]
  cli::cli_vec(
    unlist(makers, use.names = FALSE),
    list("vec-last" = " or ", "vec-sep2" = " or ")
  )
}

refuse_missing_fit <- function(object, input, fits, name, classes) {
  makers <- makers_of(classes)
  abort_if(length(fits) > 0, c(
    if (is.null(name)) {
      "The object holds {length(fits)} fits: set {.arg name} to choose one."
    } else {
      "There is no fit of {.fn {makers}} named {.val {name}} in the object."
    },
    i = "Available: {.val {names(fits)}}."
  ))
  usual <- name %||% input$naming(makers)
  bare <- Filter(function(name) !is.null(input$embedding(name)), usual)
  abort_if(length(bare) > 0, c(
    "The reduction {.val {bare[1]}} of the object holds no fit.",
    i = "{.fn merge} and conversions between classes keep only the
         coordinates. Give the fit as {.arg fit}: {.fn get_fit} finds it in the
         object that this one was made from."
  ))
  verb <- if (makers[1] == "sailer") "RunSAILER" else "RunExpresser"
  abort(c(
    "There is no fit of {.fn {makers}} in {.obj_type_friendly {object}}.",
    i = "Run {.fn {verb}} on the object first, or give a {.arg fit}."
  ))
}
