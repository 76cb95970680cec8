# Functions shared by the HTML reports.

escape <- function(text) {
  text <- gsub("&", "&amp;", as.character(text), fixed = TRUE)
  text <- gsub("<", "&lt;", text, fixed = TRUE)
  text <- gsub(">", "&gt;", text, fixed = TRUE)
  gsub("\"", "&quot;", text, fixed = TRUE)
}

# An image embedded in the page.
image_tag <- function(path, text) {
  bytes <- readBin(path, "raw", file.size(path))
  paste0(
    "<img alt=\"", escape(text), "\" src=\"data:image/png;base64,",
    gsub("\n", "", jsonlite::base64_enc(bytes), fixed = TRUE), "\">"
  )
}
