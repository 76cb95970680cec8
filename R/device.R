# What sailer computes with: LibTorch, BLAS, HDF5, devices, threads.

#' Report versions, libraries and devices
#'
#' Reports the versions, libraries and devices that sailer found when it was
#' built and those that it uses now. Please include the output in questions and
#' bug reports. The function warns if matrix products are slower than they could
#' be: about twenty times with the reference BLAS instead of an optimised one
#' such as OpenBLAS, and several times with an OpenBLAS that is older than the
#' CPU and does not recognise it. Training prints the same warning once per
#' session.
#'
#' @return An object of class `sailer_sitrep`: a list of
#' * `sailer`, `r`: versions of the package and of R;
#' * `platform`: R's name for the platform;
#' * `libtorch`: a list of `version`, `folder` and `source` (how `configure`
#'   found it);
#' * `blas`: a list of `name`, `path`, `reference` (`TRUE` for the slow
#'   reference implementation), and for OpenBLAS `kernels`, the CPU type whose
#'   kernels it uses, and `better`, a value of the environment variable
#'   `OPENBLAS_CORETYPE` that suits this CPU better (`""`: none);
#' * `hdf5`: version of the HDF5 library;
#' * `devices`: names that `train_control(device = )` accepts, `"cpu"` first;
#' * `gpu_support`: whether this LibTorch was built for GPUs (the machine may
#'   still have none);
#' * `no_gpu`: why no GPU can be used and what would help, `""` if one can be:
#'   LibTorch was built for the CPU only, there is no driver, the driver sees no
#'   GPU, or `CUDA_VISIBLE_DEVICES` hides all GPUs;
#' * `threads`: number of threads per operation;
#' * `processes`: number of processes that train together with this one, as
#'   their launcher reports it (see [train_control()]); otherwise 1.
#' @export
#' @examples
#' sailer_sitrep()
sailer_sitrep <- function() {
  build <- core_build_info()
  structure(
    list(
      sailer = as.character(utils::packageVersion("sailer")),
      r = as.character(getRversion()),
      platform = R.version$platform,
      libtorch = list(
        version = build$libtorch_version,
        folder = build$libtorch_folder,
        source = build$libtorch_source
      ),
      blas = build$blas,
      hdf5 = build$hdf5_version,
      devices = core_list_devices(),
      gpu_support = build$gpu_support,
      no_gpu = build$no_gpu,
      threads = core_get_threads(),
      processes = launched_processes()$size
    ),
    class = "sailer_sitrep"
  )
}

#' @export
print.sailer_sitrep <- function(x, ...) {
  in_file <- if (nzchar(x$blas$path)) paste(" in", x$blas$path) else ""
  kernels <- if (nzchar(x$blas$kernels)) paste0(" (", x$blas$kernels, ")")
  cli::cli_text("{.strong sailer} {x$sailer}, R {x$r} ({x$platform})")
  cli::cli_bullets(c(
    "*" = "LibTorch: {x$libtorch$version} ({x$libtorch$source},
      {.path {x$libtorch$folder}})",
    "*" = "BLAS: {x$blas$name}{kernels}{in_file}",
    "*" = "HDF5: {x$hdf5}",
    "*" = "Devices: {x$devices}",
    if (nzchar(x$no_gpu)) c(i = "{x$no_gpu}"),
    "*" = "Threads: {x$threads}",
    if (x$processes > 1) c("*" = "Processes: {x$processes}")
  ))
  cli::cli_bullets(slow_blas(x$blas))
  invisible(x)
}

# Returns bullets that say why matrix products are slow and what helps; NULL if
# they are not slow.
slow_blas <- function(blas) {
  if (blas$reference) {
    c(
      "!" = "{.strong LibTorch uses the reference BLAS, which is some twenty
        times slower than OpenBLAS.}",
      i = "Install an optimised one and restart R; sailer need not be built
        again. Debian, Ubuntu: {.code apt install libopenblas0-openmp};
        Fedora: {.code dnf install openblas-openmp}; conda: {.code conda install
        -c conda-forge 'libblas=*=*openblas'}."
    )
  } else if (nzchar(blas$better)) {
    c(
      "!" = sprintf("{.strong This OpenBLAS is older than the processor: it
        runs as if on a %s, several times slower than it could.}",
        blas$kernels),
      i = sprintf("Start R with {.code OPENBLAS_CORETYPE=%s} in the environment.
        The shell must set it: {.file .Renviron} is read too late. A newer
        OpenBLAS also helps.", blas$better)
    )
  }
}

# Notes a slow BLAS, once per session, if training runs on the CPU.
note_slow_blas <- function(device, blas = core_build_info()$blas) {
  if (device != "cpu" || isTRUE(process$noted_blas)) {
    return(invisible())
  }
  process$noted_blas <- TRUE
  slow <- slow_blas(blas)
  if (!is.null(slow)) note(slow)
}

# Returns the device for a fit that was trained on `device`, perhaps on another
# machine. Does not look for GPUs if that is the CPU.
device_here <- function(device) {
  if (device == "cpu" || device %in% core_list_devices()) device else "cpu"
}
