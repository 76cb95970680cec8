#' Gene activity in Seurat and SingleCellExperiment objects
#'
#' A thin layer over [gene_activity()]: finds the fit that [RunSAILER()] or
#' [RunSAILERX()] left in the object, and puts the activities of its cells into
#' the object: a further assay of a Seurat object, whose `data` they are, or an
#' alternative experiment of a SingleCellExperiment. Everything else stays as it
#' is. Cells that came to the object after training are embedded from their
#' counts first.
#'
#' @param genes `GRanges` of the genes, as [gene_activity()] takes it. NULL, the
#'   default, takes `Signac::Annotation(object)`, where the assay with the peaks
#'   is one of Signac; `subset(Annotation(object), gene_biotype ==
#'   "protein_coding")` is less.
#' @param object A `Seurat` object or a `SingleCellExperiment` with a fit.
#' @param ... Options of [gene_activity()], which documents them: `upstream`,
#'   `downstream`, `normalise`, `column`, `batch`, `depth`, `covariates`,
#'   `calibrated` and `ranges`, by default those that the assay or the
#'   experiment has of its peaks.
#' @param name Name of the reduction whose fit to use; see [get_fit()].
#' @param new.assay.name Name of the new assay or alternative experiment.
#'   Default `"activity"`.
#' @param assay,layer Assay and layer with the counts of cells that the fit does
#'   not know; NULL, the default, takes the assay that the fit was trained on.
#' @param assay.type,altexp The same of a SingleCellExperiment: name of the
#'   assay with the counts, and of the alternative experiment that it is in,
#'   NULL for the main one.
#' @return The object with the activities, genes x cells.
#' @section Errors:
#' `sailer_argument_error` when the object has no fit, when there are neither
#' `genes` nor an annotation in the object, and when the new assay would take
#' the place of the counts; and the errors of [gene_activity()].
#' @references Cao (2023), figure 2.8B.
#' @examplesIf requireNamespace("GenomicRanges", quietly = TRUE)
#' sim <- simulate_atac(n_cells = 100, n_peaks = 300, n_types = 2, seed = 1)
#' genes <- GenomicRanges::GRanges(
#'   c("chr1:5000-30000:+", "chr2:40000-60000:-"),
#'   gene_name = c("GeneA", "GeneB")
#' )
#' if (requireNamespace("SeuratObject", quietly = TRUE)) {
#'   object <- SeuratObject::CreateSeuratObject(sim$counts, assay = "ATAC")
#'   object <- RunSAILER(
#'     object,
#'     hidden = 16, control = train_control(epochs = 3, verbose = FALSE)
#'   )
#'   object <- GeneActivitySAILER(object, genes)
#'   print(object[["activity"]])
#' }
#' @order 1
#' @export
GeneActivitySAILER <- function(object, genes = NULL, ...) {
  UseMethod("GeneActivitySAILER")
}

#' @export
GeneActivitySAILER.default <- function(object, genes = NULL, ...) {
  if (load_class(object)) {
    return(GeneActivitySAILER(object, genes, ...))
  }
  abort(
    c(
      "{.fn GeneActivitySAILER} is for Seurat and SingleCellExperiment objects,
       not for {.obj_type_friendly {object}}.",
      i = "For a fit of {.fn sailer} call {.fn gene_activity}."
    )
  )
}

# `ranges` are those of the model's peaks, NULL where the object has none.
activity_of_object <- function(held, cells, counts, genes, options, ranges,
                               call) {
  known <- c(
    "upstream", "downstream", "normalise", "column", "batch", "depth",
    "covariates", "calibrated", "ranges"
  )
  check_options(options, known, call)
  normalise <- rlang::arg_match0(
    options$normalise %||% "sum", c("sum", "mean"), "normalise",
    error_call = call
  )
  usual <- list(upstream = 2000, downstream = 0, calibrated = TRUE)
  options$normalise <- normalise
  options$ranges <- options$ranges %||% ranges
  options <- c(options, usual[setdiff(names(usual), names(options))])
  points <- points_of_object(held, cells, counts, call)
  activity_at(
    held$fit, function() points(1, list(kind = "open")), length(cells), genes,
    options, call
  )
}

#' @rdname GeneActivitySAILER
#' @export
GeneActivitySAILER.Seurat <- function(object, genes = NULL, name = NULL,
                                      new.assay.name = "activity",
                                      assay = NULL, layer = "counts", ...) {
  need_package("SeuratObject", "for Seurat objects")
  check_text(new.assay.name, "new.assay.name")
  held <- held_fit(object, name)
  assay <- choose_assay(object, assay %||% held$assay)
  refuse_place_of_counts(new.assay.name, assay)
  values <- activity_of_object(
    held, colnames(object), function() {
      as_cells(object, assay = assay, layer = layer)
    }, genes %||% annotation_of_assay(object[[assay]], assay), list(...),
    assay_ranges(object[[assay]], held$fit$peaks), environment()
  )
  object <- add_data_assay(object, new.assay.name, values, assay)
  command <- SeuratObject::LogSeuratCommand(object, return.command = TRUE)
  command <- complete_command(
    command, list(...), "GeneActivitySAILER", assay
  )
  object[[command@name]] <- command
  object
}

# The genes that an assay of Signac knows.
annotation_of_assay <- function(assay, name, call = rlang::caller_env()) {
  found <- if (methods::.hasSlot(assay, "annotation")) {
    need_package("Signac", "for the annotation of an assay", call)
    getExportedValue("Signac", "Annotation")(assay)
  }
  if (length(found) == 0) {
    abort(
      c(
        "{.arg genes} is missing, and assay {.val {name}} has no annotation of
         genes.",
        i = "Give a GRanges of the genes, or put one into a ChromatinAssay by
             {.code Annotation(object) <- genes}."
      ),
      call = call
    )
  }
  found
}

#' @rdname GeneActivitySAILER
#' @export
GeneActivitySAILER.SingleCellExperiment <- function(object, genes = NULL,
                                                    name = NULL,
                                                    new.assay.name = "activity",
                                                    assay.type = NULL,
                                                    altexp = NULL, ...) {
  need_package("SingleCellExperiment", "for SingleCellExperiment objects")
  check_text(new.assay.name, "new.assay.name")
  held <- held_fit(object, name)
  if (!is.null(altexp)) refuse_place_of_counts(new.assay.name, altexp)
  host <- experiment_of_counts(object, altexp)
  values <- activity_of_object(
    held, colnames(object), function() {
      as_cells(object, assay.type = assay.type, altexp = altexp)
    }, genes, list(...),
    ranges_of_experiment(host, held$fit$peaks),
    environment()
  )
  made <- SingleCellExperiment::SingleCellExperiment(
    stats::setNames(list(values), new.assay.name)
  )
  SingleCellExperiment::altExp(object, new.assay.name) <- made
  object
}
