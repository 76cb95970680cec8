# A corpus and a fit that many tests of the Expresser use: made only once.

small_rna <- function(n_cells = 80, n_genes = 60, ...) {
  simulate_rna(n_cells = n_cells, n_genes = n_genes, seed = 1, ...)
}

brief_pretraining <- function(..., epochs = 3, threads = 1) {
  pretrain_control(
    epochs = epochs, batch_size = 16, patience = 0, threads = threads,
    verbose = FALSE, ...
  )
}

train_expresser <- function(x = small_rna()$counts, ..., n_embedding = 8,
                            n_layers = 1, control = brief_pretraining()) {
  quietly(expresser(
    x,
    n_embedding = n_embedding, n_layers = n_layers, n_heads = 2, ...,
    control = control
  ))
}

quietly <- function(code) {
  withCallingHandlers(code, sailer_note = function(cnd) {
    rlang::cnd_muffle(cnd)
  })
}

expresser_store <- new.env()

small_expresser <- function() {
  if (is.null(expresser_store$fit)) expresser_store$fit <- train_expresser()
  expresser_store$fit
}

# log(1 + 10,000 count / total), dense.
log_normal <- function(counts) {
  counts <- as.matrix(counts)
  log1p(1e4 * sweep(counts, 2, colSums(counts), "/"))
}
