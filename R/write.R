# Results as plain files, for other programs.

#' Write an embedding to a CSV file
#'
#' One row per cell: its name, further columns if given, and the latent
#' dimensions. The file appears whole or not at all: it is written beside its
#' place and moved there when it is complete.
#'
#' @param x What [sailer()] returned, or a matrix of cells x dimensions.
#' @param file Path of the file. An existing one is replaced.
#' @param cells Data frame of further columns with one row per cell, in the
#'   order of the embedding; NULL for none.
#' @return The path, invisibly.
#' @section Errors: `sailer_file_error`, naming the file, when its folder does
#'   not exist or cannot be written to, or when the disk is full; what stood
#'   there before is then untouched.
#' @references Cao (2023), section 2.2.3, for what the embedding is.
#' @examples
#' z <- matrix(1:4 / 2, 2, dimnames = list(c("a", "b"), c("d1", "d2")))
#' path <- tempfile(fileext = ".csv")
#' write_embedding(z, path, data.frame(type = c("B", "T")))
#' read.csv(path)
#' @export
write_embedding <- function(x, file, cells = NULL) {
  values <- if (inherits(x, "sailer_fit")) embedding(x) else as.matrix(x)
  if (!rlang::is_string(file)) {
    abort("{.arg file} must be the path of a file.")
  }
  if (!is.null(cells) && nrow(cells) != nrow(values)) {
    abort(
      "{.arg cells} has {nrow(cells)} row{?s}, but the embedding has
       {nrow(values)} cells."
    )
  }
  names <- rownames(values) %||% as.character(seq_len(nrow(values)))
  table <- data.frame(cell = names, stringsAsFactors = FALSE)
  if (!is.null(cells)) table <- cbind(table, as.data.frame(cells))
  table <- cbind(table, as.data.frame(values))
  check_table_text(table)
  header <- paste(csv_field(names(table)), collapse = ",")
  rows <- do.call(paste, c(unname(lapply(table, csv_field)), sep = ","))
  write_whole(c(header, rows), file)
  invisible(file)
}

# Bytes that are no text would be written as such, for others to stumble over.
check_table_text <- function(table, call = rlang::caller_env()) {
  remedy <- 'iconv(x, "latin1", "UTF-8")'
  check_utf8(names(table), "names of the columns", remedy, call)
  for (name in names(table)) {
    check_utf8(
      table[[name]], paste0("values of column ", as_literal(name)), remedy, call
    )
  }
}

# Numbers with all their digits; anything else in quotes.
csv_field <- function(x) {
  if (is.numeric(x)) {
    return(as.character(x))
  }
  paste0('"', gsub('"', '""', in_utf8(as.character(x)), fixed = TRUE), '"')
}

# Lines to a file that is complete or absent. R does not tell of a full disk
# while it writes, so the size is compared with what it must be.
write_whole <- function(lines, file, call = rlang::caller_env()) {
  folder <- dirname(file)
  if (!dir.exists(folder)) {
    abort(
      c("There is no folder {.path {folder}}.", i = "Create it first."),
      class = "file", call = call
    )
  }
  part <- tempfile("sailer-", folder)
  on.exit(unlink(part))
  written <- tryCatch(
    {
      connection <- file(part, "wb")
      on.exit(try(close(connection), silent = TRUE), add = TRUE, after = FALSE)
      writeLines(lines, connection, useBytes = TRUE)
      flush(connection)
      TRUE
    },
    error = function(cnd) FALSE, warning = function(cnd) FALSE
  )
  expected <- sum(nchar(lines, "bytes") + 1)
  whole <- written && identical(as.numeric(file.size(part)), expected)
  if (!whole || !suppressWarnings(file.rename(part, file))) {
    abort(
      c(
        "{.path {file}} could not be written whole
         ({format(expected, big.mark = ',')} bytes).",
        i = "Is the disk full, or the folder not yours to write to?"
      ),
      class = "file", call = call
    )
  }
}
