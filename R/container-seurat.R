# Seurat objects, and assays and reductions without their objects.

#' @export
read_input.Seurat <- function(object, where = list()) {
  need_package("SeuratObject", "for Seurat objects")
  check_places(where, c("assay", "layer"), "Seurat objects")
  layer <- where$layer %||% "counts"
  delayedAssign("assay", {
    named <- where$assay
    if (is.null(named) && any(where$of %in% reductions)) {
      of <- SeuratObject::DefaultAssay(object[[where$of]])
      named <- intersect(of, SeuratObject::Assays(object))
    }
    choose_assay(object, named, isTRUE(where$values))
  })
  reductions <- SeuratObject::Reductions(object)
  fits <- lapply(stats::setNames(nm = reductions), function(name) {
    fit_of_reduction(object[[name]])
  })
  # Fits that were interrupted before there was an embedding.
  others <- SeuratObject::Misc(object, "sailer")
  fits <- c(fits, others[setdiff(names(others), reductions)])
  delayedAssign("counts", as_cells(
    object, assay = assay, layer = layer, features = where$features,
    counts = isTRUE(where$values)
  ))
  new_input(
    colnames(object), counts, object[[]],
    labels = layer_of_cells(object[[assay]], layer, counts$cells),
    place = list(assay = assay, layer = layer),
    ranges = function(peaks) assay_ranges(object[[assay]], peaks),
    annotation = signac_annotation(object[[assay]]),
    embedding = function(name) {
      if (name %in% reductions) SeuratObject::Embeddings(object, name)
    },
    models = fits[lengths(fits) > 0],
    guide = function(reference, place) {
      find_guide(seurat_rna(object, place %||% "RNA", assay), reference)
    },
    # SeuratObject 5 makes a sparse copy of a dense matrix.
    bytes = if (has_seurat_layers()) 20 else 8,
    files = abort(c(
      "Seurat keeps its assays in memory: {.arg file} is not supported here.",
      i = "To write one, use {.code impute(get_fit(object), object, file = )}."
    )),
    reference = "pca"
  )
}

#' @export
write_result.Seurat <- function(object, result) {
  if (!is.null(result$reference)) {
    object[[result$reference$name]] <-
      cover_cells(result$reference$values, colnames(object))
  }
  if (!is.null(result$embedding)) {
    object[[result$name]] <-
      cover_cells(new_reduction(result), colnames(object))
  } else if (!is.null(result$fit)) {
    fits <- SeuratObject::Misc(object, "sailer")
    fits[[result$name]] <- as_model(result$fit)
    suppressWarnings(SeuratObject::Misc(object, "sailer") <- fits)
  }
  if (!is.null(result$assay)) {
    name <- result$assay$name
    like <- object[[result$input$place$assay]]
    # SeuratObject 5 warns that an assay with only data has no counts, and that
    # it stores a dense matrix as a sparse one.
    without_warnings(c(
      "isn't present in the assay", "No layers found matching",
      "Coercing to dgCMatrix"
    ), {
      made <- new_data_assay(result$assay$values, like)
      SeuratObject::Key(made) <- unused_key(object, name)
      object[[name]] <- made
    })
  }
  if (!is.null(result$columns)) {
    columns <- all_rows(result$columns, colnames(object))
    object <- SeuratObject::AddMetaData(object, columns)
  }
  log_command(object, result)
}

# Evaluates `code`, and drops warnings that contain one of these texts.
without_warnings <- function(texts, code) {
  withCallingHandlers(code, warning = function(cnd) {
    found <- vapply(texts, grepl, NA, conditionMessage(cnd), fixed = TRUE)
    if (any(found)) tryInvokeRestart("muffleWarning")
  })
}

new_reduction <- function(result) {
  values <- result$embedding
  key <- result$key %||% reduction_key(result$name)
  columns <- paste0(key, seq_len(ncol(values)))
  colnames(values) <- columns
  loadings <- result$loadings
  if (!is.null(loadings)) colnames(loadings) <- columns
  SeuratObject::CreateDimReducObject(
    embeddings = values, loadings = loadings %||% methods::new("matrix"),
    key = key, assay = result$input$place$assay,
    stdev = unname(apply(values, 2, stats::sd)),
    misc = list(fit = as_model(result$fit), query = result$query)
  )
}

# Returns the key of a reduction. Each reduction needs its own key.
reduction_key <- function(name) {
  paste0(tolower(gsub("[^[:alnum:]]", "", name)), "_")
}

check_reduction_key <- function(key) {
  if (!is.null(key) &&
        !(rlang::is_string(key) && grepl("^[[:alnum:]]+_$", key))) {
    abort("{.arg reduction.key} must be letters and digits followed by an
           underscore, such as {.val sailer_}.")
  }
}

fit_of_reduction <- function(reduction) {
  methods::slot(reduction, "misc")[["fit"]]
}

# Adds an entry with the options to the object's log. Leaves out long values,
# and lists, which Seurat cannot print with cat().
log_command <- function(object, result) {
  command <- result$command
  if (is.null(command)) {
    return(object)
  }
  options <- command$options
  short <- vapply(
    options, function(value) is.atomic(value) && length(value) <= 100, NA
  )
  assay <- result$input$place$assay
  name <- paste(command$name, assay, sep = ".")
  object[[name]] <- methods::new(
    methods::getClass("SeuratCommand", where = asNamespace("SeuratObject")),
    name = name, time.stamp = Sys.time(), assay.used = assay,
    call.string = paste(deparse(command$call), collapse = " "),
    params = options[short & lengths(options) > 0]
  )
  object
}

# A reduction without its object.
#' @export
read_input.DimReduc <- function(object, where = list()) {
  fit <- fit_of_reduction(object)
  values <- SeuratObject::Embeddings(object)
  new_input(
    rownames(values),
    abort("A reduction alone has no counts: give the object."),
    embedding = function(name) values,
    models = if (!is.null(fit)) list(fit = fit) else list()
  )
}

# An assay without its object: batches and covariates are given as values, and
# the embedding is returned as a reduction.
#' @export
read_input.Assay <- function(object, where = list()) {
  need_package("SeuratObject", "for Seurat assays")
  check_places(where, c("assay", "layer"), "assays")
  layer <- where$layer %||% "counts"
  delayedAssign("counts", as_cells(
    object,
    layer = layer, features = where$features, counts = isTRUE(where$values)
  ))
  new_input(
    counts$cells, counts, labels = layer_of_cells(object, layer, counts$cells),
    place = list(assay = where$assay %||% "ATAC", layer = layer),
    ranges = function(peaks) assay_ranges(object, peaks),
    annotation = signac_annotation(object)
  )
}

#' @export
read_input.StdAssay <- read_input.Assay

#' @export
write_result.Assay <- function(object, result) {
  if (is.null(result$embedding)) result$fit else new_reduction(result)
}

#' @export
write_result.StdAssay <- write_result.Assay

# Assays of imputed values ----------------------------------------------------

# Returns the key of an assay, with a number if another one already has that
# key: Signac's gene activity in "ACTIVITY" has the key of "activity".
unused_key <- function(object, name) {
  keys <- SeuratObject::Key(object)
  keys <- c(keys[names(keys) != name], reduction_key(name))
  paste0(utils::tail(make.unique(sub("_$", "", keys), sep = ""), 1), "_")
}

# Returns an assay with these values as its data, of the same class as `like`,
# with ranges if the values belong to its peaks: Signac then takes them as they
# are (FindMarkers() compares their means, not those of exponentials).
new_data_assay <- function(values, like) {
  if (methods::is(values, "nMatrix")) values <- methods::as(values, "dMatrix")
  made <- if (methods::is(like, "StdAssay")) {
    seurat5("CreateAssay5Object")(data = values)
  } else {
    SeuratObject::CreateAssayObject(data = values)
  }
  ranges <- assay_ranges(like, rownames(values))
  if (!is.null(ranges)) made <- as_ranged_assay(made, like, ranges)
  made
}

# Gives an assay the Signac class of `like`, and its genome annotation.
as_ranged_assay <- function(assay, like, ranges) {
  signac <- function(name) getExportedValue("Signac", name)
  class <- intersect(c("GRangesAssay", "ChromatinAssay"), methods::is(like))
  if (length(class) == 0) {
    return(assay)
  }
  # The user saw this warning when the peaks were first given.
  without_warnings("Overlapping ranges", signac(paste0("as.", class[1]))(
    assay, ranges = ranges, annotation = signac("Annotation")(like),
    fragments = signac("Fragments")(like)
  ))
}

# Returns the gene annotation of a Signac assay, NULL for other assays.
signac_annotation <- function(assay) {
  if (methods::.hasSlot(assay, "annotation")) {
    need_package("Signac", "for the annotation of an assay")
    getExportedValue("Signac", "Annotation")(assay)
  }
}

# The RNA ---------------------------------------------------------------------

# Describes the RNA of an object in the form that find_guide() takes.
seurat_rna <- function(object, rna.assay, assay) {
  known <- SeuratObject::Assays(object)
  check_choice(rna.assay, known, "assay", "rna.assay", "the object")
  abort_if(rna.assay == assay, c(
    "Assay {.val {assay}} is used for both the peaks and the RNA.",
    i = "Set {.arg assay} to the assay with the peaks and {.arg rna.assay} to
         the one with the RNA. The object has {.val {known}}."
  ))
  list(
    depth = seurat_rna_depth(object, rna.assay), place = rna.assay,
    what = "reduction", known = SeuratObject::Reductions(object),
    embedding = function(name) {
      # With LSI, the peaks would guide themselves.
      if (SeuratObject::DefaultAssay(object[[name]]) == assay) {
        cli::cli_warn(c(
          "Reduction {.val {name}} belongs to assay {.val {assay}}, the peaks
           themselves.",
          i = "Only a reference from the RNA helps: set {.arg reference} to
               one."
        ), class = "sailer_reference")
      }
      SeuratObject::Embeddings(object, name)
    },
    usual = "pca", packages = "Seurat",
    steps = c("NormalizeData", "FindVariableFeatures", "ScaleData", "RunPCA"),
    how = "object <- Seurat::RunPCA(object, assay = \"RNA\")",
    made = function(cells) seurat_pca(object[[rna.assay]], rna.assay, cells),
    values = SeuratObject::Embeddings
  )
}

# Returns the number of RNA molecules of the assay's cells, named by cell.
seurat_rna_depth <- function(object, rna.assay) {
  stored <- object[[rna.assay]]
  load_class(stored)
  layers <- "counts"
  if (methods::is(stored, "StdAssay")) layers <- find_layers(stored, "counts")
  counts <- lapply(layers, function(name) get_layer(stored, name))
  counts <- Filter(function(matrix) all(dim(matrix) > 0), counts)
  depth <- unlist(lapply(counts, column_sums))
  abort_if(length(depth) == 0, c(
    "Assay {.val {rna.assay}} has no counts to compute the RNA depth from.",
    i = "Set {.arg rna.assay} to an assay with counts. The object has
         {.val {SeuratObject::Assays(object)}}."
  ), class = "data")
  depth[intersect(colnames(object), names(depth))]
}

# Uses a copy of the assay, so the object does not change.
seurat_pca <- function(rna, name, cells) {
  if (!identical(colnames(rna), cells)) rna <- subset(rna, cells = cells)
  from <- function(name) getExportedValue("Seurat", name)
  rna <- from("NormalizeData")(rna, verbose = FALSE)
  rna <- from("FindVariableFeatures")(rna, verbose = FALSE)
  rna <- from("ScaleData")(rna, verbose = FALSE)
  n_genes <- length(SeuratObject::VariableFeatures(rna))
  n <- n_components(n_genes, length(cells))
  # irlba is meant for a few of many components.
  few <- n < min(n_genes, length(cells)) / 2
  from("RunPCA")(rna, assay = name, npcs = n, approx = few, verbose = FALSE)
}
