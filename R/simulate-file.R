# Destinations of blocks of simulated counts. A sink has add(counts), finish(),
# which returns the counts, and abandon(), which does nothing after finish().

# A 10x HDF5 file with the chunk size and compression of Cell Ranger. It is
# written to a temporary file in the same folder, which is renamed when
# complete.
tenx_sink <- function(file, features, cells, overwrite, type = "Peaks") {
  check_flag(overwrite)
  need_package("rhdf5", "to write 10x HDF5 files")
  file <- new_file(file, overwrite)
  partial <- tempfile("simulation-", dirname(file), ".h5")
  write <- function(values, name, ...) {
    rhdf5::h5write(values, partial, paste0("matrix/", name), ...)
  }
  create <- function(name, n, type, ...) {
    rhdf5::h5createDataset(
      partial, paste0("matrix/", name), n, H5type = type, ...
    )
  }
  rhdf5::h5createFile(partial)
  rhdf5::h5createGroup(partial, "matrix")
  rhdf5::h5createGroup(partial, "matrix/features")
  for (name in c("indices", "data")) {
    create(name, 0, "H5T_STD_I32LE", maxdims = rhdf5::H5Sunlimited(),
           chunk = 80000, level = 4)
  }
  write(c(length(features), length(cells)), "shape")
  write(cells, "barcodes")
  write(features, "features/id")
  write(rep(type, length(features)), "features/feature_type")
  ends <- 0
  list(
    add = function(counts) {
      before <- utils::tail(ends, 1)
      n <- length(counts@i)
      values <- list(indices = counts@i, data = as.integer(counts@x))
      for (name in names(values)) {
        rhdf5::h5set_extent(partial, paste0("matrix/", name), before + n)
        write(values[[name]], name, start = before + 1, count = n)
      }
      ends <<- c(ends, before + counts@p[-1])
    },
    finish = function() {
      create("indptr", length(ends), "H5T_STD_I64LE")
      write(ends, "indptr")
      rhdf5::h5closeAll()
      file.rename(partial, file)
      open_cells(file, feature_type = type)
    },
    abandon = function() {
      if (file.exists(partial)) {
        rhdf5::h5closeAll()
        unlink(partial)
      }
    }
  )
}
