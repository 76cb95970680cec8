# The advice about cells without counts is given for the user's own object, and
# works.

sim <- small_simulation()
empty <- c(5, 17)
counts <- sim$counts
counts[, empty] <- 0
counts <- Matrix::drop0(counts)
left <- colnames(counts)[-empty]

# The code of the advice.
advice <- function(code) {
  problem <- expect_error(code, "2 cells have no open peak",
                          class = "sailer_data_error")
  text <- paste(cli::ansi_strip(conditionMessage(problem)), collapse = " ")
  text <- gsub("[[:space:]]+", " ", text)
  sub("^.*Remove them first: `(.*)`\\.$", "\\1", text)
}

follow <- function(advice, ...) {
  frame <- list2env(list(...), parent = environment())
  value <- eval(parse(text = advice), frame)
  frame[["object"]] %||% value
}

test_that("advice for a matrix, and for a handle", {
  text <- advice(brief_sailer(counts))
  expect_identical(text, "x[, cell_depth(x) > 0]")
  expect_identical(colnames(follow(text, x = counts)), left)
})

test_that("advice for the two modalities of sailerx()", {
  reference <- matrix(rnorm(240), 120, dimnames = list(colnames(counts), NULL))
  text <- advice(sailerx(counts, reference, control = brief_control()))
  kept <- follow(text, x = counts)
  expect_no_error(sailerx(kept, reference, hidden = 8, n_latent = 2,
                          control = brief_control()))
})

test_that("advice for a file, and for samples in a list", {
  folder <- write_mtx(counts)
  text <- advice(brief_sailer(folder))
  expect_identical(
    colnames(follow(text, cells = open_cells(folder))), left
  )
  listed <- list(a = counts[, 1:60], b = counts[, 61:120])
  text <- advice(brief_sailer(listed))
  value <- follow(sub("^x <- ", "", text), x = listed)
  expect_identical(colnames(as_cells(value)), left)
})

test_that("advice for Seurat objects", {
  skip_if_not_installed("SeuratObject")
  object <- small_seurat(list(counts = counts, cells = sim$cells))
  rna <- matrix(1, 5, 120, dimnames = list(letters[1:5], colnames(counts)))
  object[["RNA"]] <- suppressWarnings(
    SeuratObject::CreateAssayObject(rna)
  )
  SeuratObject::DefaultAssay(object) <- "RNA"
  text <- advice(brief_run(object, assay = "ATAC"))
  expect_identical(colnames(follow(text, object = object)), left)
  text <- advice(brief_run(object[["ATAC"]]))
  expect_identical(colnames(follow(text, x = object[["ATAC"]])), left)
})

test_that("advice for SingleCellExperiment objects", {
  skip_if_not_installed("SingleCellExperiment")
  main <- SingleCellExperiment::SingleCellExperiment(list(counts = counts))
  text <- advice(brief_run(main))
  expect_identical(colnames(follow(text, object = main)), left)
  rna <- matrix(1, 5, 120, dimnames = list(letters[1:5], colnames(counts)))
  object <- SingleCellExperiment::SingleCellExperiment(
    list(counts = rna),
    altExps = list(ATAC = SummarizedExperiment::SummarizedExperiment(
      list(peaks = counts)
    ))
  )
  text <- suppressMessages(advice(brief_run(object, altexp = "ATAC")))
  expect_match(text, "ATAC")
  expect_identical(colnames(suppressMessages(follow(text, object = object))),
                   left)
})

test_that("advice for delayed matrices", {
  skip_if_not_installed("DelayedArray")
  x <- DelayedArray::DelayedArray(counts) * 1
  text <- advice(brief_sailer(x))
  expect_identical(colnames(follow(text, x = x)), left)
})
