# Options that are passed on by `...`: documented ones arrive, unknown ones are
# refused. The effect of each option is tested with its function.

counts <- function() tiny_simulation()$counts

refused <- function(code, what) {
  error <- expect_error(code, class = "sailer_argument_error")
  said <- gsub("\\s+", " ", conditionMessage(error))
  expect_true(grepl(what, said, fixed = TRUE), info = said)
}

test_that("options of training are accepted next to those of the model", {
  x <- counts()
  for (name in setdiff(names(formals(train_control)), "checkpoint")) {
    given <- stats::setNames(list("odd"), name)
    error <- expect_error(
      rlang::inject(sailer(x, !!!given)), class = "sailer_error"
    )
    expect_match(conditionMessage(error), name)
  }
  quickly <- function(...) sailer(x, hidden = 4, verbose = FALSE, ...)
  expect_equal(nrow(quickly(epochs = 2)$history), 2)
  # Options given directly take precedence over those in `control`.
  fit <- quickly(epochs = 2, control = quick(epochs = 5, batch_size = 40))
  expect_equal(fit$control$epochs, 2)
  expect_equal(fit$control$batch_size, 40)
  guided <- sailerx(
    x, reference_like_types(tiny_simulation()), hidden = 4, epochs = 1,
    verbose = FALSE
  )
  expect_equal(guided$control$epochs, 1)
  expect_equal(
    train_expresser(epochs = 1, control = brief_pretraining(epochs = 9))$
      control$epochs, 1
  )
  refused(sailer(x, epoch = 2), "Did you mean `epochs`")
  refused(sailer(x, lr = 0.01), "Did you mean `learning_rate`")
  refused(tune_path(x, sed = 1), "Did you mean `seed`")
  refused(sailer(x, control = list(lr = 1)), "Did you mean `learning_rate`")
})

test_that("misspelt options are named with similar ones", {
  x <- counts()
  refused(sailer(x, hiden = 8), "no option named `hiden`")
  refused(sailer(x, hiden = 8), "Did you mean `hidden`")
  refused(sailer(x, xyzzyx = 8), "Known options are `x`, `batch`")
  refused(sailer(x, n.latents = 8), "Did you mean `n_latent`")
  expect_false(grepl(
    "Did you mean",
    tryCatch(sailer(x, qq = 1), error = conditionMessage)
  ))
})

test_that("expresser() accepts the options of the corpus by name", {
  sim <- small_rna()
  genes <- rownames(sim$counts)[5:30]
  fit <- train_expresser(sim$counts, genes = genes)
  expect_identical(fit$genes$gene, genes)
  all_genes <- train_expresser(sim$counts, min_cells = 0)
  expect_identical(nrow(all_genes$genes), nrow(sim$counts))
  counts <- rna_counts()
  annotation <- rna_annotation()
  fit <- train_expresser(counts, annotation = annotation, min_cells = 0)
  expect_identical(
    fit$genes$gene, annotation$gene_name[annotation$gene_type ==
                                           "protein_coding"]
  )
  fit <- train_expresser(
    counts, annotation = annotation, biotypes = "lncRNA", min_cells = 0
  )
  expect_identical(nrow(fit$genes), sum(annotation$gene_type == "lncRNA"))
  refused(expresser(sim$counts, 8), "named")
  refused(expresser(sim$counts, file = "a"), "no option named `file`")
})

test_that("a corpus refuses `genes`; misspelt options are reported first", {
  corpus <- build_corpus(
    small_rna()$counts, local_corpus(), verbose = FALSE, min_cells = 0
  )
  refused(expresser(corpus, genes = "gene1"), "`genes` cannot be set")
  refused(expresser(corpus, gens = "gene1"), "Did you mean `genes`")
})

test_that("methods pass on only known options, of any name", {
  skip_if_not_installed("SingleCellExperiment")
  sim <- tiny_simulation()
  sce <- SingleCellExperiment::SingleCellExperiment(
    list(counts = sim$counts), colData = sim$cells
  )
  # Names of arguments of internal functions.
  for (name in c("cells", "x", "own", "guide", "call", "guided")) {
    given <- stats::setNames(list(1), name)
    refused(
      rlang::inject(RunSAILER(sce, !!!given)),
      paste0("no option named `", name, "`")
    )
  }
  refused(RunSAILER(sce, resume = tempfile(), lambda = 1), "named `lambda`")
  expect_identical(
    SingleCellExperiment::reducedDim(RunSAILER(
      sce, hidden = 8, n_latent = 3, min_fraction = 0.05, lambda = 0.5,
      control = quick()
    )),
    embedding(sailer(
      sim$counts, hidden = 8, n_latent = 3, min_fraction = 0.05, lambda = 0.5,
      control = quick()
    ))
  )
  rna <- SingleCellExperiment::SingleCellExperiment(
    list(counts = small_rna()$counts)
  )
  for (name in c("cells", "call", "x")) {
    given <- stats::setNames(list(1), name)
    refused(
      rlang::inject(RunExpresser(rna, !!!given)),
      paste0("no option named `", name, "`")
    )
    if (name != "call") {
      refused(
        rlang::inject(ImputeExpresser(
          rna, "gene1", fit = small_expresser(), !!!given
        )),
        paste0("no option named `", name, "`")
      )
    }
  }
  refused(
    RunExpresser(rna, fit = small_expresser(), n_layers = 2),
    "no option named `n_layers`"
  )
  genes <- rownames(rna)[1:20]
  made <- quietly(RunExpresser(
    rna, genes = genes, n_embedding = 8, n_layers = 1, n_heads = 2,
    control = brief_pretraining()
  ))
  expect_identical(get_fit(made, "EXPRESSER")$genes$gene, genes)
})

test_that("every method refuses options that it does not use", {
  x <- counts()
  fit <- quick_fit(x)
  refused(predict(fit, x, referense = 1), "Did you mean `reference`")
  refused(embedding(fit, units = TRUE), "no option named `units`")
  refused(
    gene_embeddings(small_expresser(), centre = TRUE), "Did you mean `center`"
  )
  refused(as_cells(x, asay = "ATAC"), "Did you mean `assay`")
  refused(as_cells(list(a = x), lyer = "counts"), "Did you mean `layer`")
  refused(map_query(fit, x, lables = 1), "Did you mean `labels`")
  refused(impute(fit, peeks = 1), "Did you mean `peaks`")
  refused(resume(tempfile()), "missing")
})
