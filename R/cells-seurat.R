# Seurat's assays as cells: the counts are read as they are stored; layers are
# never joined and nothing is rewritten.

#' @rdname as_cells
#' @param assay Name of the assay of a Seurat object. NULL, the default, takes
#'   its default assay or, if that has genes instead of peaks, the first assay
#'   with peaks, with a message.
#' @param layer Layer (in old assays, slot) with the counts. If a v5 assay has
#'   several layers, as after [split()], give the common prefix of their names
#'   (`"counts"` for `counts.donor1` and `counts.donor2`) or list their names.
#'   They are read one after another without being joined, and peaks missing
#'   from a layer count as closed in its cells.
#' @param features Names of the peaks to use. NULL, the default, uses all.
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
  need_package("SeuratObject", "for Seurat assays")
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

# Returns the name of the assay to use: `assay` if given, otherwise the default
# assay or, if that has genes instead of peaks, the first assay with peaks. With
# `genes` it is the other way round, and "RNA" is preferred.
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
    warn_unlike(
      cli::format_inline("Assay {.val {usual}}"), rownames(object[[usual]]),
      what, "Set {.arg assay} to the assay with the {what}."
    )
    return(usual)
  }
  note(c(
    "Using the {what} of assay {.val {others[1]}}, not the default assay
     {.val {usual}}. To use another assay, set {.arg assay}.",
    # FindClusters() looks only for the neighbours of the default assay.
    if (!genes) {
      "Before you call Seurat's own functions on them, set
       {.code DefaultAssay(object) <- \"{as_literal(others[1])}\"}."
    }
  ))
  others[1]
}

# Warns that `place` (text) is used for the peaks or genes (`what`) although its
# `features` do not look like them. `hint`: cli markup, which may name {what}.
warn_unlike <- function(place, features, what, hint) {
  cli::cli_warn(c(
    "{place} is used for the {what}, but its features are named like
     {.val {utils::head(features, 2)}}.",
    i = hint
  ), class = "sailer_assay")
}

# Returns whether features are peaks: they have ranges without a strand (genes
# have one), or are named by ranges.
are_peaks <- function(names, ranges = NULL) {
  if (!is.null(ranges)) {
    return(all(GenomicRanges::strand(ranges) == "*"))
  }
  mean(!is.na(parse_peaks(utils::head(names, 100))$start)) > 0.5
}

# Returns the names of the layers that `layer` refers to, in the order of the
# assay; the name of the slot for an assay of the old class.
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

# Joins handles of different cells, without copying: the peaks of all, in the
# order of `peaks`; the cells in the order of `order`.
join_cells <- function(parts, peaks, order) {
  cells <- unlist(lapply(parts, function(part) part$cells))
  if (anyDuplicated(cells)) {
    twice <- cells[duplicated(cells)]
    abort(c(
      "{length(twice)} cell{?s} {?is/are} in more than one layer:
       {few(twice)}.",
      i = "Set {.arg layer} to layers that have no cells in common."
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

# Returns the layer of each of `cells`, a factor; NULL if there is only one.
layer_of_cells <- function(assay, layer, cells) {
  if (!methods::is(assay, "StdAssay")) {
    return(NULL)
  }
  layers <- choose_layers(assay, layer)
  if (length(layers) < 2) {
    return(NULL)
  }
  members <- lapply(layers, function(name) layer_cell_names(assay, name))
  # Name layers counts.donor1 and counts.donor2 by what follows the first dot.
  short <- sub("^counts[._]", "", layers)
  if (anyDuplicated(short)) short <- layers
  at <- match(cells, unlist(members))
  factor(rep(short, lengths(members))[at], levels = short)
}

# Returns the ranges of the peaks if the assay has ranges, as Signac's
# ChromatinAssay and GRangesAssay do; otherwise NULL.
assay_ranges <- function(assay, peaks) {
  if (!is_installed("GenomicRanges") || is.null(methods::selectMethod(
    GenomicRanges::granges, class(assay), optional = TRUE
  ))) {
    return(NULL)
  }
  pick_ranges(GenomicRanges::granges(assay), rownames(assay), peaks)
}

# Returns the ranges of `peaks` among those of `rows`; NULL unless it has all.
pick_ranges <- function(ranges, rows, peaks) {
  at <- match(peaks, rows)
  if (length(ranges) != length(rows) || anyNA(at)) {
    return(NULL)
  }
  if (identical(at, seq_along(ranges))) ranges else ranges[at]
}
