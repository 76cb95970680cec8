# Writes the report of tools/demo.R: one HTML page with embedded images.

# `found` is the value of compare(), `umap` the path of the image from draw().
write_report <- function(path, fit, results, found, input, seconds, umap) {
  body <- c(
    paste0("<h1>", escape(input$what), "</h1>"),
    summary_list(fit, input, seconds),
    section(
      "Embedding",
      "UMAP of the embedding. Clusters are Leiden clusters of the
      15-nearest-neighbour graph. Depth is the number of open peaks per cell.",
      image_tag(umap, "UMAP of the embedding")
    ),
    section(
      "Measures",
      "ARI and NMI: agreement of the clusters with the known types (best: 1).
      I(z, depth) and I(z, batch): mutual information of the embedding with
      depth and batch in nats, mean over dimensions (best: 0). iLISI: effective
      number of batches among the neighbours of a cell (higher is better). LSI,
      if shown, is TF-IDF and SVD without the first component.",
      html_table(found$measures)
    ),
    section(
      "Cells per cluster", "",
      html_table(as.data.frame.matrix(
        if (length(dim(found$clusters)) == 2) {
          found$clusters
        } else {
          as.matrix(found$clusters)
        }
      ))
    ),
    section(
      "Residual effect of depth",
      "Each dimension of the embedding against depth. A slope means that the
      embedding still depends on depth.",
      plot_image(plot_depth(fit, results$depth), "Dimensions against depth")
    ),
    mixing_section(fit, results),
    section(
      "Training",
      "Training stops when the evidence lower bound of held-out cells no longer
      improves, and returns to the best epoch.",
      plot_image(plot(fit), "Loss against epochs")
    ),
    section("Versions", "", versions())
  )
  writeLines(enc2utf8(html_page(paste("sailer:", input$what), body)), path,
    useBytes = TRUE
  )
}

html_page <- function(title, body) {
  c(
    "<!DOCTYPE html>", "<html lang=\"en\">", "<head>",
    "<meta charset=\"utf-8\">",
    "<meta name=\"viewport\" content=\"width=device-width\">",
    paste0("<title>", escape(title), "</title>"),
    "<style>",
    "body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem;",
    "  margin: 2rem auto; padding: 0 1rem; color: #222; }",
    "img { max-width: 100%; } h2 { margin-top: 2.5rem; }",
    "table { border-collapse: collapse; font-variant-numeric: tabular-nums; }",
    "th, td { padding: .25rem .8rem; border-bottom: 1px solid #ddd; }",
    "td { text-align: right; } th { text-align: left; }",
    "p { color: #444; } .wide { overflow-x: auto; }",
    "</style>", "</head>", "<body>", body, "</body>", "</html>"
  )
}

section <- function(title, text, content) {
  c(
    paste0("<h2>", title, "</h2>"),
    if (nzchar(text)) paste0("<p>", gsub("\\s+", " ", text), "</p>"),
    content
  )
}

summary_list <- function(fit, input, seconds) {
  best <- fit$best_epoch
  items <- c(
    sprintf("%d cells, %d peaks", ncol(input$cells), nrow(input$cells)),
    sprintf(
      "%d peaks used, %d dimensions", length(fit$peaks), ncol(embedding(fit))
    ),
    if (length(input$batch) > 0) {
      paste("Batch:", paste(input$batch, collapse = ", "))
    },
    sprintf(
      "Trained for %d epochs in %.0f s (best epoch: %d)",
      nrow(fit$history), seconds, best
    ),
    format(Sys.time(), "Created on %Y-%m-%d %H:%M by tools/demo of sailer")
  )
  c("<ul>", paste0("<li>", escape(items), "</li>"), "</ul>")
}

mixing_section <- function(fit, results) {
  if (is.null(results$batch) || nlevels(results$batch) < 2) {
    return(NULL)
  }
  mixing <- batch_mixing(fit, results$batch, labels = results$type)
  section(
    "Batch mixing",
    "Share of each batch among the neighbours of the cells, by batch. With
    perfect mixing all shares are equal.",
    plot_image(plot(mixing), "Batches among neighbours", height = 3.5)
  )
}

versions <- function() {
  report <- sailer_sitrep()
  html_table(data.frame(
    value = c(
      report$sailer, report$r, report$libtorch$version, report$blas$name,
      report$hdf5, paste(report$devices, collapse = ", "), report$threads
    ),
    row.names = c(
      "sailer", "R", "LibTorch", "BLAS", "HDF5", "devices", "threads"
    )
  ))
}

html_table <- function(table) {
  cells <- vapply(table, function(column) {
    paste0("<td>", escape(ifelse(is.na(column), "", column)), "</td>")
  }, character(nrow(table)))
  cells <- matrix(cells, nrow(table))
  c(
    "<div class=\"wide\"><table>",
    paste0(
      "<tr><th></th>",
      paste0("<th>", escape(names(table)), "</th>", collapse = ""), "</tr>"
    ),
    paste0(
      "<tr><th>", escape(rownames(table)), "</th>",
      apply(cells, 1, paste, collapse = ""), "</tr>"
    ),
    "</table></div>"
  )
}

plot_image <- function(plot, text, width = 8, height = 4.5) {
  path <- tempfile(fileext = ".png")
  on.exit(unlink(path))
  grDevices::png(
    path,
    width = width, height = height, units = "in", res = 110,
    type = if (capabilities("cairo")) "cairo" else getOption("bitmapType")
  )
  # Closes the device even if the plot fails.
  tryCatch(print(plot), finally = grDevices::dev.off())
  image_tag(path, text)
}
