# Files of fits and runs: a description of R's values and tensors. Every element
# of a fit is written by its name (R/description.R), so new elements need no
# change here; the version rises only if existing ones change their meaning.
# Version 1 was HDF5 and is read only by bind_format1.cpp; complete_model() adds
# what it lacks.

file_version <- 2L

write_values <- function(file, kind, values) {
  parts <- describe_values(values)
  core_write_tensors(file, kind, file_version, parts$description, parts$tensors)
}

# Throws if the file holds no such values. `old_kind`: the name of this kind in
# version 1.
read_values <- function(file, kind, old_kind = kind) {
  if (is_format1(file)) {
    return(core_read_format1(file, old_kind))
  }
  stored <- core_read_tensors(file, kind, file_version)
  tryCatch(
    values_of(stored$description, stored$tensors),
    error = function(e) {
      abort(c(
        "The file {.file {file}} holds no {kind} that sailer can read.",
        x = as_literal(conditionMessage(e))
      ), class = "file", call = NULL)
    }
  )
}

is_format1 <- function(file) {
  mark <- charToRaw("sailer file ")
  file.exists(file) && !dir.exists(file) &&
    identical(readBin(file, "raw", length(mark)), mark)
}

# Required elements of a fit, and their types.
model_entries <- c(
  options = "list", control = "list", peaks = "character",
  group_sizes = "numeric", frequencies = "numeric", n_peaks_given = "numeric",
  labels = "list", numbers = "character", scaling = "list",
  n_confounders = "numeric", state = "list", history = "list",
  status = "character", best_epoch = "numeric", device = "character"
)

# The same for fits of expresser().
expresser_entries <- c(
  options = "list", control = "list", genes = "list", sources = "list",
  n_cells = "numeric", state = "list", history = "list", status = "character",
  best_epoch = "numeric", device = "character"
)

#' Save a fit to a file, and load it again
#'
#' The file holds the complete fit: parameters, options, names of peaks and
#' cells, levels of batches, statistics of depth, embedding and history; for
#' [expresser()] parameters, options, genes and history. It is in the
#' safetensors format, which other programs can read as well
#' (`safetensors.numpy.load_file("model.safetensors")` in Python). Later
#' versions of sailer can load it, just as this version can load the HDF5 files
#' of version 0.1.0. Loading does not run any code from the file.
#'
#' Parameters are tensors named `state.NAME`. Long vectors are tensors too;
#' names of cells and peaks are stored as lines of UTF-8. Everything else is
#' JSON, in the metadata entry `description`.
#'
#' The file is written under a temporary name and renamed when it is complete,
#' so there is always either the old file or the complete new one, even if R is
#' killed. A checksum over all bytes detects damage. `saveRDS()` can store a fit
#' as well, but without this check, and only for R.
#'
#' @param fit A fit of [sailer()], [sailerx()] or [expresser()], or an object
#'   that holds a single fit.
#' @param file Path of the file, such as `"model.safetensors"`.
#' @param overwrite Replace an existing file. With FALSE, the default, an
#'   existing file is an error.
#' @return `save_model()` returns the path, invisibly; of processes that trained
#'   together, only the first writes the file. `load_model()` returns the saved
#'   fit. In its `call`, arguments that cannot be written as code (functions, S4
#'   objects) are replaced by `...`.
#' @seealso [predict()][predict.sailer_fit] embeds new cells with a fit.
#' @references Cao (2023), section 2.2.2, for the parameters.
#' @examples
#' sim <- simulate_atac(n_cells = 100, n_peaks = 300, n_types = 2, seed = 1)
#' fit <- sailer(sim$counts,
#'   hidden = 16, control = train_control(epochs = 2, verbose = FALSE)
#' )
#' path <- tempfile(fileext = ".safetensors")
#' save_model(fit, path)
#' again <- load_model(path)
#' all.equal(predict(again, sim$counts), embedding(fit))
#' @export
save_model <- function(fit, file, overwrite = FALSE) {
  fit <- find_fit(fit, NULL, c("sailer_fit", "expresser_fit"))$fit
  check_flag(overwrite)
  # Processes that trained together have the same fit: only the first writes it.
  if (isTRUE(fit$processes > 1) && process_rank() > 0) {
    return(invisible(model_path(file)))
  }
  file <- new_file(file, overwrite)
  # The model of the core is not written.
  fit["cache"] <- NULL
  fit["call"] <- list(plain_call(fit$call))
  write_values(file, "sailer model", fit)
  invisible(file)
}

#' @rdname save_model
#' @export
load_model <- function(file) {
  file <- model_path(file)
  as_fit(read_values(file, "sailer model", "model"), file)
}

model_path <- function(file) {
  if (!rlang::is_string(file) || is.na(file) || file == "") {
    abort("{.arg file} must be the path of a file.")
  }
  normalizePath(file, mustWork = FALSE)
}

# Returns the path of a file that may be written; throws if it exists, unless
# `overwrite` is TRUE.
new_file <- function(file, overwrite) {
  file <- model_path(file)
  abort_if(!overwrite && file.exists(file), c(
    "The file {.file {file}} already exists.",
    i = "Choose another name, or set {.code overwrite = TRUE} to replace it."
  ), class = "file")
  file
}

# Makes a fit from the values of a file, and checks for elements that an older
# or a foreign program may have left out.
as_fit <- function(values, file) {
  damaged <- function(what, env = parent.frame()) {
    abort(c(
      "The model file {.file {file}} is incomplete.", x = what,
      i = "Save the fit again, or use another copy."
    ), class = "file", .envir = env)
  }
  if (!inherits(values, c("sailer_fit", "expresser_fit"))) {
    damaged("It holds no fit of {.fn sailer} or {.fn expresser}.")
  }
  entries <- if (inherits(values, "expresser_fit")) {
    expresser_entries
  } else {
    model_entries
  }
  missing <- setdiff(names(entries), names(values))
  if (length(missing) > 0) damaged("It has no {.field {missing}}.")
  for (name in names(entries)) {
    value <- unclass(values)[[name]]
    wants <- entries[[name]]
    if (typeof(value) != wants && !(wants == "numeric" && is.numeric(value))) {
      damaged("Its {.field {name}} is of type {typeof(value)}, not {wants}.")
    }
  }
  values$cache <- new.env(parent = emptyenv())
  complete_model(values)
}

# Adds to models of version 0.1.0 the summaries that they lack, computed from
# what they keep for each of their cells.
complete_model <- function(fit) {
  if (!inherits(fit, "sailer_fit")) {
    return(fit)
  }
  if (is.null(fit$level_counts)) {
    fit$batches <- batch_labels(fit)
    # The first files do not hold the level of each cell: all get the first
    # level.
    first <- lapply(fit$labels, function(levels) rep(1L, length(fit$cells)))
    fit$level_counts <- count_levels(
      fit$labels, fit$codes %||% first, fit$batches, fit$depth
    )
    fit$n_cells <- length(fit$cells)
    fit$n_validation <- length(fit$validation_cells)
    fit$held_out <- some_held_out(
      fit$embedding, match(fit$validation_cells, fit$cells)
    )
  }
  if (!is.null(fit$progress$confounders) && is.null(fit$progress$cells)) {
    fit$progress[c("cells", "depth")] <- fit[c("cells", "depth")]
  }
  fit
}

# Returns a call that can be written to a file: functions, S4 objects and
# environments, which do.call() inserts into calls, are replaced by names.
plain_call <- function(call) {
  plain <- function(x) {
    if (is.call(x) && !inherits(x, "formula")) {
      elements <- lapply(as.list(x), plain)
      return(as.call(elements))
    }
    if (is_plain(x)) x else quote(...)
  }
  if (is.call(call) && is.function(call[[1]])) call[[1]] <- quote(sailer)
  plain(call)
}

is_plain <- function(x) {
  known <- c(
    "NULL", "logical", "integer", "double", "character", "raw", "symbol", "list"
  )
  if (isS4(x) || !typeof(x) %in% known) {
    return(FALSE)
  }
  parts <- c(attributes(x), if (is.list(x)) unclass(x))
  all(vapply(parts, is_plain, logical(1)))
}
