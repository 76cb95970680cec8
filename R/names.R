# Names of cells and labels: matching values to cells, the order of labels, and
# text in UTF-8, whatever the locale of the session.

# Returns the values of `cells`, in their order and without names: a vector or
# factor or, if `table` is TRUE, the rows of a matrix or data frame. If values
# have names (or row names that somebody set), every cell must have exactly one
# value; values of other cells are ignored. `partial`: cells may be missing, and
# get NA. If the values or the cells have no names, there must be `n` values.
match_cells <- function(values, cells, arg, table = TRUE, partial = FALSE,
                        n = length(cells)) {
  values <- written_out(values)
  rows <- length(dim(values)) == 2
  must_be(
    if (rows) table else is.atomic(values) && !is.null(values), values,
    paste("a vector with one value per cell",
          if (table) "or a table of such columns"), arg
  )
  names <- given_names(values, cells)
  if (!rows && is.array(values)) values <- as.vector(values)
  if (!is.null(cells) && !is.null(names)) {
    place <- named_places(names, cells, arg, partial)
    values <- if (rows) values[place, , drop = FALSE] else values[place]
  } else {
    if (rlang::is_string(values) && n > 1) abort_for_column(values, arg)
    check_one_per_cell(NROW(values), n, rows, arg, cells)
  }
  if (rows) rownames(values) <- NULL else names(values) <- NULL
  values
}

# Returns the names, or the row names that somebody set, or NULL. R's automatic
# row names do not identify cells. Neither do the names 1 to n, unless cells
# have such names.
given_names <- function(values, cells) {
  rows <- length(dim(values)) == 2
  counted <- is.data.frame(values) && !is.character(.row_names_info(values, 0L))
  names <- if (!rows) names(values) else if (!counted) rownames(values)
  numbers <- identical(names, as.character(seq_along(names)))
  if (!numbers || any(names %in% cells)) names
}

# Expands run-length encoded values (Rle, of S4Vectors) to a vector.
written_out <- function(values) {
  if (methods::is(values, "Rle")) as.vector(values) else values
}

named_places <- function(names, cells, arg, partial) {
  place <- match(cells, names)
  lost <- cells[is.na(place)]
  in_order <- "unnamed values, such as {.code unname(x)}, in the order of the
               cells"
  abort_if(length(lost) == length(cells), c(
    "The names of {.arg {arg}}, such as {.val {names[1]}}, are not cell
     names, such as {.val {cells[1]}}.",
    i = paste0("Name the values by cell, or give ", in_order, ".")
  ))
  abort_if(length(lost) > 0 && !partial, c(
    "{.arg {arg}} is named by cell, but has no value for {length(lost)}
     cell{?s}: {few(lost)}.",
    i = paste0("Give a value for every cell, or ", in_order, ".")
  ))
  twice <- intersect(names[duplicated(names)], cells)
  if (length(twice) > 0) {
    abort("{.arg {arg}} has several values for cell {.val {twice[1]}}.")
  }
  place
}

abort_for_column <- function(name, arg) {
  abort(c(
    "{.arg {arg}} must have one value per cell, but is {.val {name}}.",
    i = "Column names work only with Seurat and SingleCellExperiment objects.
         For an h5ad file, use
         {.code cells_metadata(cells)${as_literal(name)}}."
  ))
}

check_one_per_cell <- function(found, n, rows, arg, cells) {
  if (found != n) {
    what <- if (rows) "row" else "value"
    abort(c(
      "{.arg {arg}} has {found} {what}{cli::qty(found)}{?s}, but there
       {cli::qty(n)}{?is/are} {n} cell{?s}.",
      i = "Give one {what} per cell, in the order of the cells
           {if (!is.null(cells)) 'or named by cell'}."
    ))
  }
}

# Returns the labels that occur: those of a factor in the order of its levels,
# others sorted by value, text byte by byte, so in the same order in every
# locale.
label_levels <- function(x) {
  if (is.factor(x)) {
    return(levels(droplevels(x)))
  }
  label_text(sort(unique(in_utf8(x)), method = "radix"))
}

# Converts labels of any type to text: 1, 1L, "1" and factors of these are the
# same label.
label_text <- function(values) {
  text <- number_text(values)
  if (is.numeric(values) && !is.object(values)) {
    # as.character() writes 100000 and 100000L differently.
    whole <- !is.na(values) & values == round(values) & abs(values) < 1e15
    text[whole] <- sprintf("%.0f", values[whole] + 0)
  }
  enc2utf8(text)
}

# Formats numbers for file names and labels, independently of the session's
# options.
number_text <- function(values) {
  withr::with_options(list(scipen = 0, OutDec = "."), as.character(values))
}

# Formats large numbers for people: 12,345.
big <- function(n) {
  format(n, big.mark = ",", trim = TRUE, scientific = FALSE)
}

# Converts text to UTF-8. Strings marked as Latin-1 are converted. Unmarked
# strings are marked as UTF-8 if they are valid, and otherwise left as they are,
# for check_utf8() to refuse. Only if the session has another encoding are they
# taken to be in it.
in_utf8 <- function(x) {
  if (!is.character(x) || length(x) == 0) {
    return(x)
  }
  session <- l10n_info()
  if (session$`Latin-1` || (session$MBCS && !session$`UTF-8`)) {
    return(enc2utf8(x))
  }
  marks <- Encoding(x)
  x[marks == "latin1"] <- enc2utf8(x[marks == "latin1"])
  marks[marks == "latin1" | validUTF8(x)] <- "UTF-8"
  Encoding(x) <- marks
  x
}

# Writes out the bytes that are not valid text: "caf<e9>".
escape_bytes <- function(x) {
  x <- as.character(x)
  bad <- !validUTF8(x)
  x[bad] <- iconv(x[bad], "UTF-8", "UTF-8", sub = "byte")
  x
}

# Throws if `values` are not valid UTF-8. `what`: the values in words, such as
# "names of genes" (cli markup). `place`: code for where they are.
check_utf8 <- function(values, what, place = "x") {
  if (is.factor(values)) values <- levels(values)
  if (!is.character(values) || all(validUTF8(values))) {
    return(invisible(values))
  }
  bad <- which(!validUTF8(values))
  remedy <- paste0(place, " <- iconv(", place, ', "latin1", "UTF-8")')
  abort(c(
    paste0("The ", what, " must be valid UTF-8, but {.val
      {escape_bytes(values[bad[1]])}} is not", if (length(bad) > 1) {
        ", nor {cli::qty(length(bad) - 1)}{?is/are} {length(bad) - 1} other{?s}"
      }, "."),
    i = "The text is in another encoding, most often Latin-1:
         {.code {remedy}}."
  ), class = "data")
}
