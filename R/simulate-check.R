# Arguments of simulate_atac(): presets, sizes determined by profiles, and
# checks.

# `given`: the names of the arguments that the user specified.
simulation_arguments <- function(arguments, given) {
  arguments <- arguments[names(formals(simulate_atac))]
  preset <- simulation_preset(arguments$preset)
  from_preset <- setdiff(names(preset), given)
  arguments[from_preset] <- preset[from_preset]
  if (!is.null(arguments$profiles)) {
    arguments <- sizes_of_profiles(arguments, given)
  }
  if (!is.null(arguments$fragments)) {
    if ("depth" %in% given) {
      abort("Give {.arg depth} or {.arg fragments}, not both.")
    }
    arguments["depth"] <- list(NULL)
  }
  check_simulation(arguments)
  arguments[setdiff(names(arguments), c("preset", "file", "overwrite"))]
}

simulation_presets <- list(
  Sim1 = list(
    n_types = 5, n_batches = 1, fragments = 5000, signal = 0.4, rare = 0.01
  ),
  Sim2 = list(
    n_types = 9, n_batches = 1, fragments = 3000, signal = 0.4, rare = NULL
  ),
  Sim3 = list(
    n_types = 6, n_batches = 2, fragments = c(2500, 5000),
    signal = c(0.4, 0.5), rare = c(0.01, 0.01), rare_batch = c(1, 2)
  )
)

simulation_preset <- function(name) {
  if (is.null(name)) {
    return(list())
  }
  known <- names(simulation_presets)
  check_choice(name, known, "preset", "preset", "the thesis")
  c(simulation_presets[[name]], list(
    n_cells = 1e4, n_peaks = 5e4, depth_sd = 1.5, batch_effect = 0,
    fragment_range = c(1000, 20000)
  ))
}

# Sets the numbers of peaks and types to those of the profiles.
sizes_of_profiles <- function(arguments, given) {
  profiles <- check_profiles(arguments$profiles)
  sizes <- list(n_peaks = nrow(profiles), n_types = ncol(profiles))
  for (name in names(sizes)) {
    if (name %in% given && !identical(
      as.numeric(arguments[[name]]), as.numeric(sizes[[name]])
    )) {
      abort("{.arg {name}} is {arguments[[name]]}, but {.arg profiles} has
             {sizes[[name]]}: leave it out.")
    }
  }
  if (is.null(arguments$fragments)) {
    abort("With {.arg profiles}, give {.arg fragments}: the median number of
           fragments per cell.")
  }
  arguments[names(sizes)] <- sizes
  arguments["n_chromosomes"] <- 1
  arguments$profiles <- profiles
  arguments
}

check_profiles <- function(profiles) {
  profiles <- as_numeric_matrix(profiles, "profiles", "counts, peaks x types")
  if (!all(is.finite(profiles) & profiles >= 0)) {
    abort("{.arg profiles} must hold counts: no missing or negative values.")
  }
  check_names(rownames(profiles), "peak", "row")
  check_names(colnames(profiles), "type", "column")
  lost <- rownames(profiles)[is.na(parse_peaks(rownames(profiles))$start)]
  abort_if(length(lost) > 0, c(
    "{.arg profiles}: {length(lost)} peak{?s} {?has/have} no range in
     {?its/their} name{?s}: {few(lost)}.",
    i = "Name peaks like {.val chr1-100-600}: the background is drawn by
         their lengths."
  ))
  empty <- colnames(profiles)[colSums(profiles) == 0]
  if (length(empty) > 0) {
    abort("{.arg profiles}: the type{?s} {.val {empty}} {?has/have} no reads.")
  }
  profiles
}

check_simulation <- function(arguments) {
  n_peaks <- arguments$n_peaks
  n_batches <- arguments$n_batches
  check <- function(name, from, to, ...) {
    check_number(arguments[[name]], name, from, to, ...)
  }
  check("n_peaks", 20, 1e7, whole = TRUE)
  check("n_types", 1, 1000, whole = TRUE)
  check("n_batches", 1, 1000, whole = TRUE)
  least <- 2 * max(arguments$n_types, n_batches)
  check("n_cells", least, 1e7, whole = TRUE)
  check("depth_sd", 0, 3)
  check("batch_effect", 0, 3)
  check("type_specific", 1e-6, 1)
  check("n_chromosomes", 1, n_peaks, whole = TRUE)
  check("seed", -.Machine$integer.max, .Machine$integer.max, whole = TRUE)
  by_batch <- function(name, from, to) {
    if (!are_numbers(arguments[[name]], from, to, c(1, n_batches))) {
      refuse_found(
        "{.arg {name}} must be a number from {from} to {to}, or one per batch.",
        arguments[[name]]
      )
    }
  }
  by_batch("signal", 1e-6, 1)
  if (is.null(arguments$fragments)) {
    by_batch("depth", 1, n_peaks / 2)
  } else {
    by_batch("fragments", 1, 1e7)
  }
  limits <- arguments$fragment_range
  if (!is.numeric(limits) || length(limits) != 2 ||
        !isTRUE(all(diff(c(1, limits)) >= 0))) {
    refuse_found("{.arg fragment_range} must hold the smallest and largest
                  number of fragments per cell, at least 1.", limits)
  }
  check_rare(arguments$rare, arguments$rare_batch, arguments$n_types, n_batches)
}

refuse_found <- function(message, found, hint = NULL, .envir = parent.frame()) {
  found <- as_literal(cli::format_inline("{.val {found}}"))
  abort(c(message, x = paste0("Found ", found, "."), i = hint), .envir = .envir)
}

check_rare <- function(rare, rare_batch, n_types, n_batches) {
  n_common <- n_types - length(rare)
  valid <- length(rare) == 0 ||
    (n_common > 0 && are_numbers(rare, 0, 1, length(rare)) && all(rare > 0) &&
       max(rare) < (1 - sum(rare)) / n_common)
  if (!valid) {
    refuse_found(
      "{.arg rare} must hold one fraction per rare type, each above 0 and below
       the share of a common type, for fewer types than {.arg n_types}
       ({n_types}).",
      rare, "For no rare types, give {.code rare = NULL}."
    )
  }
  in_batches <- all(rare_batch %in% c(seq_len(n_batches), NA))
  if (!is.null(rare_batch) &&
        (length(rare_batch) != length(rare) || !in_batches)) {
    refuse_found(
      "{.arg rare_batch} must hold a batch from 1 to {n_batches}, or `NA`, for
       each of the {length(rare)} rare type{?s}.", rare_batch
    )
  }
}
