# Multiome cells for the tests of RunSAILERX().

# The encoder is trained from the first step on, and the last epoch is kept.
moving_control <- function() {
  utils::modifyList(brief_control(), list(frozen = 0, patience = 0))
}

brief_x <- function(object, ...) {
  RunSAILERX(object, hidden = 16, n_latent = 4, control = moving_control(), ...)
}

# The small simulation with genes that follow the types, a random depth for each
# cell, and a PCA of the genes.
small_multiome <- function() {
  sim <- small_simulation()
  rna <- withr::with_seed(5, {
    mean <- matrix(rexp(50 * 3, 0.3), 50)[, sim$cells$cell_type]
    mean <- sweep(mean, 2, exp(rnorm(120, sd = 0.3)), "*")
    methods::as(matrix(rpois(length(mean), mean), 50), "CsparseMatrix")
  })
  dimnames(rna) <- list(sprintf("gene%d", 1:50), colnames(sim$counts))
  sim$rna <- rna
  sim$pca <- prcomp(t(log1p(as.matrix(rna))), rank. = 6)$x
  sim
}

# What RunSAILERX() must agree with, computed from the matrices themselves.
brief_sailerx <- function(sim, x = sim$counts, reference = sim$pca,
                          rna_depth = Matrix::colSums(sim$rna), ...) {
  sailerx(x, reference, rna_depth, hidden = 16, n_latent = 4,
          control = moving_control(), ...)
}

# Makes packages appear not to be installed.
local_missing <- function(missing, frame = parent.frame()) {
  space <- asNamespace("sailer")
  old <- get("is_installed", space)
  set <- function(value) {
    unlockBinding("is_installed", space)
    assign("is_installed", value, space)
    lockBinding("is_installed", space)
  }
  withr::defer(set(old), frame)
  set(function(package) !package %in% missing && old(package))
}
