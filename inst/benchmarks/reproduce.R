# Repeats the experiments of the thesis and writes a report.
#
#   Rscript inst/benchmarks/reproduce.R [options] [experiment ...]
#
#   --quick      small data and three seeds (default): about half an hour on two
#                cores for all experiments
#   --full       data sizes of the thesis: hours
#   --seeds=N    number of seeds
#   --jobs=N     number of parallel experiments, one thread each (default: 2)
#   --out=FOLDER folder of report.html, values.csv and figures (default:
#                "reproduction"). Results of experiments that are not rerun are
#                kept, so experiments can be run one at a time
#   --list       list the experiments and their CPU time
#
# Real data are read from SAILER_DATA (see common.R). The report names
# experiments whose data or packages are missing. Each experiment is a file in
# reproduce/ (see claims.R). values.csv has one row per measure, method and
# seed.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
folder <- dirname(script)
for (file in c("common.R", "rivals.R", "claims.R", "html.R", "report.R")) {
  source(file.path(folder, file))
}

# Loads the functions of another benchmark script without running it.
functions_of <- function(file) {
  own <- new.env(parent = globalenv())
  sys.source(file.path(folder, file), own)
  own
}

# In order of importance.
experiment_names <- c(
  "confounders", "hyperparameters", "atlas", "imputation", "batches",
  "scalability", "multiome", "markers", "hybrid", "landscape", "expresser"
)

load_experiment <- function(name) {
  path <- file.path(folder, "reproduce", paste0(name, ".R"))
  source(path, local = new.env(parent = globalenv()))$value
}

option_of <- function(name, otherwise) {
  given <- grep(paste0("^--", name, "="), commandArgs(TRUE), value = TRUE)
  if (length(given) > 0) sub("^[^=]*=", "", given[1]) else otherwise
}

# Returns the rows of all seeds, the figures of the first and any error.
run_experiment <- function(e, seeds, full, out) {
  rows <- NULL
  figures <- character(0)
  problem <- NULL
  for (seed in seeds) {
    context <- list(seed = seed, full = full, first = seed == seeds[1])
    say(e$name, ", seed ", seed)
    found <- tryCatch(e$run(context), error = function(e) e)
    if (inherits(found, "error")) {
      problem <- paste0("seed ", seed, ": ", conditionMessage(found))
      say("  stopped: ", conditionMessage(found))
      break
    }
    rows <- rbind(rows, found$rows)
    if (context$first) {
      figures <- save_figures(found$figures, file.path(out, "figures"), e$name)
    }
  }
  list(rows = rows, figures = figures, problem = problem)
}

say <- function(...) {
  cat(format(Sys.time(), "%H:%M:%S "), ..., "\n", sep = "")
}

# Adds the remaining columns of values.csv to the rows.
described_rows <- function(rows, e, size) {
  about <- versions()
  at <- if (is.null(e$thesis)) {
    rep(NA, nrow(rows))
  } else {
    match(
      paste(rows$data, rows$method, rows$measure),
      paste(e$thesis$data_here, e$thesis$method_here, e$thesis$measure)
    )
  }
  data.frame(
    experiment = e$name, thesis_part = sub(":.*", "", e$title),
    thesis_value = if (is.null(e$thesis)) NA else e$thesis$value[at], rows,
    size = size, time = format(Sys.time(), "%Y-%m-%dT%H:%M:%SZ", tz = "UTC"),
    about
  )
}

main <- function() {
  asked <- commandArgs(TRUE)
  names <- asked[!startsWith(asked, "--")]
  unknown <- setdiff(names, experiment_names)
  if (length(unknown) > 0) {
    stop("Unknown experiment: ", toString(unknown), ". Choose from ",
         toString(experiment_names), ".", call. = FALSE)
  }
  experiments <- lapply(
    stats::setNames(experiment_names, experiment_names), load_experiment
  )
  if ("--list" %in% asked) {
    for (e in experiments) {
      cat(sprintf("%-16s %4.0f CPU s/seed  %s\n", e$name, e$seconds, e$title))
    }
    return(invisible())
  }
  full <- "--full" %in% asked
  seeds <- seq_len(as.integer(option_of("seeds", if (full) 5 else 3)))
  out <- option_of("out", "reproduction")
  for (part in c("figures", "results")) {
    dir.create(file.path(out, part), FALSE, TRUE)
  }
  chosen <- if (length(names) > 0) names else experiment_names
  # One process each, forked before any training. The longest start first, so
  # that none runs alone at the end.
  seconds <- vapply(experiments[chosen], `[[`, 0, "seconds")
  parallel::mclapply(chosen[order(-seconds)], function(name) {
    do_experiment(experiments[[name]], seeds, full, out)
  }, mc.cores = as.integer(option_of("jobs", 2)), mc.preschedule = FALSE)
  finish(experiments, out, chosen)
}

# Saves the results to a file, so that experiments can be run one at a time.
do_experiment <- function(e, seeds, full, out) {
  seconds <- system.time(found <- run_experiment(e, seeds, full, out))
  if (!is.null(found$rows)) {
    found$rows <- described_rows(found$rows, e, if (full) "full" else "quick")
  }
  saveRDS(found, file.path(out, "results", paste0(e$name, ".rds")))
  say(sprintf(
    "%s: %.0f s, %.0f CPU s", e$name, seconds[[3]],
    sum(seconds[1:2])
  ))
}

# Writes values.csv and report.html from all results so far. Prints the verdicts
# of the chosen experiments.
finish <- function(experiments, out, chosen) {
  paths <- file.path(out, "results", paste0(names(experiments), ".rds"))
  there <- file.exists(paths)
  kept <- stats::setNames(lapply(paths[there], readRDS),
                          names(experiments)[there])
  rows <- do.call(rbind, unname(lapply(kept, `[[`, "rows")))
  if (is.null(rows)) rows <- data.frame(experiment = character(0))
  utils::write.csv(rows, file.path(out, "values.csv"), row.names = FALSE)
  about <- versions()
  judged <- write_report(
    file.path(out, "report.html"), experiments, rows,
    lapply(kept, `[[`, "figures"), lapply(kept, `[[`, "problem"),
    sprintf(
      "%s; sailer %s, R %s, LibTorch %s, %s, %s. Sizes: %s.",
      format(Sys.time(), "%Y-%m-%d %H:%M UTC", tz = "UTC"), about$sailer,
      about$r, about$libtorch, about$blas, about$processor,
      toString(unique(rows$size))
    )
  )
  for (name in chosen) {
    found <- judged[[name]]
    if (is.null(found)) next
    cat("\n", experiments[[name]]$title, "\n", sep = "")
    cat(sprintf("  %-14s %s\n    %s\n", found$verdict, found$claim,
                found$evidence), sep = "")
  }
}

if (sys.nframe() == 0) main()
