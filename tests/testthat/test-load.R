# What pkgload::load_all() needs: in the sources, libtorch.dcf is in inst/.

test_that("the record of configure is found in a package and in sources", {
  record <- libtorch_record()
  expect_true(dir.exists(record$folder))

  sources <- withr::local_tempdir()
  dir.create(file.path(sources, "inst"))
  file.copy(
    file.path(getNamespaceInfo("sailer", "path"), "libtorch.dcf"),
    file.path(sources, "inst")
  )
  expect_identical(libtorch_record(sources), record)
})
