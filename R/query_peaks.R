# Query cells in the peaks of a model: which query peak is which of the model's,
# and a handle that reads the query in the model's peaks.

# list(cells = handle with the model's peaks, depth = open peaks of each cell
# among them, matched = what was matched, dropped = names of cells left out).
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
  note_matches(matched)
  mapped <- new_cells(
    core_cells_subset(cells$source, NULL, placed$map, length(peaks)),
    peaks, cells$cells, cells$origin
  )
  c(leave_out_empty(mapped, drop_empty), list(matched = matched))
}

# list(map = place in the model of each query peak, NA for none; by_name = which
# of them came by their names; hint = why ranges were of no use, if so).
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
  own <- known_ranges(ranges, cells$ranges, cells$peaks, "ranges")
  model <- known_ranges(model_ranges, NULL, peaks, "model_ranges")
  if (is.null(own) || is.null(model)) {
    arg <- if (is.null(own)) "ranges" else "model_ranges"
    found$hint <- paste0(
      "Peaks are matched by overlap where their ranges are known: give {.arg ",
      arg, "}, a GRanges, or name peaks like {.val chr1-100-200}."
    )
    return(found)
  }
  # Ranges given for both say more than names, which may be mere numbers.
  if (asked) found$by_name[] <- FALSE
  rest <- !found$by_name
  found$map[rest] <- overlap_places(own[rest], model)
  found$chromosomes <- list(
    query = chromosomes_of(own), model = chromosomes_of(model)
  )
  found
}

# GRanges that were given, that the cells have, or that are in the names.
known_ranges <- function(given, own, peaks, arg) {
  if (is.null(given)) {
    return(own %||% parse_ranges(peaks))
  }
  of <- if (arg == "ranges") "the query" else "the model"
  check_ranges(given, length(peaks), arg, of)
}

# Of each range the place in `model` of the one with which it shares most bases,
# the first of several; NA for those that share none.
overlap_places <- function(ranges, model) {
  hits <- of_one_genome(
    GenomicRanges::findOverlaps(ranges, model, ignore.strand = TRUE),
    "the query and the model"
  )
  # Columns of a Hits object, without asking for another package.
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
     {percent(min_matched)} are asked for ({.arg min_matched}).",
    x = "The model has {.val {utils::head(peaks, 2)}}, the query
         {.val {utils::head(cells$peaks, 2)}}.",
    i = if (strangers) {
      "No chromosome has the same name in both: rename those of the query."
    } else {
      placed$hint %||% "Is it the same genome? Best count the query's
        fragments in the peaks of the model."
    }
  ), class = "data")
}

percent <- function(share) sprintf("%.1f %%", 100 * share)

note_matches <- function(matched) {
  lines <- c(matched_line(matched), counts_line(matched))
  if (matched$n_matched < matched$n_model) {
    lines <- c(lines, paste(
      "The other", big(matched$n_model - matched$n_matched),
      "peaks of the model count as closed in all query cells."
    ))
  }
  note(lines)
}

matched_line <- function(matched) {
  ways <- c(
    if (matched$by_name > 0) paste(big(matched$by_name), "by name"),
    if (matched$by_overlap > 0) paste(big(matched$by_overlap), "by overlap")
  )
  sprintf(
    "%s of the %s peaks of the model are matched (%s): %s.",
    big(matched$n_matched), big(matched$n_model), percent(matched$peaks),
    paste(ways, collapse = ", ")
  )
}

counts_line <- function(matched) {
  sprintf(
    "%s of the %s peaks of the query are used, %s of its open entries.",
    big(matched$n_used), big(matched$n_query), percent(matched$counts)
  )
}

# Cells without an open peak among the model's have no embedding.
leave_out_empty <- function(mapped, drop_empty) {
  depth <- core_depth_within(mapped$source, rep(TRUE, length(mapped$peaks)))
  empty <- mapped$cells[depth == 0]
  if (length(empty) == 0) {
    return(list(cells = mapped, depth = depth, dropped = character()))
  }
  if (!drop_empty || length(empty) == length(depth)) {
    abort(c(
      "{length(empty)} query cell{?s} {?has/have} no open peak among those of
       the model: {.val {few(empty)}}.",
      i = if (!drop_empty) "Remove {cli::qty(length(empty))}{?it/them}, or
            leave {?it/them} out with {.code drop_empty = TRUE}."
    ), class = "data")
  }
  note("{length(empty)} query cell{?s} without an open peak among those of the
        model {?is/are} left out: {.val {few(empty)}}.")
  list(cells = mapped[, depth > 0], depth = depth[depth > 0], dropped = empty)
}
