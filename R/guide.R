# The reference of SAILERX: an embedding of the RNA of the same cells, and how
# deep their RNA was sequenced.

n_components <- function(n_genes, n_cells) {
  max(1, min(30, n_genes - 1, n_cells - 1))
}

# What SAILERX takes of the RNA: of `found`, list(values, depth, where, ...),
# depth and reference of the cells that have RNA and whose row is whole.
new_guide <- function(found, cells) {
  check_names(cells$cells, "cell", "column")
  values <- as.matrix(found$values)
  depth <- found$depth
  where <- found$where
  with_rna <- intersect(cells$cells, names(depth)[which(depth > 0)])
  values <- values[intersect(with_rna, rownames(values)), , drop = FALSE]
  values <- values[!is.na(rowSums(values)), , drop = FALSE]
  abort_if(nrow(values) < 2, c(
    "{nrow(values)} of the {length(cells$cells)} cells with peaks {?has/have}
     a reference: RNA counts, and a row in the {where}.",
    i = "{length(with_rna)} of them {?has/have} RNA counts."
  ), class = "data")
  without <- length(cells$cells) - nrow(values)
  if (without > 0) {
    note("{without} of the {length(cells$cells)} cells {?has/have} no reference:
          no RNA counts, or no row in the {where}. They take no part in the
          alignment.")
  }
  found$values <- values
  found$depth <- depth[rownames(values)]
  found
}

# Sums of the columns of whatever holds counts: each package of matrices has a
# generic of its own.
column_sums <- function(x) {
  package <- if (methods::is(x, "DelayedMatrix")) {
    "DelayedArray"
  } else if (methods::is(x, "IterableMatrix")) {
    "BPCells"
  } else {
    "Matrix"
  }
  getExportedValue(package, "colSums")(x)
}

# What SAILERX takes of the RNA in an object: an embedding by its name, made
# where it is the usual one and not there. `rna`: list(depth = molecules of each
# cell, by name; place; what = "reduction"; known = names of these; embedding =
# function(name)) and, of the usual one, its name `usual`, the `packages` that
# make it, the `steps`, code that says `how`, and made = function(cells), and
# values = function(made), cells x dimensions.
find_guide <- function(rna, reference) {
  check_text(reference, "reference")
  guide <- list(
    depth = rna$depth, name = reference, place = rna$place,
    where = paste(rna$what, dQuote(reference, FALSE))
  )
  if (reference %in% rna$known) {
    guide$values <- rna$embedding(reference)
    return(guide)
  }
  check_can_make(reference, rna)
  with_rna <- names(rna$depth)[which(rna$depth > 0)]
  check_enough_rna(with_rna, length(rna$depth))
  note("The object has no {rna$what}s {.val {reference}}: they are made from
        {length(with_rna)} cells of assay {.val {rna$place}} by
        {.fn {rna$steps}}.")
  guide$made <- usual_steps(rna$made(with_rna), reference)
  guide$values <- rna$values(guide$made)
  guide
}

# Only the usual reference is made, and only where the packages for it are.
check_can_make <- function(reference, rna) {
  lacking <- rna$packages[!vapply(rna$packages, is_installed, NA)]
  is_usual <- reference == rna$usual
  abort_if(!is_usual || length(lacking) > 0, c(
    "{.arg reference}: the object has no {rna$what}s {.val {reference}}.",
    x = if (is_usual) "To make it takes {.pkg {lacking}}, which {?is/are} not
                       installed.",
    i = if (length(rna$known) == 0) {
      "The object has no {rna$what}s."
    } else {
      "Its {rna$what}s are {.val {rna$known}}."
    },
    i = if (is_usual) "Install {cli::qty(length(lacking))}{?it/them}, or make
          a reference from the RNA, such as {.code {rna$how}}, and name it in
          {.arg reference}."
  ))
}

check_enough_rna <- function(with_rna, n) {
  if (length(with_rna) < 2) {
    abort("{length(with_rna)} of the {n} cells {?has/have} RNA counts: no
           reference can be made from them.", class = "data")
  }
}

# What other packages do, under a seed, their errors as ours.
usual_steps <- function(code, reference) {
  tryCatch(
    with_own_seed(42, code),
    error = function(cnd) {
      problem <- conditionMessage(cnd)
      abort(c(
        "The reference {.val {reference}} could not be made: {problem}",
        i = "Make one from the RNA in another way, and name it in
             {.arg reference}."
      ), class = "data")
    }
  )
}

# Files that hold the RNA too -------------------------------------------------

# The RNA of the file that these cells with peaks are from.
need_rna_beside <- function(cells) {
  file <- cells$file
  rna <- if (isTRUE(file$layout %in% c("tenx", "h5ad", "h5mu", "mtx"))) {
    tryCatch(
      open_cells(
        file$path, file$group, "Gene Expression",
        layer = if (file$layout == "h5ad") file$layer
      ),
      sailer_argument_error = function(cnd) NULL
    )
  }
  # Files without types, or with one alone, give the same features again.
  if (!is.null(rna) && !any(rna$peaks %in% cells$peaks)) {
    return(rna)
  }
  abort(c(
    "{.arg reference} is missing: an embedding of the RNA of the cells.",
    i = "It is only optional for a file that holds the RNA too: 10x multiome, or
         MuData with a modality {.val rna} or {.val gex}.",
    i = "Without RNA, {.fn sailer} learns from the open peaks alone."
  ))
}

# list(values, depth), as new_guide() makes it of objects: the PCA that
# MuData keeps with its RNA, else one that is made from the counts.
guide_of_file <- function(cells, rna) {
  check_names(rna$cells, "cell", "column")
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
    values <- pca_of_rna(rna, names(depth)[depth > 0])
    note <- "The reference is a PCA that was made from the RNA in {rna$origin}."
  }
  note(note)
  new_guide(list(values = values, depth = depth, where = where), cells)
}

# By Seurat, as RunSAILERX() makes it of Seurat objects: a result that depended
# on the packages that are installed would not be the same on two machines.
pca_of_rna <- function(rna, with_rna) {
  check_enough_rna(with_rna, ncol(rna))
  abort_if(!is_installed("Seurat"), c(
    "{rna$origin} has RNA but no PCA of it ({.val X_pca}), and {.pkg Seurat},
     which makes one, is not installed.",
    i = "Install it, or give an embedding of the RNA as {.arg reference}."
  ))
  counts <- as_sparse(rna[, with_rna])
  rownames(counts) <- paste0("gene", seq_len(nrow(counts)))
  assay <- SeuratObject::CreateAssayObject(counts)
  usual_steps(
    SeuratObject::Embeddings(seurat_pca(assay, "RNA", with_rna)), "of the RNA"
  )
}

# A handle's counts in memory.
as_sparse <- function(cells) {
  slots <- core_cells_block(cells$source, seq_len(ncol(cells)))
  methods::new(
    "dgCMatrix", i = slots$i, p = slots$p, x = slots$x, Dim = dim(cells),
    Dimnames = list(cells$peaks, cells$cells)
  )
}
