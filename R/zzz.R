# Loads the package: first checks the process, then loads the shared object.
#
# NAMESPACE has no useDynLib() because that would load the shared object, and
# LibTorch with it, before any code of ours could run. Two builds of LibTorch in
# one process share symbols and crash R.

# Importing from Rcpp loads it first: the bindings call its functions.
#' @importFrom Rcpp evalCpp
NULL

# loadNamespace() replaces an error in here by one of its own: the message is
# kept, the class is lost.
.onLoad <- function(libname, pkgname) {
  package <- getNamespaceInfo(pkgname, "path")
  folder <- libtorch_record(package)$folder
  check_one_libtorch(folder)
  if (dir.exists(file.path(package, "libs"))) {
    library.dynam(pkgname, pkgname, dirname(package))
  } else {
    # pkgload::load_all() compiles into the sources.
    library <- paste0(pkgname, .Platform$dynlib.ext)
    dyn.load(file.path(package, "src", library))
  }
  # LD_PRELOAD and the like may have put another LibTorch in its place.
  tryCatch(check_one_libtorch(folder), error = function(error) {
    library.dynam.unload(pkgname, package)
    stop(error)
  })
  if (cores_are_limited()) {
    core_set_threads(2L)
  }
}

.onUnload <- function(libpath) {
  library.dynam.unload("sailer", libpath)
}

# Returns what configure found, from libtorch.dcf: of the installed package, or
# of the sources, which have it in inst/.
libtorch_record <- function(package = getNamespaceInfo("sailer", "path")) {
  paths <- file.path(package, c("libtorch.dcf", "inst/libtorch.dcf"))
  record <- read.dcf(paths[file.exists(paths)][[1]])
  list(
    folder = record[[1, "Folder"]],
    version = record[[1, "Version"]],
    source = record[[1, "Source"]]
  )
}

#' Refuse to work alongside another LibTorch
#'
#' @param folder Folder of the LibTorch that sailer is linked with.
#' @param maps File that lists what is mapped into the process; if there is none
#'   (systems other than Linux), nothing is checked.
#' @return `TRUE`, invisibly; throws an error of class `sailer_device_error` if
#'   libraries of a LibTorch in another folder are loaded.
#' @noRd
check_one_libtorch <- function(folder, maps = "/proc/self/maps") {
  others <- setdiff(
    unique(dirname(loaded_libtorch(maps))),
    normalizePath(folder, mustWork = FALSE)
  )
  if (length(others) == 0) {
    return(invisible(TRUE))
  }
  packages <- intersect(loadedNamespaces(), c("torch", "reticulate"))
  such_as <- if (length(packages) == 0) "such as "
  packages <- if (length(packages) == 0) "torch" else packages
  abort(c(
    "Another LibTorch is already loaded in this R process.",
    x = "Loaded from {.path {others}}; sailer is built with the one in
      {.path {folder}}. Both in one process would crash R.",
    i = "Restart R and load sailer without the package that loaded the other
      LibTorch ({such_as}{.pkg {packages}}).",
    i = "Or build sailer with that LibTorch: install it again with the
      environment variable {.envvar LIBTORCH_HOME} set to its folder."
  ), class = "device", call = NULL)
}

# Returns the files of a LibTorch among the mapped ones; the kernel has resolved
# links.
loaded_libtorch <- function(maps = "/proc/self/maps") {
  if (!file.exists(maps)) {
    return(character())
  }
  lines <- grep("/lib(torch|c10)[^/]*[.]so[^/]*$", readLines(maps),
    value = TRUE
  )
  unique(sub("^[^/]*", "", lines))
}

# R CMD check and CRAN's machines allow no more than two threads.
cores_are_limited <- function() {
  limit <- Sys.getenv("_R_CHECK_LIMIT_CORES_")
  nzchar(limit) && !tolower(limit) %in% c("false", "no", "0")
}
