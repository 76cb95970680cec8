# Seurat's assays as cells: the counts as they are stored, never joined, never
# rewritten.

#' @rdname as_cells
#' @param assay Name of the assay of a Seurat object; NULL, the default, takes
#'   its default assay.
#' @param layer Layer (slot, of old assays) with the counts. Several layers of a
#'   v5 assay, as [split()] makes them, are all meant by the common beginning of
#'   their names (`"counts"` for `counts.donor1` and `counts.donor2`), or named
#'   one by one; they are read one after another without being joined, and the
#'   peaks that a layer lacks count as closed in its cells.
#' @param features Names of the peaks to take; NULL, the default, takes all.
#' @export
as_cells.Seurat <- function(x, assay = NULL, layer = "counts", features = NULL,
                            ...) {
  need_package("SeuratObject", "for Seurat objects")
  assay <- choose_assay(x, assay, isTRUE(list(...)$counts))
  stored <- x[[assay]]
  load_class(stored)
  refuse_unknown_class(stored)
  cells <- as_cells(stored, layer = layer, features = features, ...)
  cells$origin <- paste0("assay '", assay, "' of a Seurat object")
  cells$no_empty <- no_empty_cells(features, assay = assay)
  take_cells(cells, intersect(colnames(x), cells$cells))
}

#' @rdname as_cells
#' @export
as_cells.Assay <- function(x, layer = "counts", features = NULL, ...) {
  need_package("SeuratObject", "for assays of Seurat")
  layers <- choose_layers(x, layer)
  parts <- lapply(layers, function(name) as_cells(get_layer(x, name), ...))
  cells <- join_cells(parts, rownames(x), colnames(x))
  cells$origin <- if (length(parts) == 1) {
    paste0("layer '", layers, "' of a Seurat assay")
  } else {
    paste(length(parts), "layers of a Seurat assay")
  }
  cells$no_empty <- "subset(x, cells = names(which(cell_depth(x) > 0)))"
  cells$ranges <- assay_ranges(x, cells$peaks)
  take_features(cells, features, "the assay")
}

#' @rdname as_cells
#' @export
as_cells.StdAssay <- as_cells.Assay

# The name of the assay to use: the one named, or the default assay, or where
# that has genes in place of peaks (`genes`: the other way round) the first one
# that has what is wanted.
choose_assay <- function(object, assay, genes = FALSE) {
  known <- SeuratObject::Assays(object)
  if (length(assay) > 0) {
    check_choice(assay, known, "assay", "assay", "the object")
    return(assay)
  }
  usual <- SeuratObject::DefaultAssay(object)
  fits <- function(name) {
    stored <- object[[name]]
    names <- rownames(stored)
    are_peaks(names, assay_ranges(stored, utils::head(names))) != genes
  }
  if (fits(usual)) {
    return(usual)
  }
  others <- Filter(fits, setdiff(known, usual))
  if (genes && "RNA" %in% others) others <- "RNA"
  what <- if (genes) "genes" else "peaks"
  if (length(others) == 0) {
    cli::cli_warn(c(
      "Assay {.val {usual}} is taken for the {what}, but its features are named
       like {.val {utils::head(rownames(object[[usual]]), 2)}}.",
      i = "Name the assay with the {what} in {.arg assay}."
    ), class = "sailer_assay")
    return(usual)
  }
  note(c(
    "The {what} are those of assay {.val {others[1]}}, not of the default assay
     {.val {usual}}. Name another one in {.arg assay}.",
    # FindClusters() looks for the neighbours of the default assay alone.
    if (!genes) {
      "Before Seurat's own functions on them:
       {.code DefaultAssay(object) <- \"{as_literal(others[1])}\"}."
    }
  ))
  others[1]
}

# Are these peaks: with ranges of their own, or named by them?
are_peaks <- function(names, ranges = NULL) {
  if (!is.null(ranges)) {
    return(TRUE)
  }
  mean(!is.na(parse_peaks(utils::head(names, 100))$start)) > 0.5
}

# Names of the layers that `layer` means, in the order of the assay; of an assay
# of the old class the slot.
choose_layers <- function(assay, layer) {
  if (!methods::is(assay, "StdAssay")) {
    must_be_among(layer, c("counts", "data"))
    abort_if(any(dim(get_layer(assay, layer)) == 0), c(
      "The assay has no {layer}.",
      i = "SAILER needs the counts of peaks x cells; put them into
           {.code slot(assay, \"counts\")}."
    ), class = "data")
    return(layer)
  }
  asked_names(layer, "layer", "layer")
  found <- lapply(layer, function(name) find_layers(assay, name))
  lost <- layer[lengths(found) == 0]
  if (length(lost) > 0) {
    known <- find_layers(assay, NA)
    abort(c(
      "The assay has no layer {.val {lost[1]}}.",
      i = "Its layers are {.val {known}}."
    ))
  }
  intersect(find_layers(assay, NA), unlist(found))
}

# Several handles with different cells as one, without copying any: the peaks
# of all, in the order of `peaks`; the cells in the order of `order`.
join_cells <- function(parts, peaks, order) {
  cells <- unlist(lapply(parts, function(part) part$cells))
  if (anyDuplicated(cells)) {
    twice <- cells[duplicated(cells)]
    abort(c(
      "{length(twice)} cell{?s} {?is/are} in more than one layer:
       {few(twice)}.",
      i = "Name in {.arg layer} only layers that have no cells in common."
    ), class = "data")
  }
  found <- unlist(lapply(parts, function(part) part$peaks))
  peaks <- peaks[peaks %in% found]
  joined <- parts[[1]]
  if (length(parts) > 1 || !identical(joined$peaks, peaks)) {
    joined <- new_cells(core_cells_concat(
      lapply(parts, function(part) part$source),
      lapply(parts, function(part) match(part$peaks, peaks)), length(peaks)
    ), peaks, cells, joined$origin)
  }
  take_cells(joined, order[order %in% cells])
}

# Which layer each of the named cells is in, when there are several: a factor.
layer_of_cells <- function(assay, layer, cells) {
  if (!methods::is(assay, "StdAssay")) {
    return(NULL)
  }
  layers <- choose_layers(assay, layer)
  if (length(layers) < 2) {
    return(NULL)
  }
  members <- lapply(layers, function(name) layer_cell_names(assay, name))
  # counts.donor1 and counts.donor2 differ in what follows the first dot.
  short <- sub("^counts[._]", "", layers)
  if (anyDuplicated(short)) short <- layers
  at <- match(cells, unlist(members))
  factor(rep(short, lengths(members))[at], levels = short)
}

# Ranges of the peaks where an assay has some, as Signac's ChromatinAssay and
# GRangesAssay do.
assay_ranges <- function(assay, peaks) {
  if (!is_installed("GenomicRanges") || is.null(methods::selectMethod(
    GenomicRanges::granges, class(assay), optional = TRUE
  ))) {
    return(NULL)
  }
  pick_ranges(GenomicRanges::granges(assay), rownames(assay), peaks)
}

# Those of `peaks` among the ranges of `rows`; NULL unless all are known.
pick_ranges <- function(ranges, rows, peaks) {
  at <- match(peaks, rows)
  if (length(ranges) != length(rows) || anyNA(at)) {
    return(NULL)
  }
  if (identical(at, seq_along(ranges))) ranges else ranges[at]
}
