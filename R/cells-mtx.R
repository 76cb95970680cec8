# Counts in text: matrix.mtx and the names beside it, as Cell Ranger, GEO and
# many programs write them.

mtx_ending <- "\\.mtx(\\.(gz|bz2|xz))?$"

is_mtx <- function(path) grepl(mtx_ending, path, ignore.case = TRUE)

# The features to read and the cells of `path`, a folder or the matrix in it.
# `others`: arguments of open_cells() that text has no use for.
open_mtx <- function(path, feature_type, others) {
  given <- names(others)[!vapply(others, is.null, NA)]
  if (length(given) > 0) {
    abort("{.arg {given[1]}} is for HDF5 files, but {.path {path}} holds text.")
  }
  files <- find_mtx(path)
  size <- mtx_size(files$matrix)
  cells <- without_heading(read_fields(files$cells), size, files$cells)[[1]]
  features <- read_features(files$features, size)
  kept <- kept_features(features$types, feature_type, files)
  names <- features$names[kept]
  origin <- paste0("MatrixMarket file '", basename(files$matrix), "'")
  source <- read_mtx(
    files$matrix, features$names, cells, kept, origin,
    counts = anyNA(parse_peaks(names)$start)
  )
  new_cells(
    source, names, cells, origin,
    ranges = ranges_of(features$intervals[kept], names),
    file = list(
      path = files$matrix, feature_type = feature_type, layout = "mtx"
    ),
    chosen = list(peaks = NULL, cells = NULL)
  )
}

# Files -----------------------------------------------------------------------

# list(matrix, features, cells): three paths.
find_mtx <- function(path) {
  matrix <- if (dir.exists(path)) mtx_of_folder(path) else path
  if (!file.exists(matrix)) {
    abort("The file {.path {matrix}} does not exist.", class = "file")
  }
  list(
    matrix = matrix,
    features = find_beside(
      matrix, "(features|genes|peaks|regions)\\.(tsv|txt|bed)",
      "features.tsv, genes.tsv or peaks.bed"
    ),
    cells = find_beside(matrix, "(barcodes|cells)\\.(tsv|txt)", "barcodes.tsv")
  )
}

# The only matrix in a folder.
mtx_of_folder <- function(path) {
  refuse_other_store(path)
  here <- list.files(path)
  matrices <- here[is_mtx(here)]
  hdf5 <- grep("\\.(h5|hdf5|h5ad|h5mu)$", here, value = TRUE)
  if (length(matrices) == 1 && length(hdf5) == 0) {
    return(file.path(path, matrices))
  }
  found <- c(matrices, hdf5)
  abort(if (length(found) > 0) {
    "{.path {path}} is a folder; give the path of a file in it:
     {.file {found}}."
  } else {
    c(
      "{.path {path}} is a folder without a matrix: neither matrix.mtx nor an
       HDF5 file.",
      i = no_matrix_hint(path)
    )
  }, class = "file")
}

no_matrix_hint <- function(path) {
  deeper <- list.files(path, mtx_ending, recursive = TRUE, ignore.case = TRUE)
  folders <- utils::head(unique(dirname(deeper)), 5)
  if (length(folders) > 0) {
    cli::format_inline("Matrices are in its {cli::qty(length(folders))}
                        folder{?s} {.path {folders}}.")
  } else {
    "Expected are matrix.mtx, barcodes.tsv, and features.tsv, genes.tsv or
     peaks.bed, compressed or not."
  }
}

# Folders of other programs, by what is in them and what reads them.
refuse_other_store <- function(path) {
  version <- file.path(path, "version")
  kind <- if (file.exists(version)) {
    suppressWarnings(readLines(version, 1, warn = FALSE))
  }
  known <- if (any(grepl("fragments-v[0-9]", kind))) {
    c("fragments of BPCells, which have to be counted in peaks first",
      "BPCells::peak_matrix(BPCells::open_fragments_dir(path), peaks)")
  } else if (any(grepl("matrix-v[0-9]", kind))) {
    c("a matrix of BPCells", "as_cells(BPCells::open_matrix_dir(path))")
  } else if (all(file.exists(file.path(path, c("assays.h5", "se.rds"))))) {
    c("an object of HDF5Array", "HDF5Array::loadHDF5SummarizedExperiment(path)")
  } else if (any(file.exists(
    file.path(path, c(".zgroup", ".zarray", "zarr.json"))
  ))) {
    c("a zarr store, which sailer does not read",
      'anndata.read_zarr(path).write_h5ad("counts.h5ad")  # in Python')
  }
  if (!is.null(known)) {
    abort(c(
      "{.path {path}} is the folder of {known[1]}.",
      i = "Open it by {.code {known[2]}}."
    ), class = "file")
  }
}

# The file of names that belongs to a matrix: with what stands before
# "matrix.mtx" in front, as on GEO, else the only one in the folder of an only
# matrix.
find_beside <- function(matrix, pattern, expected) {
  folder <- dirname(matrix)
  here <- list.files(folder)
  ending <- paste0("(^|[^A-Za-z])", pattern, "(\\.(gz|bz2|xz))?$")
  found <- grep(ending, here, value = TRUE, ignore.case = TRUE)
  prefix <- sub(mtx_ending, "", basename(matrix), ignore.case = TRUE)
  prefix <- sub("[^A-Za-z]?matrix$", "", prefix, ignore.case = TRUE)
  own <- found[startsWith(found, prefix)]
  # Of what begins like it, what has least between that and "barcodes.tsv".
  between <- nchar(sub(ending, "", own, ignore.case = TRUE)) - nchar(prefix)
  if (length(own) > 0) {
    found <- own[between == min(between)]
  } else if (sum(is_mtx(here)) > 1) {
    found <- character()
  }
  if (length(found) == 1) {
    return(file.path(folder, found))
  }
  abort(
    if (length(found) == 0) {
      c(
        "Beside {.file {basename(matrix)}} in {.path {folder}} there is no
         {.file {paste0(prefix, if (nzchar(prefix)) '_', expected)}}.",
        i = "It has the names of its rows or columns, one a line."
      )
    } else {
      c(
        "Beside {.file {basename(matrix)}} there are several files that may
         name its rows or columns: {.file {found}}.",
        i = "Keep one of them in the folder: those of {expected}."
      )
    },
    class = "file"
  )
}

# Names -----------------------------------------------------------------------

# Lines of a packed file or not; `n` as in readLines().
read_text <- function(path, n = -1L) {
  connection <- gzfile(path, "rt")
  on.exit(close(connection))
  refuse <- function(cnd) refuse_packed(path, conditionMessage(cnd))
  lines <- tryCatch(
    readLines(connection, n, warn = FALSE, skipNul = TRUE),
    error = refuse, warning = refuse
  )
  # Without the mark of UTF-8 and the line ends of Windows.
  lines <- sub("^\xef\xbb\xbf|\r$", "", lines, useBytes = TRUE)
  Encoding(lines) <- "UTF-8"
  lines
}

refuse_packed <- function(path, problem) {
  abort(c(
    "The file {.file {path}} cannot be decompressed: {problem}.",
    i = "It is truncated or damaged; copy or download it again."
  ), class = "file")
}

# The columns of a table without a heading: texts, separated by tabs, in a bed
# file by blanks too.
read_fields <- function(path) {
  lines <- read_text(path)
  # What browsers of genomes write into a bed file.
  bed <- grepl("\\.bed(\\.|$)", path, ignore.case = TRUE)
  if (bed) {
    lines <- lines[!grepl("^(#|track\\b|browser\\b)", lines, useBytes = TRUE)]
  }
  while (length(lines) > 0 && !nzchar(lines[length(lines)])) {
    lines <- lines[-length(lines)]
  }
  if (length(lines) == 0) {
    abort("The file {.file {path}} holds no names.", class = "file")
  }
  if (bed) lines <- gsub("[ \t]+", "\t", lines, useBytes = TRUE)
  fields <- strsplit(lines, "\t", fixed = TRUE, useBytes = TRUE)
  lapply(seq_len(max(1, lengths(fields[1]))), function(k) {
    column <- vapply(fields, `[`, "", k)
    Encoding(column) <- "UTF-8"
    column
  })
}

# Rows and columns of the matrix, or NA: a broken file is reported when it is
# read.
mtx_size <- function(path) {
  lines <- tryCatch(read_text(path, 1000L), error = function(cnd) NULL)
  size <- grep("^[[:space:]]*[0-9]", lines, value = TRUE, useBytes = TRUE)
  as.numeric(strsplit(trimws(size[1]), "[[:space:]]+")[[1]])[1:2]
}

# Fields without their first line, where only so their number is that of rows or
# columns.
without_heading <- function(fields, size, path) {
  n <- length(fields[[1]])
  if (n %in% size || !(n - 1) %in% size) {
    return(fields)
  }
  note("The first line of {.file {basename(path)}} is taken for a heading:
        {.val {fields[[1]][1]}}.")
  lapply(fields, `[`, -1)
}

# list(names, types, intervals) of the features.
read_features <- function(path, size) {
  fields <- without_heading(read_fields(path), size, path)
  numbers <- vapply(fields, function(column) {
    all(grepl("^[0-9]+$", column, useBytes = TRUE))
  }, NA)
  if (length(fields) >= 3 && all(numbers[2:3])) {
    names <- paste0(fields[[1]], ":", fields[[2]], "-", fields[[3]])
    return(list(names = names, types = NULL, intervals = names))
  }
  list(
    names = fields[[1]],
    types = if (length(fields) >= 3) fields[[3]],
    intervals = if (length(fields) >= 6) {
      paste0(fields[[4]], ":", fields[[5]], "-", fields[[6]])
    } else {
      fields[[1]]
    }
  )
}

# Places of the features of the type asked for, as open_cells() has it.
kept_features <- function(types, wanted, files) {
  if (is.null(types) || is.null(wanted)) {
    return(TRUE)
  }
  kept <- which(types == wanted)
  if (length(kept) == 0) {
    abort(c(
      "{.file {files$features}} has no features of type {.val {wanted}}; it has
       {.val {unique(types)}}.",
      i = "Choose one of these with {.arg feature_type}, or NULL for all
           features."
    ))
  }
  kept
}

# Counts ----------------------------------------------------------------------

# The core's source. Most files are sorted by cells and packed as they come;
# others are read a second time, and held while they are sorted.
read_mtx <- function(path, features, cells, kept, origin, counts) {
  n_features <- length(features)
  map <- integer()
  if (!isTRUE(kept)) {
    map <- rep(NA_integer_, n_features)
    map[kept] <- seq_along(kept)
    features <- features[kept]
  }
  for (any_order in c(FALSE, TRUE)) {
    reader <- core_market_begin(
      basename(path), n_features, length(cells), map, length(features), origin,
      counts, any_order, tempdir()
    )
    unpack_to(path, function(bytes) core_market_add(reader, bytes))
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

# Calls add(bytes) until the file ends or it returns FALSE.
unpack_to <- function(path, add, n_bytes = 2^22) {
  connection <- gzfile(path, "rb")
  on.exit(close(connection))
  refuse <- function(cnd) refuse_packed(path, conditionMessage(cnd))
  repeat {
    bytes <- tryCatch(
      readBin(connection, "raw", n_bytes), error = refuse, warning = refuse
    )
    if (length(bytes) == 0 || !add(bytes)) break
  }
}
