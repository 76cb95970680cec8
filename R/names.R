# Names and labels as text: UTF-8, whatever the session's language.

# Strings that are marked as Latin-1 are translated. Bytes that nobody marked
# are UTF-8 where they can be, and else stay as they are, for check_utf8() to
# refuse; only a session in another encoding says what they are.
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

# With the bytes that are no text written out: "caf<e9>".
escape_bytes <- function(x) {
  x <- as.character(x)
  bad <- !validUTF8(x)
  x[bad] <- iconv(x[bad], "UTF-8", "UTF-8", sub = "byte")
  x
}

# `what`: in words, one of the values, as "name of a cell" (text of cli).
# `remedy`: code that mends them.
check_utf8 <- function(values, what, remedy, call = rlang::caller_env()) {
  if (is.factor(values)) values <- levels(values)
  if (!is.character(values) || all(validUTF8(values))) {
    return(invisible(values))
  }
  bad <- which(!validUTF8(values))
  abort(
    c(
      paste0("The ", what, " must be text in UTF-8, but {.val
        {escape_bytes(values[bad[1]])}} is not", if (length(bad) > 1) {
          ", nor are {length(bad) - 1} other{?s}"
        }, "."),
      i = "The bytes were written in another encoding, most often Latin-1:
           {.code {remedy}}."
    ),
    class = "data", call = call
  )
}
