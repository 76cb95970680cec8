# Where blocks of simulated counts go. A sink has add(counts), finish(), which
# gives the counts, and abandon(), which does nothing after finish().

memory_sink <- function() {
  blocks <- list()
  list(
    add = function(counts) blocks[[length(blocks) + 1]] <<- counts,
    finish = function() do.call(cbind, blocks),
    abandon = function() NULL
  )
}

# A 10x HDF5 file with the chunks and the compression of Cell Ranger's. It is
# written beside its place, and renamed when it is complete.
tenx_sink <- function(file, features, cells, overwrite, type = "Peaks") {
  check_flag(overwrite)
  need_package("rhdf5", "to write 10x HDF5 files")
  file <- new_file(file, overwrite)
  partial <- tempfile("simulation-", dirname(file), ".h5")
  start_tenx(partial, features, cells, type)
  ends <- 0
  list(
    add = function(counts) {
      append_tenx(partial, counts, utils::tail(ends, 1))
      ends <<- c(ends, utils::tail(ends, 1) + counts@p[-1])
    },
    finish = function() {
      rhdf5::h5createDataset(
        partial, "matrix/indptr", length(ends), H5type = "H5T_STD_I64LE"
      )
      rhdf5::h5write(ends, partial, "matrix/indptr")
      rhdf5::h5closeAll()
      file.rename(partial, file)
      open_cells(file)
    },
    abandon = function() {
      if (file.exists(partial)) {
        rhdf5::h5closeAll()
        unlink(partial)
      }
    }
  )
}

start_tenx <- function(file, features, cells, type) {
  rhdf5::h5createFile(file)
  rhdf5::h5createGroup(file, "matrix")
  rhdf5::h5createGroup(file, "matrix/features")
  for (name in c("indices", "data")) {
    rhdf5::h5createDataset(
      file, paste0("matrix/", name), 0,
      maxdims = rhdf5::H5Sunlimited(), H5type = "H5T_STD_I32LE",
      chunk = 80000, level = 4
    )
  }
  rhdf5::h5write(c(length(features), length(cells)), file, "matrix/shape")
  rhdf5::h5write(cells, file, "matrix/barcodes")
  rhdf5::h5write(features, file, "matrix/features/id")
  rhdf5::h5write(
    rep(type, length(features)), file, "matrix/features/feature_type"
  )
}

append_tenx <- function(file, counts, n_before) {
  n <- length(counts@i)
  values <- list(indices = counts@i, data = as.integer(counts@x))
  for (name in names(values)) {
    dataset <- paste0("matrix/", name)
    rhdf5::h5set_extent(file, dataset, n_before + n)
    rhdf5::h5write(
      values[[name]], file, dataset,
      start = n_before + 1, count = n
    )
  }
}
