# A file like /proc/self/maps with the mapped files `paths`.
fake_maps <- function(paths, env = parent.frame()) {
  file <- withr::local_tempfile(.local_envir = env)
  writeLines(
    c(
      "55d0c0a00000-55d0c0a01000 r-xp 00000000 08:01 131 /usr/lib/R/bin/exec/R",
      paste("7f0000000000-7f0000001000 r-xp 00000000 08:01 42     ", paths),
      "7ffd1c2f0000-7ffd1c311000 rw-p 00000000 00:00 0 [stack]"
    ),
    file
  )
  file
}

# A shared object that is named like LibTorch's but contains nothing of it.
fake_libtorch <- function(env = parent.frame()) {
  folder <- withr::local_tempdir(.local_envir = env)
  writeLines("int sailer_fake(void) { return 1; }", file.path(folder, "fake.c"))
  withr::with_dir(folder, {
    r <- file.path(R.home("bin"), "R")
    system2(r, c("CMD", "SHLIB", "-o", "libtorch_cpu.so", "fake.c"),
      stdout = FALSE, stderr = FALSE
    )
  })
  normalizePath(file.path(folder, "libtorch_cpu.so"), mustWork = FALSE)
}

# The report and the error message if there is no GPU.
expect_no_gpu <- function(like, unlike) {
  withr::local_options(cli.width = 500)
  error <- expect_error(core_choose_device("cuda"),
    class = "sailer_device_error"
  )
  said <- list(
    conditionMessage(error),
    paste(cli::cli_fmt(print(sailer_sitrep())), collapse = "\n")
  )
  for (text in said) {
    expect_match(text, like)
    expect_no_match(text, unlike)
  }
  expect_match(said[[1]], "there is no GPU to use", fixed = TRUE)
  expect_match(said[[1]], "device = \"cpu\"", fixed = TRUE)
}

test_that("the situation report has versions, devices and threads", {
  report <- sailer_sitrep()

  expect_s3_class(report, "sailer_sitrep")
  expect_match(report$libtorch$version, "^[0-9]+[.][0-9]+")
  expect_true(dir.exists(report$libtorch$folder))
  expect_match(report$hdf5, "^[0-9]+[.][0-9]+[.][0-9]+$")
  expect_identical(report$devices[[1]], "cpu")
  expect_gte(report$threads, 1L)
  expect_type(report$blas$reference, "logical")
})

test_that("the report prints each part and warns about a reference BLAS", {
  withr::local_options(cli.width = 500)
  report <- sailer_sitrep()
  report$blas <- list(
    name = "OpenBLAS 0.3", path = "/lib/{x}.so", reference = FALSE,
    kernels = "Haswell", better = ""
  )
  fine <- cli::cli_fmt(print(report))
  expect_match(fine, report$libtorch$version, fixed = TRUE, all = FALSE)
  expect_match(
    fine, "OpenBLAS 0.3 (Haswell) in /lib/{x}.so", fixed = TRUE, all = FALSE
  )
  expect_match(fine, report$hdf5, fixed = TRUE, all = FALSE)
  expect_false(any(grepl("reference BLAS", fine)))

  report$blas$reference <- TRUE
  slow <- cli::cli_fmt(print(report))
  expect_match(slow, "uses the reference BLAS", all = FALSE)
  expect_match(slow, "apt install libopenblas0-openmp", all = FALSE)
})

test_that("an OpenBLAS that does not know the processor is reported", {
  withr::local_options(cli.width = 500)
  old <- list(
    name = "OpenBLAS 0.3", path = "", reference = FALSE, kernels = "Prescott",
    better = "SKYLAKEX"
  )
  report <- sailer_sitrep()
  report$blas <- old
  slow <- cli::cli_fmt(print(report))
  expect_match(slow, "runs as if on a Prescott", all = FALSE)
  expect_match(slow, "OPENBLAS_CORETYPE=SKYLAKEX", all = FALSE)

  # Training reports it once per session, and only if it runs on the CPU.
  noted <- process$noted_blas
  withr::defer(process$noted_blas <- noted)
  process$noted_blas <- FALSE
  expect_silent(note_slow_blas("cuda:0", old))
  expect_message(note_slow_blas("cpu", old), "OPENBLAS_CORETYPE=SKYLAKEX")
  expect_silent(note_slow_blas("cpu", old))
  process$noted_blas <- FALSE
  old$better <- ""
  expect_silent(note_slow_blas("cpu", old))
})

test_that("threads are set and checked", {
  before <- core_get_threads()
  withr::defer(core_set_threads(before))
  core_set_threads(1L)
  expect_identical(core_get_threads(), 1L)
  core_set_threads(2L)
  expect_identical(core_get_threads(), 2L)
  expect_error(core_set_threads(0L), "at least 1",
    class = "sailer_argument_error"
  )
})

test_that("devices are chosen, and a missing GPU is an error", {
  expect_identical(core_choose_device("cpu"), "cpu")
  expect_identical(
    core_choose_device("auto"),
    if (length(core_list_devices()) > 1) "cuda:0" else "cpu"
  )
  for (unknown in c("tpu", "", "cuda:", "cuda:x", "cuda:-1", "cuda:99999")) {
    expect_error(core_choose_device(unknown), "`device` must be",
      class = "sailer_argument_error"
    )
  }
  expect_error(core_choose_device("cuda:9999"), "cuda:9999",
    class = "sailer_device_error"
  )
})

test_that("GPU support depends on LibTorch's loaded GPU library", {
  skip_if_not(file.exists("/proc/self/maps"), "no /proc/self/maps")
  gpu_parts <- grep("libtorch_(cuda|hip)[.]so", loaded_libtorch(), value = TRUE)
  expect_identical(sailer_sitrep()$gpu_support, length(gpu_parts) > 0)
})

test_that("a CPU-only LibTorch is reported, without mention of drivers", {
  skip_if(sailer_sitrep()$gpu_support, "LibTorch was built for GPUs")
  expect_no_gpu("LibTorch was built for the processor only", "driver")
})

test_that("if only the GPU is missing, LibTorch's CUDA is not blamed", {
  skip_if_not(sailer_sitrep()$gpu_support, "LibTorch was built without CUDA")
  skip_if(length(core_list_devices()) > 1, "there is a GPU here")
  expect_no_gpu("LibTorch has (CUDA|ROCm), but", "processor only")
})

test_that("GPUs hidden by CUDA_VISIBLE_DEVICES are reported as hidden", {
  skip_if_not(sailer_sitrep()$gpu_support, "LibTorch was built without CUDA")
  skip_if(grepl("no NVIDIA driver", sailer_sitrep()$no_gpu), "no driver here")
  withr::local_envvar(CUDA_VISIBLE_DEVICES = "")
  said <- in_another_r(c(
    "cat(tryCatch(sailer:::core_choose_device('cuda'),",
    "  sailer_device_error = conditionMessage), '\\n')"
  ))
  expect_match(said, "CUDA_VISIBLE_DEVICES is \"\", which hides every GPU",
    fixed = TRUE, all = FALSE
  )
})

test_that("a fit computes on its device if that is available", {
  expect_identical(device_here("cpu"), "cpu")
  expect_identical(device_here("cuda:9999"), "cpu")
  for (there in core_list_devices()) {
    expect_identical(device_here(there), there)
  }
})

test_that("another LibTorch in the process is distinguished from ours", {
  folder <- normalizePath(withr::local_tempdir())
  own <- file.path(folder, c("libtorch_cpu.so", "libc10.so.1.13"))
  expect_true(check_one_libtorch(folder, fake_maps(own)))
  expect_true(check_one_libtorch(folder, fake_maps("/lib/libtorchish/libx.so")))
  expect_true(check_one_libtorch(folder, "/no/such/file"))

  for (other in c("/opt/a torch/lib/libc10.so", "/x/libtorch_cpu.so.2.6")) {
    error <- expect_error(
      check_one_libtorch(folder, fake_maps(c(own, other))),
      class = "sailer_device_error"
    )
    expect_match(conditionMessage(error), dirname(other), fixed = TRUE)
    expect_match(conditionMessage(error), "LIBTORCH_HOME", fixed = TRUE)
    expect_no_match(conditionMessage(error), "{", fixed = TRUE)
  }
})

test_that("sailer refuses to load with another LibTorch; R continues", {
  skip_on_os(c("windows", "mac", "solaris"))
  fake <- fake_libtorch()
  skip_if_not(file.exists(fake), "no C compiler at hand")

  output <- in_another_r(c(
    sprintf("invisible(dyn.load(%s))", deparse(fake)),
    "tryCatch(library(sailer), error = function(e) cat(conditionMessage(e)))",
    "cat('\\n')",
    "cat('loaded:', 'sailer' %in% loadedNamespaces(), '\\n')",
    "cat('alive\\n')"
  ))
  expect_match(output, "Another LibTorch is already loaded", all = FALSE)
  expect_match(output, "loaded: FALSE", all = FALSE)
  expect_identical(output[[length(output)]], "alive")
})

test_that("sailer loads silently, and unloads", {
  output <- in_another_r(c(
    "library(sailer, warn.conflicts = FALSE)",
    "unloadNamespace('sailer')",
    "cat('sailer' %in% names(getLoadedDLLs()), '\\n')"
  ))
  expect_identical(trimws(output), "FALSE")
})

test_that("at most two threads are used if cores are limited", {
  withr::local_envvar("_R_CHECK_LIMIT_CORES_" = "true")
  expect_true(cores_are_limited())
  output <- in_another_r("cat(sailer::sailer_sitrep()$threads)")
  expect_lte(as.integer(output[[length(output)]]), 2L)

  withr::local_envvar("_R_CHECK_LIMIT_CORES_" = "false")
  expect_false(cores_are_limited())
})
