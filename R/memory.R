# Limits the memory that a result may take.

# What the user of impute() can do about it; with objects there are fewer ways.
ways_out <- "Choose fewer {.arg peaks} or {.arg cells}; return only the open
  peaks ({.arg threshold}, {.arg n_open}); or write all to a {.arg file}, which
  can be read in parts."

# Throws if a result would exceed the limit. `each`: bytes per number.
check_result_size <- function(n_features, n_cells, ways = ways_out,
                              what = "peaks", each = 8) {
  bytes <- each * as.numeric(n_features) * n_cells
  limit <- memory_limit()
  if (bytes <= limit) {
    return(invisible(TRUE))
  }
  abort(c(
    "{big(n_features)} {what} x {big(n_cells)} cells would take
     {in_bytes(bytes)} of memory; the limit is {in_bytes(limit)}.",
    i = ways,
    i = "The limit is half of the available memory, or
         {.code options(sailer.max_memory = )} in bytes."
  ))
}

in_bytes <- function(bytes) {
  format(structure(bytes, class = "object_size"), units = "auto",
    standard = "SI"
  )
}

# The most memory that a result may take, in bytes.
memory_limit <- function() {
  given <- getOption("sailer.max_memory")
  if (!is.null(given)) {
    check_number(given, "sailer.max_memory", min = 1)
    return(given)
  }
  available_memory() / 2
}

# Available memory in bytes: that of the machine, or of the container if it
# allows less. 8 GB if it is not known.
available_memory <- function(meminfo = "/proc/meminfo",
                             group = "/sys/fs/cgroup") {
  read <- function(file) {
    tryCatch(
      suppressWarnings(readLines(file)), error = function(cnd) character()
    )
  }
  line <- grep("^MemAvailable:", read(meminfo), value = TRUE)
  machine <- as.numeric(gsub("[^0-9]", "", line)) * 1024
  container <- suppressWarnings(
    as.numeric(read(file.path(group, "memory.max")))
  )
  known <- c(machine, container)
  known <- known[is.finite(known) & known > 0]
  if (length(known) == 0) 8e9 else min(known)
}
