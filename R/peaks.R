# Ranges from names of peaks: chr1-100-200, chr1:100-200 or chr1_100_200.

# Returns a data frame of seqnames, start and end; NA for names without a range.
# The last two fields are numbers; everything before them is the chromosome,
# which may itself contain dashes (HLA contigs).
parse_peaks <- function(names) {
  names <- as.character(names)
  names[!validUTF8(names)] <- NA
  found <- regexpr("^(.+)[:_-]([0-9,]+)[_-]([0-9,]+)$", names, perl = TRUE)
  first <- attr(found, "capture.start")
  last <- first + attr(found, "capture.length") - 1
  field <- function(k) substr(names, first[, k], last[, k])
  number <- function(k) {
    suppressWarnings(as.numeric(gsub(",", "", field(k), fixed = TRUE)))
  }
  parsed <- data.frame(seqnames = field(1), start = number(2), end = number(3))
  good <- found > 0 & parsed$start <= parsed$end &
    parsed$end <= .Machine$integer.max
  parsed[!(good %in% TRUE), ] <- NA
  parsed
}

# Returns a GRanges from the names of peaks; NULL unless all contain a range.
parse_ranges <- function(names) {
  parsed <- parse_peaks(names)
  if (!anyNA(parsed$start)) {
    GenomicRanges::GRanges(
      parsed$seqnames,
      IRanges::IRanges(as.integer(parsed$start), as.integer(parsed$end))
    )
  }
}

# Returns the ranges of peaks: those `given` by the user as argument `arg`, else
# their `own`, else those in their names. If there are none, throws if there is
# a `hint`, and otherwise returns NULL. `of`: whose peaks they are. `bad`,
# `none`: classes of the errors if `given` is unsuitable, and if there are no
# ranges.
ranges_of_peaks <- function(peaks, given = NULL, own = NULL, arg = "ranges",
                            of = "the model", hint = NULL, bad = "argument",
                            none = "argument") {
  found <- given %||% own %||% parse_ranges(peaks)
  if (is.null(found) && !is.null(hint)) {
    lost <- peaks[is.na(parse_peaks(peaks)$start)]
    abort(c(
      paste0("{length(lost)} of the {length(peaks)} peaks of ", of, " have no
              ranges in their names, such as {.val {utils::head(lost, 2)}}."),
      i = hint
    ), class = none)
  }
  fits <- methods::is(given, "GRanges") && length(given) == length(peaks)
  abort_if(!is.null(given) && !fits, paste0(
    "{.arg {arg}} must be a GRanges with {length(peaks)} ranges, one for each
     peak of ", of, "."
  ), class = bad)
  found
}

# Evaluates code that compares ranges, which fails if genomes differ. `of`:
# whose ranges they are.
of_one_genome <- function(code, of) {
  tryCatch(suppressWarnings(code), error = function(cnd) {
    abort(c(
      "The ranges of {of} are incompatible: are they from one genome?",
      x = "{conditionMessage(cnd)}"
    ), class = "data")
  })
}

chromosomes_of <- function(ranges) {
  unique(as.character(GenomicRanges::seqnames(ranges)))
}

range_names <- function(ranges) {
  sprintf(
    "%s-%d-%d", as.character(GenomicRanges::seqnames(ranges)),
    GenomicRanges::start(ranges), GenomicRanges::end(ranges)
  )
}

# Returns the chromosome of each peak, from its range or, if `ranges` is NULL,
# from its name: the encoder of chapter 3 has one part per chromosome.
peak_chromosomes <- function(peaks, ranges = NULL) {
  if (!is.null(ranges)) {
    ranges <- ranges_of_peaks(peaks, ranges, of = "the counts", bad = "data")
    return(as.character(GenomicRanges::seqnames(ranges)))
  }
  chromosomes <- parse_peaks(peaks)$seqnames
  lost <- peaks[is.na(chromosomes)]
  abort_if(length(lost) > 0, c(
    "{length(lost)} of {length(peaks)} peaks have no chromosome in their
     names: {.val {utils::head(lost, 3)}}.",
    i = "Name peaks like {.val chr1-100-200} or give {.arg ranges}, a
         GRanges with one range per peak."
  ), class = "data")
  chromosomes
}

# Returns a GRanges of a file's intervals if they are not already the names of
# the peaks; otherwise NULL.
ranges_of <- function(intervals, peaks) {
  if (!is.null(intervals) && !identical(intervals, peaks) &&
        is_installed("GenomicRanges")) {
    parse_ranges(intervals)
  }
}
