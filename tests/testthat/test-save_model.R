sim <- tiny_simulation()
fit <- quick_fit(sim$counts,
  batch = sim$cells$batch,
  covariates = data.frame(quality = sin(seq_len(ncol(sim$counts))))
)
folder <- withr::local_tempdir(.local_envir = teardown_env())
saved <- file.path(folder, "saved.safetensors")
save_model(fit, saved)

# Everything in a fit except what it recomputes when needed.
contents <- function(fit) {
  class <- oldClass(fit)
  fit <- unclass(fit)
  structure(fit[setdiff(names(fit), "cache")], class = class)
}

bytes_of <- function(path) readBin(path, "raw", file.size(path))

# A file with the same name as the previous one, and these bytes.
with_bytes <- function(bytes) {
  path <- file.path(folder, "changed.safetensors")
  writeBin(bytes, path)
  path
}

expect_refused <- function(path, pattern, ...) {
  expect_error(load_model(path), pattern, class = "sailer_file_error", ...)
}

# load_model() of a file that contains `values`.
load_values <- function(values, kind = "sailer model", version = file_version) {
  path <- file.path(folder, "values.safetensors")
  parts <- describe_values(values)
  core_write_tensors(path, kind, version, parts$description, parts$tensors)
  load_model(path)
}

test_that("a saved fit is loaded unchanged and works the same", {
  again <- load_model(saved)
  expect_s3_class(again, "sailer_fit")
  expect_identical(contents(again), contents(fit))
  expect_identical(predict(again, sim$counts), predict(fit, sim$counts))
  expect_identical(format_fit(again), format_fit(fit))
})

test_that("the same fit gives the same bytes, even after loading", {
  path <- file.path(folder, "again.safetensors")
  expect_identical(save_model(load_model(saved), path), normalizePath(path))
  expect_identical(bytes_of(path), bytes_of(saved))
})

test_that("fits of every kind are loaded unchanged", {
  interrupted <- fit
  interrupted["embedding"] <- list(NULL)
  fits <- list(
    plain = quick_fit(sim$counts, n_latent = 2, hidden = 4),
    chromosome = quick_fit(sim$counts,
      architecture = "chromosome", hidden = c(4, 3), decoder = "linear",
      batch = data.frame(
        `odd/name %` = sim$cells$batch, b = rev(sim$cells$batch),
        check.names = FALSE
      )
    ),
    interrupted = interrupted
  )
  path <- file.path(folder, "kind.safetensors")
  for (kind in names(fits)) {
    save_model(fits[[kind]], path, overwrite = TRUE)
    expect_identical(contents(load_model(path)), contents(fits[[kind]]),
      label = kind
    )
  }
})

test_that("joint, pretrained and unfinished fits are loaded unchanged", {
  reference <- matrix(
    sin(seq_len(4 * ncol(sim$counts))), ncol(sim$counts),
    dimnames = list(colnames(sim$counts), NULL)
  )
  control <- train_control(epochs = 2, verbose = FALSE, threads = 1)
  run <- withr::local_tempfile()
  quick_fit(sim$counts, control = quick(checkpoint = run))
  fits <- list(
    joint = sailerx(sim$counts, reference,
      hidden = 8, joint = TRUE, control = control
    ),
    hybrid = sailerx(sim$counts, reference[1:90, ],
      hidden = 8, joint = TRUE, control = control
    ),
    unfinished = suppressWarnings(
      resume(run, sim$counts, epochs = 200, learning_rate = 1e30)
    ),
    expresser = expresser(
      simulate_rna(n_cells = 150, n_genes = 120, seed = 1)$counts,
      control = pretrain_control(epochs = 1, verbose = FALSE, threads = 1)
    )
  )
  expect_false(is.null(fits$unfinished$progress))
  path <- file.path(folder, "kind.safetensors")
  for (kind in names(fits)) {
    save_model(fits[[kind]], path, overwrite = TRUE)
    expect_identical(contents(load_model(path)), contents(fits[[kind]]),
      label = kind
    )
  }
})

test_that("additional fields of a fit are saved, too", {
  more <- fit
  more$progress <- list(
    step = 12L, seeds = c(a = 1, b = NA),
    tensors = list(
      `adam/first` = structure(as.raw(1:16), shape = 2, type = "float64"),
      count = structure(as.raw(8:1), shape = numeric(), type = "int64")
    ),
    nothing = NULL
  )
  class(more) <- c("special_fit", class(fit))
  path <- file.path(folder, "more.safetensors")
  save_model(more, path)
  expect_identical(contents(load_model(path)), contents(more))
})

test_that("of a call that contains values, only code is saved", {
  made <- do.call(sailer, list(sim$counts, hidden = 4, control = quick()))
  path <- file.path(folder, "called.safetensors")
  save_model(made, path)
  again <- load_model(path)
  expect_identical(again$call[[1]], quote(sailer))
  expect_identical(again$call$hidden, 4)
  expect_identical(again$state, made$state)
})

test_that("model files and .rds files work in another process", {
  rds <- file.path(folder, "fit.rds")
  saveRDS(fit, rds)
  counts <- file.path(folder, "counts.rds")
  saveRDS(sim$counts, counts)
  expected <- predict(fit, sim$counts)
  for (get in c(
    sprintf("load_model(%s)", deparse(saved)),
    sprintf("readRDS(%s)", deparse(rds))
  )) {
    found <- value_in_another_r(
      c("library(sailer)", paste("fit <-", get)),
      sprintf("predict(fit, readRDS(%s))", deparse(counts))
    )
    expect_equal(found, expected, tolerance = 1e-6)
  }
})

test_that("files of every version are loaded and give the same numbers", {
  cells <- open_cells(tiny_path("tiny-10x.h5"))
  for (file in c("version-1.h5", "version-2.safetensors")) {
    path <- test_path("fixtures", "models", file)
    old <- load_model(path)
    # Posterior means, which were the embedding in that version.
    expected <- unit_rows(as.matrix(
      read.csv(sub("[.].*", ".csv", path), row.names = "cell")
    ))
    expect_equal(predict(old, cells), expected, tolerance = 1e-5)
    expect_equal(embedding(old), expected, tolerance = 1e-5)
    expect_identical(old$cells, colnames(cells))
    expect_identical(old$labels$batch, c("donor/1", "d\u00f6nor 2"))
    expect_identical(old$numbers, "quality")
    expect_equal(nrow(old$history), 4)
    expect_output(print(old), "chromosome architecture, 60 cells")
    # It can be saved in the format of this version.
    kept <- withr::local_tempfile(fileext = ".safetensors")
    save_model(old, kept)
    expect_identical(contents(load_model(kept)), contents(old))
  }
})

test_that("a damaged file of version 1 is refused without crashing R", {
  whole <- bytes_of(test_path("fixtures", "models", "version-1.h5"))
  set.seed(4)
  for (place in c(sample(13:512, 10), 512 + sample(length(whole) - 512, 60))) {
    changed <- whole
    changed[place] <- xor(changed[place], as.raw(2^sample(0:7, 1)))
    expect_refused(with_bytes(changed), "damaged", info = place)
  }
  for (kept in c(12, 300, 512, 600, length(whole) - 1)) {
    expect_refused(with_bytes(whole[seq_len(kept)]), "cut short")
  }
})

test_that("parameters of older fits lack a type; others are converted", {
  plain <- contents(fit)
  wide <- contents(fit)
  for (name in names(fit$state)) {
    bytes <- fit$state[[name]]
    attr(plain$state[[name]], "type") <- NULL
    values <- readBin(bytes, "numeric", length(bytes) / 4, size = 4)
    wide$state[[name]] <- structure(
      writeBin(values, raw()),
      shape = attr(bytes, "shape"), type = "float64"
    )
  }
  expected <- predict(fit, sim$counts)
  for (values in list(plain, wide)) {
    values$cache <- new.env()
    expect_identical(predict(values, sim$counts), expected)
  }
  wide$state[[1]] <- structure(as.raw(1:9), shape = 3, type = "float32")
  wide$cache <- new.env()
  expect_error(predict(wide, sim$counts), names(fit$state)[1],
    fixed = TRUE, class = "sailer_file_error"
  )
})

test_that("an existing file is replaced only on request", {
  path <- file.path(folder, "taken.safetensors")
  writeLines("mine", path)
  expect_error(save_model(fit, path), "already", class = "sailer_file_error")
  expect_identical(readLines(path), "mine")
  save_model(fit, path, overwrite = TRUE)
  expect_identical(contents(load_model(path)), contents(fit))
})

test_that("arguments are checked", {
  for (bad in list(NULL, 1, c("a", "b"), NA_character_, "")) {
    expect_error(load_model(bad), "file", class = "sailer_argument_error")
    expect_error(save_model(fit, bad), "file", class = "sailer_argument_error")
  }
  expect_error(save_model(sim$counts, saved), "object that holds one",
    class = "sailer_argument_error"
  )
  expect_error(save_model(fit, saved, overwrite = NA), "overwrite",
    class = "sailer_argument_error"
  )
})

test_that("a file that is not a model is refused with the reason", {
  expect_refused(file.path(folder, "none.h5"), "does not exist")
  expect_refused(folder, "is a folder")
  expect_refused(with_bytes(raw()), "is empty")
  text <- withr::local_tempfile(lines = "peak,count")
  expect_refused(text, "looks like a text file")
  rds <- withr::local_tempfile()
  saveRDS(fit, rds)
  expect_refused(rds, "readRDS()", fixed = TRUE)
  saveRDS(fit, rds, compress = FALSE)
  expect_refused(rds, "readRDS()", fixed = TRUE)
  expect_refused(tiny_path("tiny-10x.h5"), "open_cells()", fixed = TRUE)
  expect_error(load_values(list(), kind = "training state"),
    "holds a training state, not a sailer model",
    class = "sailer_file_error"
  )
  expect_error(load_values(list(), version = file_version + 1L),
    "update sailer",
    class = "sailer_file_error"
  )
})

test_that("a file with missing entries is refused with their names", {
  values <- contents(fit)
  expect_s3_class(load_values(values), "sailer_fit")
  for (name in names(model_entries)) {
    less <- values
    less[[name]] <- NULL
    expect_error(load_values(less), paste0("It has no `?", name),
      class = "sailer_file_error"
    )
  }
  values$peaks <- 1:3
  expect_error(load_values(values), "of type integer, not character",
    class = "sailer_file_error"
  )
  expect_error(load_values(list(a = 1)), "holds no fit",
    class = "sailer_file_error"
  )
})

test_that("a changed byte anywhere is an error without crashing R", {
  whole <- bytes_of(saved)
  set.seed(4)
  places <- c(sample(600, 40), 600 + sample(length(whole) - 600, 160))
  for (place in places) {
    changed <- whole
    changed[place] <- xor(changed[place], as.raw(2^sample(0:7, 1)))
    expect_refused(with_bytes(changed), "damaged|not one that sailer wrote",
      info = place
    )
  }
})

test_that("a file truncated anywhere is an error", {
  whole <- bytes_of(saved)
  set.seed(5)
  for (kept in c(1, 8, 36, 37, sample(length(whole) - 1, 50))) {
    expect_refused(
      with_bytes(whole[seq_len(kept)]), "cut short|not one that sailer wrote"
    )
  }
})

test_that("a failed save is reported, and no file is left behind", {
  expect_error(save_model(fit, "/no/such/folder/x.safetensors"), "no folder",
    class = "sailer_file_error"
  )
  expect_error(save_model(fit, file.path(saved, "x")), "not a folder",
    class = "sailer_file_error"
  )
  odd <- fit
  odd$options$extra <- list(where = globalenv())
  path <- file.path(folder, "odd.safetensors")
  expect_error(save_model(odd, path), "options$extra$where", fixed = TRUE)
  expect_length(list.files(folder, "odd", all.files = TRUE), 0)
})

test_that("a full disk is an error and the old file stays", {
  skip_on_os(c("windows", "mac", "solaris"))
  small <- withr::local_tempdir()
  mounted <- suppressWarnings(system2(
    "mount", c("-t", "tmpfs", "-o", "size=400k", "tmpfs", small),
    stdout = FALSE, stderr = FALSE
  ))
  skip_if(mounted != 0, "no leave to mount a small disk")
  withr::defer(system2("umount", small, stdout = FALSE, stderr = FALSE))
  path <- file.path(small, "model.safetensors")
  save_model(fit, path)
  for (n in c(50000, 100000)) {
    big <- fit
    big$origin <- sprintf("%07d", seq_len(n))
    expect_error(save_model(big, path, overwrite = TRUE), "No space left",
      class = "sailer_file_error"
    )
    expect_identical(contents(load_model(path)), contents(fit))
    expect_identical(list.files(small, all.files = TRUE, no.. = TRUE),
      "model.safetensors"
    )
  }
})

test_that("stopping or killing R while it saves leaves a complete file", {
  path <- file.path(folder, "killed.safetensors")
  save_model(fit, path)
  lines <- c(
    "library(sailer)",
    sprintf("fit <- load_model(%s)", deparse(saved)),
    'cat("ready\n")',
    sprintf("repeat save_model(fit, %s, overwrite = TRUE)", deparse(path))
  )
  set.seed(6)
  for (signal in c("interrupt", "kill", "kill", "kill")) {
    log <- withr::local_tempfile()
    child <- start_child(lines, log)
    expect_true(child_said(log, "ready"))
    Sys.sleep(runif(1, 0.05, 0.3))
    child[[signal]]()
    child$wait(10000)
    expect_identical(contents(load_model(path)), contents(fit))
  }
})

test_that("Python can read the file", {
  python <- Sys.which("python3")
  skip_if(python == "", "there is no python3")
  result <- withr::local_tempfile()
  name <- names(fit$state)[1]
  script <- test_path("fixtures", "models", "read_safetensors.py")
  said <- system2(python, c(
    shQuote(script), shQuote(saved), "embedding", paste0("state.", name),
    "peaks"
  ), stdout = TRUE)
  tables <- lapply(strsplit(said, "\t"), function(line) line[-1])
  names(tables) <- sub("\t.*", "", said)
  expect_identical(
    as.numeric(tables$embedding), as.vector(t(unname(training_means(fit))))
  )
  expect_identical(
    tables$shape_of_embedding, as.character(dim(embedding(fit)))
  )
  bytes <- fit$state[[name]]
  expect_identical(
    as.numeric(tables[[paste0("state.", name)]]),
    readBin(bytes, "numeric", length(bytes) / 4, size = 4)
  )
  expect_identical(tables$peaks, fit$peaks)
  expect_identical(tables$kind, "sailer model")
  expect_identical(tables$hidden, as.character(fit$options$hidden))
})

test_that("the model of an object can be saved", {
  skip_if_not_installed("SeuratObject")
  object <- suppressMessages(brief_run(small_seurat(small_simulation())))
  path <- withr::local_tempfile(fileext = ".safetensors")
  save_model(object, path)
  expect_identical(load_model(path)$state, get_fit(object)$state)
})
