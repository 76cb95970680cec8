# Objects of Seurat 2, whose class is called "seurat".

old <- local({
  where <- new.env()
  methods::setClass("seurat", slots = c(raw.data = "ANY"), where = where,
                    package = "Seurat")
  methods::new(methods::getClass("seurat", where = where),
               raw.data = matrix(1, 2, 2))
})

test_that("objects of Seurat 2 are refused with how to update them", {
  skip_if_not_installed("SeuratObject")
  expect_true("UpdateSeuratObject" %in% getNamespaceExports("SeuratObject"))
  refuse <- function(code) {
    expect_error(code, "Seurat version 2.*UpdateSeuratObject\\(object\\)",
                 class = "sailer_argument_error")
  }
  refuse(as_cells(old))
  refuse(sailer(old))
  refuse(RunSAILER(old))
  refuse(RunSAILERX(old))
  refuse(RunExpresser(old))
  refuse(ImputeSAILER(old))
  refuse(ImputeExpresser(old, features = "a"))
  refuse(GeneActivitySAILER(old, NULL))
  refuse(get_fit(old))
  refuse(build_corpus(list(old), tempfile()))
  fit <- quick_fit(tiny_simulation()$counts)
  refuse(map_query(fit, old))
  refuse(predict(fit, old))
})
