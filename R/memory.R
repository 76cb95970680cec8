# How much memory a result may take.

# What impute() can do about it; objects have fewer ways.
ways_out <- "Name fewer {.arg peaks} or {.arg cells}; return the open peaks
  alone ({.arg threshold}, {.arg n_open}); or write all to a {.arg file}, which
  can be read by parts."

# `each`: bytes of a number.
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
    i = "The limit is half of the memory available, or
         {.code options(sailer.max_memory = )} in bytes."
  ))
}

in_bytes <- function(bytes) {
  format(structure(bytes, class = "object_size"), units = "auto",
    standard = "SI"
  )
}

# How much a result may take, in bytes.
memory_limit <- function() {
  given <- getOption("sailer.max_memory")
  if (!is.null(given)) {
    check_number(given, "sailer.max_memory", min = 1)
    return(given)
  }
  available_memory() / 2
}

# In bytes: of the machine, or less where the process is in a container. Where
# it is not known, 8 GB.
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
