#' Imputed accessibility in Seurat and SingleCellExperiment objects
#'
#' A thin layer over [impute()]: finds the fit that [RunSAILER()] or
#' [RunSAILERX()] left in the object, decodes its cells with depth and batch
#' held fixed, and puts the result into the object beside the counts, which stay
#' as they are. Cells that came to the object after training are embedded from
#' their counts first. When anything fails the given object is untouched.
#'
#' @section Seurat:
#' The result is a new assay with the imputed values in its `data`; its class is
#' that of the assay with the counts: `Assay`, `Assay5`, or Signac's
#' `ChromatinAssay` or `GRangesAssay` with the ranges of the peaks, the gene
#' annotation and the fragments. Seurat keeps its assays in memory: for more
#' than some thousand peaks take `features`, or `n_open` or `threshold` for a
#' sparse one.
#'
#' @section SingleCellExperiment:
#' Where the model knows all rows of the experiment that has the counts and
#' `features` leaves none out, the result is a further assay of it. Otherwise,
#' as the model leaves out peaks that are open in few cells, it is an
#' alternative experiment with one assay of the same name, with the ranges of
#' its rows where they are known. With `file` the values are in an HDF5 file, of
#' any size, which has to stay where it is.
#'
#' @param object A `Seurat` object or a `SingleCellExperiment` with a fit.
#' @param ... Options of [impute()], which documents them: `batch`, `depth`,
#'   `covariates`, `calibrated`, `threshold`, `n_open`, `binary` (FALSE here:
#'   both objects keep numbers), and for SingleCellExperiment objects `file` and
#'   `overwrite`.
#' @param features Names of the peaks, or a `GRanges` that they overlap. NULL,
#'   the default, takes all that the model knows, if they fit into memory.
#' @param name Name of the reduction whose fit to use; see [get_fit()].
#' @param new.assay.name Name of the new assay, or alternative experiment.
#'   Default `"imputed"`.
#' @param assay,layer Assay and layer with the counts of cells that the fit does
#'   not know; NULL, the default, takes the assay that the fit was trained on.
#' @param assay.type,altexp Name of the assay with the counts, as for
#'   [RunSAILER()], and of the alternative experiment that it is in; NULL, the
#'   default, takes the main experiment. Counts are read for cells that the fit
#'   does not know alone.
#'
#' @return The object with the imputed values of all its cells: a `Seurat`
#'   object with a further assay, and the command logged; a
#'   `SingleCellExperiment` with a further assay or alternative experiment.
#' @section Errors:
#' `sailer_argument_error` when the object has no fit, when the result is too
#' large for memory (with its size and what to do), and when the new assay would
#' take the place of the counts; and the errors of [impute()].
#' @seealso [impute()], which says what the values mean.
#' @references Cao (2023), sections 2.2.4 and 3.2.5.
#' @examples
#' sim <- simulate_atac(n_cells = 200, n_peaks = 500, n_types = 3, seed = 1)
#' brief <- train_control(epochs = 3, verbose = FALSE)
#'
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts, assay = "ATAC")
#'   object <- RunSAILER(object, hidden = 32, control = brief)
#'   some <- get_fit(object)$peaks[1:20]
#'   object <- ImputeSAILER(object, features = some)
#'   print(object[["imputed"]])
#' }
#'
#' if (requireNamespace("SingleCellExperiment", quietly = TRUE)) {
#'   sce <- SingleCellExperiment::SingleCellExperiment(
#'     list(counts = sim$counts)
#'   )
#'   sce <- RunSAILER(sce, hidden = 32, control = brief)
#'   sce <- ImputeSAILER(sce)
#'   print(sce)
#' }
#' @order 1
#' @export
ImputeSAILER <- function(object, ...) {
  UseMethod("ImputeSAILER")
}

#' @export
ImputeSAILER.default <- function(object, ...) {
  if (load_class(object)) {
    return(ImputeSAILER(object, ...))
  }
  abort(
    c(
      "{.fn ImputeSAILER} is for Seurat and SingleCellExperiment objects, not
       for {.obj_type_friendly {object}}.",
      i = "For a fit of {.fn sailer} call {.fn impute}."
    )
  )
}

# Numbers are what assays keep: open peaks come as such only when asked for.
# `ranges` are those of the model's peaks, NULL where the object has none.
impute_object <- function(fit, points, features, options, call, ranges) {
  known <- setdiff(names(formals(impute.sailer_fit)), c(
    "fit", "x", "cells", "peaks", "reference", "..."
  ))
  check_options(options, known, call)
  defaults <- as.list(formals(impute.sailer_fit))[known]
  defaults["binary"] <- FALSE
  options <- c(options, defaults[setdiff(known, names(options))])
  do.call(impute_points, c(
    list(fit, points, features), options,
    list(call = call, arg = "features", ranges = ranges)
  ))
}

# As impute_points() wants them: the embedding of `cells` in their order, of
# those that the fit has embedded (rows_in_fit()) as it is, of others from their
# counts, which `counts()` gives.
points_of_object <- function(held, cells, counts, call, in_file = "") {
  ways <- paste0(
    "Name fewer {.arg features}; or keep the open peaks alone
     ({.arg threshold}, {.arg n_open})", in_file, "."
  )
  function(n_peaks, form) {
    check_result_size(form, n_peaks, length(cells), call, ways)
    rows <- rows_in_fit(held, cells)
    known <- cells[!is.na(rows)]
    others <- cells[is.na(rows)]
    z <- held$fit$embedding[rows[!is.na(rows)], , drop = FALSE]
    if (length(known) > 0) rownames(z) <- known
    if (length(others) > 0) {
      given <- counts()
      check_known(others, given$cells, "cell", "object", "its counts",
        call = call
      )
      z <- rbind(z, stats::predict(held$fit, given[, others]))
    }
    z[cells, , drop = FALSE]
  }
}

#' @rdname ImputeSAILER
#' @export
ImputeSAILER.Seurat <- function(object, features = NULL, name = NULL,
                                new.assay.name = "imputed", assay = NULL,
                                layer = "counts", ...) {
  need_package("SeuratObject", "for Seurat objects")
  check_text(new.assay.name, "new.assay.name")
  options <- list(...)
  held <- held_fit(object, name)
  assay <- choose_assay(object, assay %||% held$assay)
  refuse_place_of_counts(new.assay.name, assay)
  if (!is.null(options$file)) {
    abort(c(
      "Seurat keeps its assays in memory: {.arg file} is not taken here.",
      i = "{.code impute(get_fit(object), file = )} writes one."
    ))
  }
  values <- impute_object(
    held$fit,
    points_of_object(held, colnames(object), function() {
      as_cells(object, assay = assay, layer = layer)
    }, environment()),
    features, options, environment(),
    assay_ranges(object[[assay]], held$fit$peaks)
  )
  object <- add_data_assay(object, new.assay.name, values, assay)
  command <- SeuratObject::LogSeuratCommand(object, return.command = TRUE)
  command <- complete_command(command, options, "ImputeSAILER", assay)
  object[[command@name]] <- command
  object
}

refuse_place_of_counts <- function(name, counts, call = rlang::caller_env()) {
  if (name == counts) {
    abort(
      c(
        "{.arg new.assay.name}: {.val {name}} has the counts, which are kept.",
        i = "Take another name."
      ),
      call = call
    )
  }
}

# The object with these values as the data of a new assay, beside the one that
# has the counts.
add_data_assay <- function(object, name, values, assay) {
  without_layer_warnings(`[[<-`(
    object, name,
    value = new_data_assay(values, object[[assay]], name)
  ))
}

# SeuratObject 5 tells, where it looks for counts, that an assay of data alone
# has none, and that it stores what is dense as a sparse matrix.
without_layer_warnings <- function(code) {
  known <- c(
    "isn't present in the assay", "No layers found matching",
    "Coercing to dgCMatrix"
  )
  withCallingHandlers(code, warning = function(cnd) {
    told <- vapply(known, grepl, NA, conditionMessage(cnd), fixed = TRUE)
    if (any(told)) tryInvokeRestart("muffleWarning")
  })
}

# An assay with these values as its data, of the class that `like` has: one with
# ranges where the values are of its peaks, for there Signac takes them for what
# they are (FindMarkers() compares their means, not those of exponentials).
new_data_assay <- function(values, like, name) {
  if (methods::is(values, "nMatrix")) values <- methods::as(values, "dMatrix")
  made <- if (methods::is(like, "StdAssay")) {
    seurat5("CreateAssay5Object")(data = values)
  } else {
    SeuratObject::CreateAssayObject(data = values)
  }
  ranges <- assay_ranges(like, rownames(values))
  if (!is.null(ranges)) made <- as_ranged_assay(made, like, ranges)
  key <- paste0(tolower(gsub("[^[:alnum:]]", "", name)), "_")
  SeuratObject::Key(made) <- key
  made
}

# Signac's class of `like` for an assay, with what `like` says of the genome.
as_ranged_assay <- function(assay, like, ranges) {
  signac <- function(name) getExportedValue("Signac", name)
  ranged <- if (methods::is(like, "GRangesAssay")) {
    signac("as.GRangesAssay")
  } else if (methods::is(like, "ChromatinAssay")) {
    signac("as.ChromatinAssay")
  } else {
    return(assay)
  }
  withCallingHandlers(
    ranged(
      assay, ranges = ranges, annotation = signac("Annotation")(like),
      fragments = signac("Fragments")(like)
    ),
    # Said when the peaks were given already.
    warning = function(cnd) {
      if (grepl("Overlapping ranges", conditionMessage(cnd), fixed = TRUE)) {
        tryInvokeRestart("muffleWarning")
      }
    }
  )
}

#' @rdname ImputeSAILER
#' @export
ImputeSAILER.SingleCellExperiment <- function(object, features = NULL,
                                              name = NULL,
                                              new.assay.name = "imputed",
                                              assay.type = NULL,
                                              altexp = NULL, ...) {
  need_package("SingleCellExperiment", "for SingleCellExperiment objects")
  need_package("SummarizedExperiment", "for SingleCellExperiment objects")
  check_text(new.assay.name, "new.assay.name")
  options <- list(...)
  if (!is.null(options$file)) {
    need_package("HDF5Array", "to have an assay in a file")
  }
  held <- held_fit(object, name)
  host <- experiment_of_counts(object, altexp)
  refuse_place_of_counts(
    new.assay.name, assay.type %||% usual_assay_type(host)
  )
  values <- impute_object(
    held$fit,
    points_of_object(held, colnames(object), function() {
      as_cells(object, assay.type = assay.type, altexp = altexp)
    }, environment(), "; or have the values in a {.arg file}"),
    features, options, environment(),
    ranges_of_experiment(host, held$fit$peaks)
  )
  store_imputed(object, host, altexp, values, new.assay.name)
}

experiment_of_counts <- function(object, altexp, call = rlang::caller_env()) {
  if (is.null(altexp)) {
    return(object)
  }
  check_text(altexp, "altexp", call = call)
  check_known(
    altexp, SingleCellExperiment::altExpNames(object),
    "alternative experiment", "altexp", "the object", call = call
  )
  SingleCellExperiment::altExp(object, altexp)
}

store_imputed <- function(object, host, altexp, values, name) {
  rows <- experiment_names(host)
  if (setequal(rows, rownames(values))) {
    SummarizedExperiment::assay(host, name, withDimnames = FALSE) <-
      values[rows, ]
    if (is.null(altexp)) {
      return(host)
    }
    SingleCellExperiment::altExp(object, altexp) <- host
    return(object)
  }
  made <- SingleCellExperiment::SingleCellExperiment(
    stats::setNames(list(values), name)
  )
  ranges <- ranges_of_experiment(host, rownames(values))
  if (!is.null(ranges)) {
    SummarizedExperiment::rowRanges(made) <- stats::setNames(
      ranges, rownames(values)
    )
  }
  SingleCellExperiment::altExp(object, name) <- made
  object
}
