# Tables 2.1 to 2.3 and figure 2.2: lambda, latent dimensions and hidden units.

grids <- list(
  lambda = c(0, 0.01, 0.1, 1, 2, 10, 50), n_latent = c(2, 5, 10, 15, 20),
  hidden = c(50, 100, 200, 350, 500)
)
# A low, a middle and a high value of each.
quick_grids <- list(
  lambda = c(0, 1, 10), n_latent = c(2, 10, 20), hidden = c(50, 200, 500)
)

run <- function(context) {
  data <- read_atac("bone_marrow_atac")
  rows <- NULL
  for (option in names(grids)) {
    values <- (if (context$full) grids else quick_grids)[[option]]
    for (value in values) {
      made <- timed(do.call(fit_sailer, c(
        list(data, context$seed), stats::setNames(list(value), option)
      )))
      scores <- report_scores(embedding(made$value), data, context$full)
      rows <- rbind(rows, rows_of(
        "bone marrow", paste(option, value), scores, context, made$seconds
      ))
    }
  }
  list(rows = rows)
}

# The rows of one option, with the option's values as numbers in `at`.
along <- function(rows, option, measure) {
  own <- rows[
    startsWith(rows$method, paste0(option, " ")) & rows$measure == measure,
  ]
  own$at <- as.numeric(sub(".* ", "", own$method))
  own
}

# The range of the ARI along an option, with its spread over seeds as evidence.
robust <- function(option, from = -Inf) {
  text <- sprintf(
    "Clustering is robust to %s: ARI varies by less than .1", option
  )
  claim_by(text, function(rows) {
    own <- along(rows, option, "ARI")
    means <- tapply(own$value, own$at, mean)
    moved <- diff(range(means))
    noise <- stats::median(tapply(own$value, own$at, stats::sd))
    list(
      verdict = if (moved < 0.1) "holds" else "does not hold",
      evidence = sprintf(
        "ARI at %s: %s; range %s, median standard deviation over seeds %s",
        toString(names(means)), toString(short(means)), short(moved),
        short(noise)
      )
    )
  })
}

penalty <- claim_by(
  "Raising lambda to about 1 lowers I(z, depth) (table 2.1)", function(rows) {
    own <- along(rows, "lambda", "I(z, depth)")
    none <- own[own$at == 0, ]
    one <- own[own$at == 1, ]
    gain <- none$value - one$value[match(none$seed, one$seed)]
    list(
      verdict = if (all(gain > 0)) "holds" else if (all(gain < 0)) {
        "does not hold"
      } else {
        "undecided"
      },
      evidence = paste0(
        "I(z, depth) ", paste(vapply(sort(unique(own$at)), function(at) {
          paste0(mean_sd(own$value[own$at == at]), " at ", at)
        }, ""), collapse = ", ")
      )
    )
  }
)

atlas <- function(option, values, mi, ari, nmi) {
  do.call(rbind, Map(function(v, m, a, n) {
    thesis_values(
      "mouse atlas", paste(option, v), `I(z, depth)` = m, ARI = a, NMI = n,
      here = "bone marrow"
    )
  }, values, mi, ari, nmi))
}

experiment(
  "hyperparameters",
  "Tables 2.1-2.3, figure 2.2: lambda, latent dimensions and hidden units",
  paste(
    "Bone marrow from two donors (7,070 cells, 16 types, 10,000 peaks). The",
    "thesis uses the mouse atlas of 81,173 cells. Quick: three values of each",
    "hyperparameter."
  ),
  run,
  list(penalty, robust("lambda"), robust("n_latent"), robust("hidden")),
  rbind(
    atlas(
      "lambda", grids$lambda, c(.071, .053, .045, .040, .043, .046, .040),
      c(.539, .546, .560, .575, .546, .562, .605),
      c(.773, .774, .778, .799, .772, .779, .780)
    ),
    atlas(
      "n_latent", grids$n_latent, c(.105, .059, .040, .038, .040),
      c(.482, .555, .575, .556, .571), c(.735, .763, .799, .774, .770)
    ),
    atlas(
      "hidden", grids$hidden, c(.057, .040, .045, .039, .039),
      c(.563, .575, .615, .623, .583), c(.782, .785, .785, .789, .786)
    )
  ),
  seconds = 220
)
