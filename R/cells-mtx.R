# Counts in text files: matrix.mtx and the files of names beside it, as Cell
# Ranger, GEO and many programs provide them.

mtx_ending <- "\\.mtx(\\.(gz|bz2|xz))?$"

is_mtx <- function(path) grepl(mtx_ending, path, ignore.case = TRUE)

# Opens the matrix at `path`, a file or the folder that contains it. `others`:
# arguments of open_cells() that do not apply to text files; an error if given.
open_mtx <- function(path, feature_type, others) {
  given <- names(others)[lengths(others) > 0]
  if (length(given) > 0) {
    abort("{.arg {given[1]}} is for HDF5 files, but {.path {path}} holds text.")
  }
  matrix <- if (dir.exists(path)) mtx_of_folder(path) else path
  if (!file.exists(matrix)) {
    abort("The file {.path {matrix}} does not exist.", class = "file")
  }
  file <- find_beside(
    matrix, "(features|genes|peaks|regions)\\.(tsv|txt|bed)",
    "features.tsv, genes.tsv or peaks.bed"
  )
  ids <- find_beside(matrix, "(barcodes|cells)\\.(tsv|txt)", "barcodes.tsv")
  # Rows and columns, or NA: reading the counts will report a broken file.
  lines <- tryCatch(read_text(matrix, 1000L), error = function(cnd) NULL)
  size <- grep("^[[:space:]]*[0-9]", lines, value = TRUE, useBytes = TRUE)[1]
  size <- as.numeric(strsplit(trimws(size), "[[:space:]]+")[[1]])[1:2]
  cells <- read_fields(ids, size)[[1]]
  features <- read_features(file, size)
  kept <- seq_along(features$names)
  types <- features$types
  if (!is.null(types) && !is.null(feature_type)) {
    kept <- which(types == feature_type)
    abort_if(length(kept) == 0, c(
      "{.file {file}} has no features of type {.val {feature_type}}; it has
       {.val {unique(types)}}.",
      i = "Choose one of these with {.arg feature_type}, or NULL for all
           features."
    ))
  }
  origin <- paste0("MatrixMarket file '", basename(matrix), "'")
  names <- features$names[kept]
  new_cells(
    read_mtx(matrix, length(features$names), kept, names, cells, origin),
    names, cells, origin, ranges = ranges_of(features$intervals[kept], names),
    file = list(path = matrix, feature_type = feature_type, layout = "mtx")
  )
}

# Files -----------------------------------------------------------------------

# Returns the path of the only matrix in a folder.
mtx_of_folder <- function(path) {
  refuse_other_store(path)
  here <- list.files(path)
  matrices <- here[is_mtx(here)]
  found <- c(matrices, grep("\\.(h5|hdf5|h5ad|h5mu)$", here, value = TRUE))
  if (length(matrices) == 1 && length(found) == 1) {
    return(file.path(path, matrices))
  }
  deeper <- list.files(path, mtx_ending, recursive = TRUE, ignore.case = TRUE)
  folders <- utils::head(unique(dirname(deeper)), 5)
  abort(if (length(found) > 0) {
    "{.path {path}} is a folder; give the path of a file in it:
     {.file {found}}."
  } else {
    c(
      "{.path {path}} is a folder without a matrix: it has neither matrix.mtx
       nor an HDF5 file.",
      i = if (length(folders) > 0) {
        "There are matrices in its subfolder{?s} {.path {folders}}."
      } else {
        "Expected: matrix.mtx, barcodes.tsv, and one of features.tsv,
         genes.tsv or peaks.bed, compressed or not."
      }
    )
  }, class = "file")
}

# Throws an error for folders of other programs, which says how to open them.
refuse_other_store <- function(path) {
  version <- file.path(path, "version")
  kind <- if (file.exists(version)) {
    suppressWarnings(readLines(version, 1, warn = FALSE))
  }
  known <- if (any(grepl("fragments-v[0-9]", kind))) {
    c("BPCells fragments, which must be counted in peaks first",
      "BPCells::peak_matrix(BPCells::open_fragments_dir(path), peaks)")
  } else if (any(grepl("matrix-v[0-9]", kind))) {
    c("a BPCells matrix", "as_cells(BPCells::open_matrix_dir(path))")
  } else if (all(file.exists(file.path(path, c("assays.h5", "se.rds"))))) {
    c("an HDF5Array object", "HDF5Array::loadHDF5SummarizedExperiment(path)")
  } else if (any(file.exists(
    file.path(path, c(".zgroup", ".zarray", "zarr.json"))
  ))) {
    c("a zarr store, which sailer cannot read",
      'anndata.read_zarr(path).write_h5ad("counts.h5ad")  # in Python')
  }
  abort_if(!is.null(known), c(
    "{.path {path}} holds {known[1]}.",
    i = "Use {.code {known[2]}}."
  ), class = "file")
}

# Returns the file of names that belongs to a matrix: the one that starts with
# what precedes "matrix.mtx" in its name, as on GEO; otherwise the only
# candidate, if the folder has a single matrix.
find_beside <- function(matrix, pattern, expected) {
  folder <- dirname(matrix)
  here <- list.files(folder)
  ending <- paste0("(^|[^A-Za-z])", pattern, "(\\.(gz|bz2|xz))?$")
  found <- grep(ending, here, value = TRUE, ignore.case = TRUE)
  prefix <- sub(mtx_ending, "", basename(matrix), ignore.case = TRUE)
  prefix <- sub("[^A-Za-z]?matrix$", "", prefix, ignore.case = TRUE)
  own <- found[startsWith(found, prefix)]
  # Prefer the least text between the prefix and, say, "barcodes.tsv".
  between <- nchar(sub(ending, "", own, ignore.case = TRUE))
  if (length(own) > 0) {
    found <- own[between == min(between)]
  } else if (sum(is_mtx(here)) > 1) {
    found <- character()
  }
  abort_if(length(found) > 1, c(
    "Several files next to {.file {basename(matrix)}} could name its rows or
     columns: {.file {found}}.",
    i = "Keep only one of them in the folder ({expected})."
  ), class = "file")
  abort_if(length(found) == 0, c(
    "There is no {.file {paste0(prefix, if (nzchar(prefix)) '_', expected)}}
     next to {.file {basename(matrix)}} in {.path {folder}}.",
    i = "It should hold the names of its rows or columns, one per line."
  ), class = "file")
  file.path(folder, found)
}

# Names -----------------------------------------------------------------------

# Returns the lines of a file, compressed or not; `n` as in readLines().
read_text <- function(path, n = -1L) {
  lines <- read_packed(path, "rt", readLines, n, warn = FALSE, skipNul = TRUE)
  # Remove the byte order mark of UTF-8 and the line ends of Windows.
  lines <- sub("^\xef\xbb\xbf|\r$", "", lines, useBytes = TRUE)
  Encoding(lines) <- "UTF-8"
  lines
}

read_packed <- function(path, mode, read, ...) {
  connection <- gzfile(path, mode)
  on.exit(close(connection))
  refuse <- function(cnd) {
    if (inherits(cnd, "sailer_error")) stop(cnd)
    abort(c(
      "The file {.file {path}} cannot be decompressed:
       {conditionMessage(cnd)}.",
      i = "It is truncated or damaged; copy or download it again."
    ), class = "file")
  }
  tryCatch(read(connection, ...), error = refuse, warning = refuse)
}

# Returns the columns of a table as strings, separated by tabs, in a BED file
# also by spaces. The first line is a heading if only without it the number of
# lines is that of the rows or columns of the matrix, `size`.
read_fields <- function(path, size) {
  lines <- read_text(path)
  # Drop the lines that genome browsers write into BED files.
  if (grepl("\\.bed(\\.|$)", path, ignore.case = TRUE)) {
    lines <- lines[!grepl("^(#|track\\b|browser\\b)", lines, useBytes = TRUE)]
    lines <- gsub("[ \t]+", "\t", lines, useBytes = TRUE)
  }
  lines <- lines[seq_len(max(0, which(nzchar(lines))))]
  n <- length(lines)
  abort_if(n == 0, "The file {.file {path}} holds no names.", class = "file")
  fields <- strsplit(lines, "\t", fixed = TRUE, useBytes = TRUE)
  if (!n %in% size && (n - 1) %in% size) {
    note("The first line of {.file {basename(path)}} is treated as a header:
          {.val {fields[[1]][1]}}.")
    fields <- fields[-1]
  }
  lapply(seq_len(max(1, lengths(fields[1]))), function(k) {
    column <- vapply(fields, `[`, "", k)
    Encoding(column) <- "UTF-8"
    column
  })
}

# Returns list(names, types, intervals) of the features.
read_features <- function(path, size) {
  fields <- read_fields(path, size)
  interval <- function(k) {
    paste0(fields[[k]], ":", fields[[k + 1]], "-", fields[[k + 2]])
  }
  numbers <- vapply(fields, function(column) {
    all(grepl("^[0-9]+$", column, useBytes = TRUE))
  }, NA)
  n <- length(fields)
  if (n >= 3 && all(numbers[2:3])) {
    return(list(names = interval(1), intervals = interval(1)))
  }
  list(
    names = fields[[1]], types = if (n >= 3) fields[[3]],
    intervals = if (n >= 6) interval(4) else fields[[1]]
  )
}

# Counts ----------------------------------------------------------------------

# Returns the core's cell source, with the features `kept` of `n_features`. Most
# files are sorted by cells and are packed as they are read; others are read a
# second time and held in memory while they are sorted.
read_mtx <- function(path, n_features, kept, features, cells, origin) {
  map <- integer()
  if (length(kept) < n_features) {
    map <- replace(rep(NA_integer_, n_features), kept, seq_along(kept))
  }
  counts <- anyNA(parse_peaks(features)$start)
  for (any_order in c(FALSE, TRUE)) {
    reader <- core_market_begin(
      basename(path), n_features, length(cells), map, length(features), origin,
      counts, any_order, tempdir()
    )
    read_packed(path, "rb", function(connection) {
      repeat {
        bytes <- readBin(connection, "raw", 2^22)
        if (length(bytes) == 0 || !core_market_add(reader, bytes)) break
      }
    })
    done <- core_market_finish(reader)
    if (done$in_order) break
  }
  if (!is.null(done$problem)) {
    abort_for_count(
      done$problem, features, cells, if (counts) "gene" else "peak"
    )
  }
  done$source
}
