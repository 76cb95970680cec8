# What sailerx() takes from the RNA in a file that holds both modalities.

# The RNA of the file that these cells with peaks are from, or NULL.
rna_beside <- function(cells) {
  file <- cells$file
  if (!isTRUE(file$layout %in% c("tenx", "h5ad", "h5mu", "mtx"))) {
    return(NULL)
  }
  rna <- tryCatch(
    open_cells(
      file$path, file$group, "Gene Expression",
      layer = if (file$layout == "h5ad") file$layer
    ),
    sailer_argument_error = function(cnd) NULL
  )
  # Files that tell no types, or have one alone, give the same features again.
  if (is.null(rna) || any(rna$peaks %in% cells$peaks)) NULL else rna
}

need_rna_beside <- function(cells, call = rlang::caller_env()) {
  rna_beside(cells) %||% abort(
    c(
      "{.arg reference} is missing: an embedding of the RNA of the cells.",
      i = "Only a file that holds the RNA too does without: 10x multiome, or
           MuData with a modality {.val rna} or {.val gex}.",
      i = "Without RNA, {.fn sailer} learns from the open peaks alone."
    ),
    call = call
  )
}

# list(reference, depth), as new_guide() makes it of objects: the PCA that
# MuData keeps with its RNA, else one that is made from the counts.
guide_of_file <- function(cells, rna, call = rlang::caller_env()) {
  check_names(rna$cells, "cell", "column", call)
  rna <- rna[, rna$cells %in% cells$cells]
  depth <- cell_depth(rna, counts = TRUE)
  kept <- rna$file$layout == "h5mu" &&
    "X_pca" %in% core_obsm_names(rna$file$path, rna$file$modality)
  if (kept) {
    where <- "reduced dimensions \"X_pca\""
    values <- cells_metadata(rna, reduction = "X_pca")
    note <- "The reference is {.val X_pca} of the RNA in {rna$origin}."
  } else {
    where <- "PCA of the RNA"
    values <- pca_of_rna(rna, names(depth)[depth > 0], call)
    note <- "The reference is a PCA that was made from the RNA in {rna$origin}."
  }
  cli::cli_inform(c(i = note), class = "sailer_note")
  new_guide(values, depth, cells, where, call)
}

# As RunSAILERX() makes it, by whichever packages are there.
pca_of_rna <- function(rna, with_rna, call) {
  check_enough_rna(with_rna, ncol(rna), call)
  packages <- list(
    c("SeuratObject", "Seurat"), c("SingleCellExperiment", "scuttle", "scran",
                                   "scater")
  )
  usable <- Filter(function(needs) all(vapply(needs, is_installed, NA)),
                   packages)
  if (length(usable) == 0) {
    abort(
      c(
        "{rna$origin} has RNA but no PCA of it ({.val X_pca}), and to make one
         takes {.pkg Seurat}, or {.pkg scuttle}, {.pkg scran} and
         {.pkg scater}; they are not installed.",
        i = "Give an embedding of the RNA as {.arg reference}."
      ),
      call = call
    )
  }
  counts <- as_sparse(rna[, with_rna])
  rownames(counts) <- paste0("gene", seq_len(nrow(counts)))
  usual_steps(if ("Seurat" %in% usable[[1]]) {
    assay <- SeuratObject::CreateAssayObject(counts)
    SeuratObject::Embeddings(seurat_pca(assay, "RNA", with_rna))
  } else {
    scater_pca(counts)
  }, "of the RNA", call)
}

# A handle's counts in memory.
as_sparse <- function(cells) {
  slots <- core_cells_block(cells$source, seq_len(ncol(cells)))
  methods::new(
    "dgCMatrix",
    i = slots$i, p = slots$p, x = slots$x, Dim = dim(cells),
    Dimnames = list(cells$peaks, cells$cells)
  )
}
