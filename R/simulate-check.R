# Arguments of simulate_atac(): those of a preset, sizes that profiles decide,
# and checks.

# `given`: the names of those that the user wrote.
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
  if (!rlang::is_string(name, names(simulation_presets))) {
    abort("{.arg preset} must be one of {.val {names(simulation_presets)}}, or
           NULL.")
  }
  c(
    simulation_presets[[name]],
    list(
      n_cells = 1e4, n_peaks = 5e4, depth_sd = 1.5, batch_effect = 0,
      fragment_range = c(1000, 20000)
    )
  )
}

# Numbers of peaks and types are those of the profiles.
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
           fragments of a cell.")
  }
  arguments[names(sizes)] <- sizes
  arguments["n_chromosomes"] <- 1
  arguments$profiles <- profiles
  arguments
}

check_profiles <- function(profiles) {
  if (inherits(profiles, "Matrix")) profiles <- as.matrix(profiles)
  if (!is.matrix(profiles) || !is.numeric(profiles)) {
    abort("{.arg profiles} must be a matrix of counts, peaks x types, not
           {.obj_type_friendly {profiles}}.")
  }
  if (!all(is.finite(profiles) & profiles >= 0)) {
    abort("{.arg profiles} must hold counts: numbers from 0 up, none missing.")
  }
  check_names(rownames(profiles), "peak", "row")
  check_names(colnames(profiles), "type", "column")
  lost <- rownames(profiles)[is.na(parse_peaks(rownames(profiles))$start)]
  if (length(lost) > 0) {
    abort(c(
      "{.arg profiles}: {length(lost)} peak{?s} {?has/have} no range in
       {?its/their} name{?s}: {.val {utils::head(lost, 3)}}.",
      i = "Name peaks like {.val chr1-100-600}: the background is drawn by
           their lengths."
    ))
  }
  empty <- colnames(profiles)[colSums(profiles) == 0]
  if (length(empty) > 0) {
    abort("{.arg profiles}: the type{?s} {.val {empty}} {?has/have} no reads.")
  }
  profiles
}

check_simulation <- function(arguments) {
  check <- function(name, from, to, ...) {
    check_number(arguments[[name]], name, from, to, ...)
  }
  check("n_peaks", 20, 1e7, whole = TRUE)
  check("n_types", 1, 1000, whole = TRUE)
  check("n_batches", 1, 1000, whole = TRUE)
  check("n_cells", 2 * max(arguments$n_types, arguments$n_batches), 1e7,
    whole = TRUE
  )
  check("depth_sd", 0, 3)
  check("batch_effect", 0, 3)
  check("type_specific", 1e-6, 1)
  check("n_chromosomes", 1, arguments$n_peaks, whole = TRUE)
  check("seed", -.Machine$integer.max, .Machine$integer.max, whole = TRUE)
  check_by_batch(arguments)
  check_fragment_range(arguments$fragment_range)
  check_rare(arguments)
}

# Numbers for all batches, or one for each.
check_by_batch <- function(arguments) {
  ranges <- list(
    depth = c(1, arguments$n_peaks / 2), fragments = c(1, 1e7),
    signal = c(1e-6, 1)
  )
  unused <- if (is.null(arguments$fragments)) "fragments" else "depth"
  for (name in setdiff(names(ranges), unused)) {
    range <- ranges[[name]]
    x <- arguments[[name]]
    if (!are_numbers(x, range[1], range[2], c(1, arguments$n_batches))) {
      abort(c(
        "{.arg {name}} must be a number from {range[1]} to {range[2]}, or one
         per batch.",
        "x" = "Found {.val {x}}."
      ))
    }
  }
}

check_fragment_range <- function(limits) {
  valid <- is.numeric(limits) && length(limits) == 2 && !anyNA(limits)
  if (!valid || any(diff(c(1, limits)) < 0)) {
    abort(c(
      "{.arg fragment_range} must hold the fewest and the most fragments of a
       cell, from 1 up.",
      "x" = "Found {.val {limits}}."
    ))
  }
}

check_rare <- function(arguments) {
  rare <- arguments$rare
  n_common <- arguments$n_types - length(rare)
  valid <- length(rare) == 0 || (is.numeric(rare) && n_common > 0 &&
    all(is.finite(rare) & rare > 0) &&
    max(rare) < (1 - sum(rare)) / n_common)
  if (!valid) {
    abort(c(
      "{.arg rare} must hold one fraction per rare type, each above 0 and
       below the share of a common type, for fewer types than {.arg n_types}.",
      "x" = "Found {.val {rare}} with {arguments$n_types} type{?s}.",
      "i" = "For no rare types, give {.code rare = NULL}."
    ))
  }
  rare_batch <- arguments$rare_batch
  in_batches <- rare_batch %in% c(seq_len(arguments$n_batches), NA)
  if (!is.null(rare_batch) &&
    (length(rare_batch) != length(rare) || !all(in_batches))) {
    abort(c(
      "{.arg rare_batch} must hold a batch from 1 to {arguments$n_batches}, or
       `NA`, for each of the {length(rare)} rare type{?s}.",
      "x" = "Found {.val {rare_batch}}."
    ))
  }
}
