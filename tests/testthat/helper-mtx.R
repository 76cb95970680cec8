# Folders of MatrixMarket text, written line by line and not by a package.

# `ending` of all files is "" or ".gz". `entries` is a function that gives the
# order of the entries from their number.
write_mtx <- function(counts, prefix = "", ending = ".gz",
                      features = rownames(counts), name = "features.tsv",
                      transposed = FALSE, field = "integer",
                      entries = seq_len, change = identity,
                      folder = withr::local_tempdir(.local_envir = envir),
                      envir = parent.frame()) {
  put <- function(lines, name) {
    connection <- gzfile(file.path(folder, paste0(prefix, name, ending)), "wb")
    if (ending == "") {
      close(connection)
      connection <- file(file.path(folder, paste0(prefix, name)), "wb")
    }
    writeLines(lines, connection, useBytes = TRUE)
    close(connection)
  }
  at <- which(as.matrix(counts) != 0, arr.ind = TRUE)
  values <- as.matrix(counts)[at]
  if (transposed) at <- at[, 2:1]
  order <- entries(nrow(at))
  body <- paste(at[order, 1], at[order, 2])
  if (field != "pattern") body <- paste(body, values[order])
  put(change(c(
    paste("%%MatrixMarket matrix coordinate", field, "general"), "% a remark",
    paste(c(if (transposed) rev(dim(counts)) else dim(counts), length(body)),
          collapse = " "),
    body
  )), "matrix.mtx")
  put(colnames(counts), "barcodes.tsv")
  put(features, name)
  folder
}
