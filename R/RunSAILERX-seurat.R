# SAILERX on Seurat objects.

#' @rdname RunSAILERX
#' @export
RunSAILERX.Seurat <- function(object, assay = NULL, rna.assay = "RNA",
                              reference = "pca", layer = "counts",
                              features = NULL, batch = NULL, covariates = NULL,
                              reduction.name = "sailerx",
                              reduction.key = "sailerx_", unit = TRUE,
                              resume = NULL, ...) {
  need_package("SeuratObject", "for Seurat objects")
  assay <- choose_assay(object, assay)
  check_text(reduction.name, "reduction.name")
  check_reduction_key(reduction.key)
  check_text(reference, "reference")
  check_flag(unit)
  check_not_same(reduction.name, reference, "reduction.name")
  check_fit_options(list(...), resume, sailerx)
  if (!goes_on(resume)) {
    check_rna_assay(object, rna.assay, assay)
  }
  given <- read_seurat(object, assay, layer, features, batch, covariates)
  guide <- NULL
  if (!goes_on(resume)) {
    depth <- seurat_rna_depth(object, rna.assay)
    object <- with_reduction(object, reference, depth, rna.assay, assay)
    guide <- new_guide(
      SeuratObject::Embeddings(object, reference), depth, given$cells,
      paste("reduction", dQuote(reference, FALSE))
    )
  }

  own <- function() get_fit(object, reduction.name)
  fit <- fit_cells(
    given$cells, given$batch, given$covariates, resume, own, ...,
    guided = TRUE, guide = guide
  )
  object <- store_in_seurat(
    object, fit, assay, reduction.name, reduction.key, unit
  )
  if (is.null(fit$embedding)) {
    return(object)
  }
  command <- SeuratObject::LogSeuratCommand(object, return.command = TRUE)
  command <- complete_command(
    command, c(list(...), fit$control), "RunSAILERX", assay
  )
  object[[command@name]] <- command
  object
}

check_rna_assay <- function(object, rna.assay, assay,
                            call = rlang::caller_env()) {
  known <- SeuratObject::Assays(object)
  check_text(rna.assay, "rna.assay", call = call)
  check_known(rna.assay, known, "assay", "rna.assay", "the object", call = call)
  if (rna.assay == assay) {
    abort(
      c(
        "Assay {.val {assay}} is taken for the peaks and for the RNA.",
        i = "Name the one with the peaks in {.arg assay}, the one with the RNA
             in {.arg rna.assay}. There {cli::qty(length(known))}{?is/are}
             {.val {known}}."
      ),
      call = call
    )
  }
}

# RNA molecules of the cells that the assay covers, named by cell.
seurat_rna_depth <- function(object, rna.assay, call = rlang::caller_env()) {
  stored <- object[[rna.assay]]
  load_class(stored)
  counts <- count_matrices(stored)
  if (length(counts) == 0) {
    abort(
      c(
        "Assay {.val {rna.assay}} has no counts, from which the RNA depth
         comes.",
        i = "Name in {.arg rna.assay} an assay that has them. There are
             {.val {SeuratObject::Assays(object)}}."
      ),
      class = "data", call = call
    )
  }
  unlist(lapply(counts, column_sums))
}

# The object with the reference among its reductions.
with_reduction <- function(object, reference, depth, rna.assay, assay,
                           call = rlang::caller_env()) {
  known <- SeuratObject::Reductions(object)
  if (reference %in% known) {
    tell_of_strange_reference(object, reference, assay)
    return(object)
  }
  check_can_make(
    reference, "pca", known, "reductions", "Seurat",
    "object <- Seurat::RunPCA(object, assay = \"RNA\")", call
  )
  with_rna <- intersect(colnames(object), names(depth)[which(depth > 0)])
  check_enough_rna(with_rna, ncol(object), call)
  cli::cli_inform(c(
    i = "There is no reduction {.val {reference}}: it is made from the
         {length(with_rna)} cells of assay {.val {rna.assay}} by
         {.fn NormalizeData}, {.fn FindVariableFeatures}, {.fn ScaleData} and
         {.fn RunPCA}."
  ), class = "sailer_note")
  made <- usual_steps(
    seurat_pca(object[[rna.assay]], rna.assay, with_rna), reference, call
  )
  object[[reference]] <- cover_cells(made, colnames(object))
  object
}

# On the assay alone, a copy: of the object nothing changes.
seurat_pca <- function(rna, name, cells) {
  if (!identical(colnames(rna), cells)) rna <- subset(rna, cells = cells)
  from <- function(name) getExportedValue("Seurat", name)
  rna <- from("NormalizeData")(rna, verbose = FALSE)
  rna <- from("FindVariableFeatures")(rna, verbose = FALSE)
  rna <- from("ScaleData")(rna, verbose = FALSE)
  n_genes <- length(SeuratObject::VariableFeatures(rna))
  n <- n_components(n_genes, length(cells))
  # irlba is for the first few of many components.
  few <- n < min(n_genes, length(cells)) / 2
  from("RunPCA")(rna, assay = name, npcs = n, approx = few, verbose = FALSE)
}

# LSI as the reference would guide the peaks by themselves.
tell_of_strange_reference <- function(object, reference, assay) {
  source <- SeuratObject::DefaultAssay(object[[reference]])
  if (identical(source, assay)) {
    cli::cli_warn(
      c(
        "Reduction {.val {reference}} is of assay {.val {assay}}, the peaks
         themselves.",
        i = "A reference from the RNA is what helps: name one in
             {.arg reference}."
      ),
      class = "sailer_reference"
    )
  }
}
