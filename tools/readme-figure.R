# Makes the figure of README.md, man/figures/README-embedding.png: simulated
# cells with strong batch effects, embedded by LSI and by SAILER.
#
#   Rscript tools/readme-figure.R

source("inst/benchmarks/common.R")
library(ggplot2)

data <- read_labelled("batches")
depth <- data$cells$depth
fit <- sailer(
  data$counts,
  batch = data$cells$batch, seed = 1, threads = 1, verbose = FALSE
)
methods <- list(
  LSI = lsi(data$counts, 16, TRUE),
  SAILER = embedding(fit)
)

layouts <- lapply(methods, function(values) {
  set.seed(1)
  uwot::umap(values, metric = "cosine", n_threads = 1, n_sgd_threads = 0)
})

panel <- function(method, values, title, scale) {
  set.seed(1)
  order <- sample(length(depth))  # so that no group hides another
  shown <- data.frame(layouts[[method]], value = values)[order, ]
  ggplot(shown, aes(X1, X2, colour = value)) +
    geom_point(size = 0.5, stroke = 0, show.legend = method == "SAILER") +
    scale +
    labs(
      x = NULL, y = if (title == "cell type") method, colour = NULL,
      title = if (method == "LSI") title
    ) +
    theme_minimal(base_size = 9) +
    theme(
      aspect.ratio = 1, panel.grid = element_blank(),
      panel.border = element_rect(fill = NA, colour = "grey80"),
      axis.text = element_blank(),
      axis.title.y = element_text(size = 12, face = "bold"),
      legend.position = "bottom", legend.key.size = unit(7, "pt"),
      legend.text = element_text(size = 6)
    ) +
    guides(colour = if (is.numeric(values)) {
      guide_colourbar(barheight = 0.4, barwidth = 8)
    } else {
      guide_legend(override.aes = list(size = 2), ncol = 4)
    })
}

column <- function(values, title, scale) {
  lapply(
    names(methods), panel,
    values = values, title = title, scale = scale
  )
}

types <- factor(data$cells$cell_type)
batches <- factor(data$cells$batch)
okabe_ito <- unname(grDevices::palette.colors(9, "Okabe-Ito"))
columns <- list(
  column(types, "cell type", scale_colour_manual(
    values = grDevices::hcl.colors(nlevels(types), "Dynamic")
  )),
  column(batches, "batch", scale_colour_manual(values = okabe_ito[c(3, 2)])),
  column(
    log10(depth), "depth (log10 open peaks)", scale_colour_viridis_c()
  )
)

grDevices::pdf(NULL)  # measuring text opens a device
rows <- lapply(seq_along(methods), function(row) {
  grobs <- lapply(columns, function(column) ggplotGrob(column[[row]]))
  do.call(cbind, c(grobs, size = "max"))
})
dir.create("man/figures", showWarnings = FALSE)
grDevices::png(
  "man/figures/README-embedding.png",
  width = 8, height = 6.4, units = "in", res = 110, type = "cairo"
)
grid::grid.draw(do.call(rbind, c(rows, size = "first")))
invisible(grDevices::dev.off())
