# Query cells in the peaks of a model: matches the peaks of the query with those
# of the model, and makes a handle that reads the query in the model's peaks.

# Returns list(cells = handle with the model's peaks, depth = open peaks of each
# cell among them, matched = summary of the matches, dropped = names of cells
# left out).
query_cells <- function(cells, peaks, ranges, model_ranges, min_matched,
                        drop_empty) {
  check_number(min_matched, min = 0, max = 1)
  check_flag(drop_empty)
  check_size(cells, 1)
  check_names(cells$peaks, "peak", "row")
  check_names(cells$cells, "cell", "column")
  scanned <- checked_scan(cells)
  placed <- place_peaks(cells, peaks, ranges, model_ranges)
  matched <- summarise_matches(placed, peaks, scanned$peak_cells)
  check_matched(matched, placed, cells, peaks, min_matched)
  lost <- matched$n_model - matched$n_matched
  note(c(matched_lines(matched), if (lost > 0) {
    "The other {big(lost)} peaks of the model count as closed in all query
     cells."
  }))
  mapped <- new_cells(
    core_cells_subset(cells$source, NULL, placed$map, length(peaks)),
    peaks, cells$cells, cells$origin
  )
  c(leave_out_empty(mapped, drop_empty), list(matched = matched))
}

# Returns list(map = index in the model of each query peak, NA for none; by_name
# = whether it was matched by name) and, if ranges were compared, chromosomes =
# list(query, model); if they could not be, hint = what to do.
place_peaks <- function(cells, peaks, ranges, model_ranges) {
  map <- match(cells$peaks, peaks)
  asked <- !is.null(ranges) && !is.null(model_ranges)
  found <- list(map = map, by_name = !is.na(map))
  if (!asked && all(peaks %in% cells$peaks)) {
    return(found)
  }
  if (!is_installed("GenomicRanges")) {
    found$hint <- "To match peaks by overlap, install {.pkg GenomicRanges}."
    return(found)
  }
  own <- ranges_of_peaks(cells$peaks, ranges, cells$ranges, of = "the query")
  model <- ranges_of_peaks(peaks, model_ranges, arg = "model_ranges")
  if (is.null(own) || is.null(model)) {
    arg <- if (is.null(own)) "ranges" else "model_ranges"
    found$hint <- paste0(
      "Peaks are matched by overlap if their ranges are known: give {.arg ",
      arg, "}, a GRanges, or name peaks like {.val chr1-100-200}."
    )
    return(found)
  }
  # If ranges are given for both, they are preferred to names, which may be mere
  # numbers.
  if (asked) found$by_name[] <- FALSE
  rest <- !found$by_name
  found$map[rest] <- overlap_places(own[rest], model)
  found$chromosomes <- list(
    query = chromosomes_of(own), model = chromosomes_of(model)
  )
  found
}

# Returns, for each range, the index of the range in `model` with which it
# shares the most bases, the first if there are several; NA if it shares none.
overlap_places <- function(ranges, model) {
  hits <- of_one_genome(
    GenomicRanges::findOverlaps(ranges, model, ignore.strand = TRUE),
    "the query and the model"
  )
  # Slots of a Hits object, read without needing another package.
  from <- methods::slot(hits, "from")
  to <- methods::slot(hits, "to")
  start <- GenomicRanges::start
  end <- GenomicRanges::end
  shared <- pmin(end(ranges)[from], end(model)[to]) -
    pmax(start(ranges)[from], start(model)[to])
  best <- order(from, -shared, to)
  best <- best[!duplicated(from[best])]
  places <- rep(NA_integer_, length(ranges))
  places[from[best]] <- to[best]
  places
}

summarise_matches <- function(placed, peaks, peak_cells) {
  used <- !is.na(placed$map)
  found <- unique(placed$map[used])
  by_name <- unique(placed$map[used & placed$by_name])
  list(
    n_model = length(peaks), n_matched = length(found),
    by_name = length(by_name), by_overlap = length(found) - length(by_name),
    n_query = length(used), n_used = sum(used),
    peaks = length(found) / length(peaks),
    counts = sum(peak_cells[used]) / max(1, sum(peak_cells))
  )
}

check_matched <- function(matched, placed, cells, peaks, min_matched) {
  if (matched$peaks >= min_matched && matched$n_matched > 0) {
    return(invisible())
  }
  strangers <- !is.null(placed$chromosomes) &&
    !any(placed$chromosomes$query %in% placed$chromosomes$model)
  abort(c(
    "Only {big(matched$n_matched)} of the {big(matched$n_model)} peaks of the
     model ({percent(matched$peaks)}) are matched by peaks of the query;
     {percent(min_matched)} are required ({.arg min_matched}).",
    x = "The model has {.val {utils::head(peaks, 2)}}, the query
         {.val {utils::head(cells$peaks, 2)}}.",
    i = if (strangers) {
      "No chromosome has the same name in both: rename those of the query."
    } else {
      placed$hint %||% "Is it the same genome? If so, count the query's
        fragments in the peaks of the model."
    }
  ), class = "data")
}

percent <- function(share) sprintf("%.1f %%", 100 * share)

matched_lines <- function(matched) {
  n <- lapply(matched, big)
  c(
    sprintf(
      "%s of the %s peaks of the model are matched (%s), %s of them by name.",
      n$n_matched, n$n_model, percent(matched$peaks), n$by_name
    ),
    sprintf(
      "%s of the %s peaks of the query are used, with %s of its open entries.",
      n$n_used, n$n_query, percent(matched$counts)
    )
  )
}

# Leaves out, or refuses, cells without an open peak among the model's: they
# have no embedding.
leave_out_empty <- function(mapped, drop_empty) {
  depth <- core_depth_within(mapped$source, rep(TRUE, length(mapped$peaks)))
  kept <- depth > 0
  dropped <- mapped$cells[!kept]
  found <- "{length(dropped)} query cell{?s} {?has/have} no open peak among
            those of the model"
  abort_if(length(dropped) > 0 && (!drop_empty || !any(kept)), c(
    paste0(found, ": {few(dropped)}."),
    i = if (!drop_empty) "Remove {cli::qty(length(dropped))}{?it/them}, or
          leave {?it/them} out with {.code drop_empty = TRUE}."
  ), class = "data")
  if (length(dropped) > 0) {
    note(paste0(found, ", and {?is/are} left out: {few(dropped)}."))
    mapped <- mapped[, kept]
  }
  list(cells = mapped, depth = depth[kept], dropped = dropped)
}
