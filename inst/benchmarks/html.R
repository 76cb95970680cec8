# What the reports in HTML share.

escape <- function(text) {
  text <- gsub("&", "&amp;", as.character(text), fixed = TRUE)
  text <- gsub("<", "&lt;", text, fixed = TRUE)
  text <- gsub(">", "&gt;", text, fixed = TRUE)
  gsub("\"", "&quot;", text, fixed = TRUE)
}

# A picture that lies in the page itself.
image_tag <- function(path, text) {
  bytes <- readBin(path, "raw", file.size(path))
  paste0(
    "<img alt=\"", escape(text), "\" src=\"data:image/png;base64,",
    gsub("\n", "", jsonlite::base64_enc(bytes), fixed = TRUE), "\">"
  )
}
