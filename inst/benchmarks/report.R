# Writes the report of reproduce.R: one HTML file with embedded figures.

# Versions, BLAS and processor, one string each.
versions <- function() {
  build <- sailer:::core_build_info()
  cpu <- grep("^model name", readLines("/proc/cpuinfo"), value = TRUE)
  list(
    sailer = as.character(utils::packageVersion("sailer")),
    r = as.character(getRversion()), libtorch = build$libtorch_version,
    blas = trimws(paste(build$blas$name, build$blas$kernels)),
    processor = sub(".*: ", "", c(cpu, ": unknown")[1])
  )
}

write_report <- function(path, experiments, rows, figures, problems, about) {
  judged <- lapply(experiments, function(e) {
    own <- rows[rows$experiment == e$name, , drop = FALSE]
    if (nrow(own) > 0) do.call(rbind, lapply(e$claims, judge, own))
  })
  names(judged) <- names(experiments)
  sections <- vapply(experiments, function(e) {
    section(
      e, rows[rows$experiment == e$name, , drop = FALSE], figures[[e$name]],
      judged[[e$name]], problems[[e$name]]
    )
  }, "")
  writeLines(c(
    "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
    "<title>sailer: experiments of the thesis</title>", style, "</head><body>",
    "<h1>Experiments of the thesis, repeated with sailer</h1>",
    paragraph(about),
    paragraph(paste(
      "Values are means and standard deviations over seeds. A value without",
      "standard deviation does not depend on the seed or comes from one seed.",
      "Rows in italics are the values of the thesis, on its data. A claim",
      "\u201cholds\u201d if the 95 % confidence interval of the difference",
      "from the best rival, paired by seed, supports it, \u201cdoes not",
      "hold\u201d if it contradicts it, and is \u201cundecided\u201d if the",
      "interval includes zero."
    )),
    "<h2>Claims</h2>", verdict_table(judged, experiments), sections,
    "</body></html>"
  ), path, useBytes = TRUE)
  invisible(judged)
}

style <- "<style>
body { font: 15px/1.5 sans-serif; max-width: 62em; margin: 2em auto;
       padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0; font-size: 13px }
th, td { padding: .25em .7em; border-bottom: 1px solid #ddd; text-align: left;
         vertical-align: top }
td.number { text-align: right; white-space: nowrap }
tr.thesis { font-style: italic; color: #555 }
.holds { color: #176b2c; font-weight: bold }
.fails { color: #a31515; font-weight: bold }
img { max-width: 100% }
</style>"

paragraph <- function(x) {
  if (length(x) > 0) sprintf("<p>%s</p>", escape(x)) else character(0)
}

section <- function(e, rows, figures, judged, problem) {
  paste(c(
    sprintf("<h2 id='%s'>%s</h2>", e$name, escape(e$title)),
    paragraph(e$data),
    if (!is.null(e$not_here)) paragraph(paste("Not done here:", e$not_here)),
    if (!is.null(problem)) paragraph(paste("Stopped:", problem)),
    if (nrow(rows) > 0) value_table(rows, e$thesis),
    if (nrow(rows) == 0) paragraph("No results: not run."),
    if (!is.null(judged)) verdict_table(list(judged), list(NULL)),
    vapply(figures, figure_tag, "")
  ), collapse = "\n")
}

# One row per data set and method, one column per measure.
value_table <- function(rows, thesis) {
  measures <- unique(rows$measure)
  lines <- unique(rows[c("data", "method")])
  body <- vapply(seq_len(nrow(lines)), function(i) {
    own <- rows[rows$data == lines$data[i] & rows$method == lines$method[i], ]
    table_line(lines$data[i], lines$method[i], measures, own)
  }, "")
  if (!is.null(thesis)) {
    measures <- union(measures, thesis$measure)
    known <- unique(thesis[c("data", "method")])
    body <- c(body, vapply(seq_len(nrow(known)), function(i) {
      own <- thesis[
        thesis$data == known$data[i] & thesis$method == known$method[i],
      ]
      table_line(
        known$data[i], paste(known$method[i], "(thesis)"), measures, own,
        "thesis"
      )
    }, ""))
  }
  head <- paste0("<th>", escape(c("data", "method", measures)), "</th>")
  sprintf(
    "<table><tr>%s</tr>\n%s</table>", paste(head, collapse = ""),
    paste(body, collapse = "\n")
  )
}

table_line <- function(data, method, measures, own, class = "ours") {
  numbers <- vapply(measures, function(measure) {
    values <- own$value[own$measure == measure]
    sprintf("<td class='number'>%s</td>", mean_sd(values))
  }, "")
  sprintf(
    "<tr class='%s'><td>%s</td><td>%s</td>%s</tr>", class, escape(data),
    escape(method), paste(numbers, collapse = "")
  )
}

verdict_table <- function(judged, experiments) {
  lines <- unlist(Map(function(found, e) {
    if (is.null(found)) return(NULL)
    class <- ifelse(
      found$verdict == "holds", "holds",
      ifelse(found$verdict == "does not hold", "fails", "open")
    )
    title <- if (is.null(e)) {
      ""
    } else {
      sprintf(
        "<td><a href='#%s'>%s</a></td>", e$name,
        escape(sub(":.*", "", e$title))
      )
    }
    sprintf(
      "<tr>%s<td>%s</td><td class='%s'>%s</td><td>%s</td></tr>", title,
      escape(found$claim), class, escape(found$verdict), escape(found$evidence)
    )
  }, judged, experiments), use.names = FALSE)
  sprintf("<table>%s</table>", paste(lines, collapse = "\n"))
}

figure_tag <- function(path) {
  text <- sub("[.]png$", "", basename(path))
  sprintf("<p>%s</p>", image_tag(path, text))
}

# UMAP figures with one panel per embedding. `colour` is a data frame with the
# values that colour the cells, one figure per column.
umap_figure <- function(embeddings, colour) {
  if (!requireNamespace("uwot", quietly = TRUE)) {
    return(NULL)
  }
  drawn <- lapply(names(embeddings), function(name) {
    set.seed(1)
    place <- uwot::umap(embeddings[[name]], n_threads = 1)
    lapply(names(colour), function(what) {
      data.frame(
        x = place[, 1], y = place[, 2], method = name,
        value = colour[[what]], what = what
      )
    })
  })
  points <- do.call(c, drawn)
  lapply(split(points, vapply(points, function(p) p$what[1], "")), function(p) {
    p <- do.call(rbind, p)
    p$method <- factor(p$method, names(embeddings))
    figure <- ggplot2::ggplot(p, ggplot2::aes(.data$x, .data$y)) +
      ggplot2::geom_point(ggplot2::aes(colour = .data$value), size = 0.3) +
      ggplot2::facet_wrap("method", scales = "free") +
      ggplot2::labs(x = NULL, y = NULL, colour = p$what[1]) +
      ggplot2::theme_void(11)
    if (is.numeric(p$value)) {
      figure + ggplot2::scale_colour_viridis_c()
    } else {
      figure + ggplot2::guides(
        colour = ggplot2::guide_legend(override.aes = list(size = 2))
      )
    }
  })
}

save_figures <- function(figures, folder, name) {
  figures <- Filter(Negate(is.null), figures)
  vapply(seq_along(figures), function(i) {
    path <- file.path(folder, sprintf("%s-%d.png", name, i))
    ggplot2::ggsave(
      path, figures[[i]], width = 8, height = 4.5, dpi = 110, bg = "white"
    )
    path
  }, "")
}
