# The reference of SAILERX: an embedding of the RNA of the same cells, and the
# depth of their RNA.

n_components <- function(n_genes, n_cells) {
  max(1, min(30, n_genes - 1, n_cells - 1))
}

# Reduces `found`, list(values, depth, where, ...), to what SAILERX uses of the
# RNA: reference and depth of the cells that have RNA and no NA in their row.
new_guide <- function(found, cells) {
  check_names(cells$cells, "cell", "column")
  values <- as.matrix(found$values)
  depth <- found$depth
  where <- found$where
  with_rna <- intersect(cells$cells, names(depth)[which(depth > 0)])
  values <- values[intersect(with_rna, rownames(values)), , drop = FALSE]
  values <- values[!is.na(rowSums(values)), , drop = FALSE]
  abort_if(nrow(values) < 2, c(
    "{nrow(values)} of the {length(cells$cells)} cells with peaks
     {cli::qty(nrow(values))}{?has/have} a reference: RNA counts, and a row in
     the {where}.",
    i = "{length(with_rna)} of them {?has/have} RNA counts."
  ), class = "data")
  without <- length(cells$cells) - nrow(values)
  if (without > 0) {
    note("{without} of the {length(cells$cells)} cells
          {cli::qty(without)}{?has/have} no reference: no RNA counts, or no row
          in the {where}. Such cells are left out of the alignment.")
  }
  found$values <- values
  found$depth <- depth[rownames(values)]
  found
}

# Column sums of counts in a matrix of any class: each matrix package has its
# own generic.
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

# Finds the reference in an object by its name, or computes it if it is the
# usual one and does not exist. `rna`: list(depth = molecules of each cell,
# named; place; what = "reduction"; known = names of existing ones; embedding =
# function(name)) and, for the usual one: `usual`, its name; `packages` and
# `steps`, the packages and functions that compute it; `how`, code that does so;
# made = function(cells), which computes it; values = function(made), its cells
# x dimensions.
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
  note("The object has no {rna$what} {.val {reference}}: computing it from
        {length(with_rna)} cells of assay {.val {rna$place}} with
        {.fn {rna$steps}}.")
  guide$made <- usual_steps(rna$made(with_rna), reference)
  guide$values <- rna$values(guide$made)
  guide
}

# Throws unless the reference is the usual one and the packages that compute it
# are installed.
check_can_make <- function(reference, rna) {
  lacking <- rna$packages[!vapply(rna$packages, is_installed, NA)]
  is_usual <- reference == rna$usual
  abort_if(!is_usual || length(lacking) > 0, c(
    "{.arg reference}: the object has no {rna$what} {.val {reference}}.",
    x = if (is_usual) "Computing it needs {.pkg {lacking}}, which {?is/are} not
                       installed.",
    i = if (length(rna$known) == 0) {
      "The object has no {rna$what} at all."
    } else {
      "The object has {.val {rna$known}}."
    },
    i = if (is_usual) "Install {cli::qty(length(lacking))}{?it/them}, or
          compute a reference from the RNA, such as with {.code {rna$how}}, and
          set {.arg reference} to its name."
  ))
}

check_enough_rna <- function(with_rna, n) {
  if (length(with_rna) < 2) {
    abort("{length(with_rna)} of the {n} cells
           {cli::qty(length(with_rna))}{?has/have} RNA counts: no reference can
           be computed from them.", class = "data")
  }
}

# Evaluates code of other packages with a fixed seed, and rethrows its errors as
# errors of this package.
usual_steps <- function(code, reference) {
  tryCatch(
    with_own_seed(42, code),
    error = function(cnd) {
      problem <- conditionMessage(cnd)
      abort(c(
        "The reference {.val {reference}} could not be computed: {problem}",
        i = "Compute one from the RNA in another way, and give it as
             {.arg reference}."
      ), class = "data")
    }
  )
}

# Files that also hold RNA ----------------------------------------------------

# Returns the RNA in the file from which these cells with peaks were read;
# throws if there is none.
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
  # Files without feature types, or with only one, return the same features
  # again.
  if (!is.null(rna) && !any(rna$peaks %in% cells$peaks)) {
    return(rna)
  }
  abort(c(
    "{.arg reference} is missing: give an embedding of the RNA of the cells.",
    i = "It is optional only for files that also hold the RNA: 10x multiome, or
         MuData with a modality {.val rna} or {.val gex}.",
    i = "Without RNA, use {.fn sailer}, which learns from the open peaks only."
  ))
}

# Returns the same as new_guide() for objects, list(values, depth): the PCA that
# MuData stores with its RNA, else one computed from the counts.
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
    note <- "The reference is a PCA computed from the RNA in {rna$origin}."
  }
  note(note)
  new_guide(list(values = values, depth = depth, where = where), cells)
}

# Uses Seurat, as RunSAILERX() does for Seurat objects, and nothing else: if the
# result depended on which packages are installed, it would differ between
# machines.
pca_of_rna <- function(rna, with_rna) {
  check_enough_rna(with_rna, ncol(rna))
  abort_if(!is_installed("Seurat"), c(
    "{rna$origin} has RNA but no PCA of it ({.val X_pca}), and {.pkg Seurat},
     which computes one, is not installed.",
    i = "Install it, or give an embedding of the RNA as {.arg reference}."
  ))
  counts <- as_sparse(rna[, with_rna])
  rownames(counts) <- paste0("gene", seq_len(nrow(counts)))
  assay <- SeuratObject::CreateAssayObject(counts)
  usual_steps(
    SeuratObject::Embeddings(seurat_pca(assay, "RNA", with_rna)),
    "PCA of the RNA"
  )
}

# Reads the counts of a handle into memory.
as_sparse <- function(cells) {
  slots <- core_cells_block(cells$source, seq_len(ncol(cells)))
  methods::new(
    "dgCMatrix", i = slots$i, p = slots$p, x = slots$x, Dim = dim(cells),
    Dimnames = list(cells$peaks, cells$cells)
  )
}
