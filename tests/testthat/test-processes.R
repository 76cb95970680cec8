none <- c(
  RANK = NA, WORLD_SIZE = NA, LOCAL_RANK = NA, MASTER_ADDR = NA,
  MASTER_PORT = NA, OMPI_COMM_WORLD_RANK = NA, OMPI_COMM_WORLD_SIZE = NA,
  OMPI_COMM_WORLD_LOCAL_RANK = NA, OMPI_COMM_WORLD_LOCAL_SIZE = NA,
  PMI_RANK = NA, PMI_SIZE = NA, SLURM_PROCID = NA, SLURM_STEP_NUM_TASKS = NA,
  SLURM_LOCALID = NA, SLURM_STEP_NODELIST = NA, SLURM_JOB_NODELIST = NA,
  SLURM_LAUNCH_NODE_IPADDR = NA, SLURM_JOB_ID = NA,
  TORCHELASTIC_USE_AGENT_STORE = NA
)
as_launched <- function(variables, code) {
  withr::with_envvar(utils::modifyList(as.list(none), as.list(variables)), code)
}
place <- function() meeting_place(launched_processes())
n_processes <- function() sailer_sitrep()$processes

test_that("a single process is the first and only one", {
  as_launched(c(), expect_identical(c(process_rank(), n_processes()), c(0, 1)))
  # A batch script with many tasks that was not started by srun.
  as_launched(
    c(SLURM_PROCID = "0", SLURM_NTASKS = "8"),
    expect_identical(n_processes(), 1)
  )
})

test_that("the variables of launchers give the rank and the meeting point", {
  as_launched(
    c(
      RANK = "5", WORLD_SIZE = "8", LOCAL_RANK = "1", MASTER_ADDR = "node1",
      MASTER_PORT = "1234"
    ),
    {
      expect_identical(c(process_rank(), n_processes()), c(5, 8))
      expect_identical(launched_processes()$local, 1)
      expect_identical(place(), list(address = "node1", port = 1234))
      withr::with_envvar(
        c(TORCHELASTIC_USE_AGENT_STORE = "True"),
        expect_identical(place()$port, 1235)
      )
    }
  )
  as_launched(
    c(
      OMPI_COMM_WORLD_RANK = "1", OMPI_COMM_WORLD_SIZE = "2",
      OMPI_COMM_WORLD_LOCAL_SIZE = "2"
    ),
    expect_identical(place(), list(address = "127.0.0.1", port = 29500))
  )
  as_launched(
    c(
      SLURM_PROCID = "3", SLURM_STEP_NUM_TASKS = "4", SLURM_JOB_ID = "7654321",
      SLURM_STEP_NODELIST = "gpu[03-05,9],login"
    ),
    expect_identical(place(), list(address = "gpu03", port = 24321))
  )
})

test_that("the first node of a list is found", {
  expect_identical(first_node("a1"), "a1")
  expect_identical(first_node("a1,b2"), "a1")
  expect_identical(first_node("n[7,9-11]"), "n7")
  expect_identical(first_node("n[007-010]-ib,m3"), "n007-ib")
})

test_that("invalid variables are refused by name", {
  as_launched(
    c(RANK = "x", WORLD_SIZE = "2"),
    expect_error(process_rank(), "RANK", class = "sailer_argument_error")
  )
  as_launched(
    c(RANK = "2", WORLD_SIZE = "2"),
    expect_error(n_processes(), "WORLD_SIZE", class = "sailer_argument_error")
  )
  as_launched(
    c(PMI_RANK = "1", PMI_SIZE = "2"),
    expect_error(place(), "MASTER_ADDR", class = "sailer_argument_error")
  )
  expect_error(
    train_control(processes = "all"), "processes",
    class = "sailer_argument_error"
  )
})

free_port <- function() {
  for (port in sample(20000:29999, 20)) {
    socket <- tryCatch(serverSocket(port), error = function(e) NULL)
    if (!is.null(socket)) {
      close(socket)
      return(port)
    }
  }
  skip("no port of this machine is free")
}

# Starts processes with the same script, in which `rank` and `folder` are
# defined.
start_processes <- function(lines, folder, envir = parent.frame(), size = 2) {
  skip_if_not(core_can_join_processes())
  port <- free_port()
  lapply(seq_len(size) - 1, function(rank) {
    withr::local_envvar(c(
      utils::modifyList(as.list(none), list(
        RANK = as.character(rank), WORLD_SIZE = as.character(size),
        LOCAL_RANK = as.character(rank), MASTER_ADDR = "127.0.0.1",
        MASTER_PORT = as.character(port)
      ))
    ))
    head <- c(
      "library(sailer)", paste0("folder <- ", deparse(folder)),
      "rank <- sailer:::process_rank()", "options(sailer.process_timeout = 60)",
      "sim <- simulate_atac(n_cells = 150, n_peaks = 300, n_types = 2,
         n_batches = 2, seed = 1)",
      # The donors lie one after the other, as in most files.
      "order <- order(sim$cells$batch)",
      "sim$counts <- sim$counts[, order]",
      "sim$cells <- sim$cells[order, ]"
    )
    log <- file.path(folder, paste0("log-", rank))
    start_child(c(head, lines), log, envir)
  })
}

simulated_donors <- function() {
  sim <- simulate_atac(
    n_cells = 150, n_peaks = 300, n_types = 2, n_batches = 2, seed = 1
  )
  order <- order(sim$cells$batch)
  list(counts = sim$counts[, order], cells = sim$cells[order, ])
}

test_that("two processes train one model", {
  folder <- withr::local_tempdir()
  children <- start_processes('
    fit <- sailer(sim$counts, batch = sim$cells$batch, hidden = 16,
      control = train_control(epochs = 4, seed = 3, threads = 1))
    stopifnot(sailer_sitrep()$processes == 2)
    # What each has embedded a part of is what one would embed alone.
    stopifnot(identical(embedding(fit), predict(fit, sim$counts)))
    saveRDS(fit[c("state", "history", "status", "embedding")],
      file.path(folder, paste0("fit-", rank)))
    save_model(fit, file.path(folder, paste0("model-", rank)))
    cat("done\n")
  ', folder)
  logs <- file.path(folder, paste0("log-", 0:1))
  for (log in logs) {
    expect_true(child_said(log, "^done"), info = readLines(log, warn = FALSE))
  }
  fits <- lapply(file.path(folder, paste0("fit-", 0:1)), readRDS)
  expect_identical(fits[[1]]$state, fits[[2]]$state)
  # Only the first process saves the model.
  expect_identical(
    file.exists(file.path(folder, paste0("model-", 0:1))), c(TRUE, FALSE)
  )
  expect_identical(fits[[1]]$embedding, fits[[2]]$embedding)
  losses <- c("loss", "kl", "validation_elbo")
  expect_identical(fits[[1]]$history[losses], fits[[2]]$history[losses])
  # Only the first process shows progress.
  expect_true(any(grepl("Epoch 4/4", readLines(logs[1], warn = FALSE))))
  expect_false(any(grepl("Epoch", readLines(logs[2], warn = FALSE))))
  # The run equals that of one process, up to rounding in single precision.
  sim <- simulated_donors()
  alone <- sailer(
    sim$counts, batch = sim$cells$batch, hidden = 16,
    control = train_control(epochs = 4, seed = 3, verbose = FALSE)
  )
  parts <- c("loss", "reconstruction", "kl", "marginal", "validation_elbo")
  expect_equal(
    fits[[1]]$history[parts], alone$history[parts], tolerance = 1e-3
  )
})

test_that("processes resume from the checkpoint that the first one sees", {
  folder <- withr::local_tempdir()
  for (epochs in c(2, 3)) {
    start_processes(sprintf('
      folder <- file.path(folder, if (rank == 0) "first" else "other")
      fit <- sailer(sim$counts, batch = sim$cells$batch, hidden = 16,
        epochs = %d, frozen = 0, warmup = 1, period = 2, threads = 1,
        checkpoint = folder)
      cat("epochs:", nrow(fit$history), ncol(embedding(fit)), "\n")
    ', epochs), folder)
    said <- lapply(file.path(folder, paste0("log-", 0:1)), function(log) {
      expect_true(
        child_said(log, paste0("^epochs: ", epochs)),
        info = readLines(log, warn = FALSE)
      )
      grep("^epochs", readLines(log, warn = FALSE), value = TRUE)
    })
    expect_identical(said[[1]], said[[2]])
  }
})

test_that("two processes pretrain one Expresser", {
  folder <- withr::local_tempdir()
  start_processes('
    sim <- simulate_rna(n_cells = 80, n_genes = 60, seed = 1)
    fit <- expresser(sim$counts, n_embedding = 8, n_layers = 1, n_heads = 2,
      dropout = 0, control = pretrain_control(epochs = 3, batch_size = 30,
        threads = 1))
    saveRDS(fit[c("state", "history", "status")],
      file.path(folder, paste0("fit-", rank)))
    cat("done\n")
  ', folder)
  for (log in file.path(folder, paste0("log-", 0:1))) {
    expect_true(child_said(log, "^done"), info = readLines(log, warn = FALSE))
  }
  fits <- lapply(file.path(folder, paste0("fit-", 0:1)), readRDS)
  expect_identical(fits[[1]]$state, fits[[2]]$state)
  # Without dropout the run equals that of one process, up to rounding.
  alone <- train_expresser(
    dropout = 0,
    control = pretrain_control(
      epochs = 3, batch_size = 30, threads = 1, verbose = FALSE
    )
  )
  measured <- c("loss", "absolute_error", "validation_loss")
  expect_equal(
    fits[[1]]$history[measured], alone$history[measured], tolerance = 1e-4
  )
})

test_that("if a process is killed, the other ends with a checkpoint", {
  for (killed in 1:2) {
    folder <- withr::local_tempdir()
    checkpoint <- file.path(folder, "checkpoint")
    children <- start_processes('
      fit <- sailer(sim$counts, batch = sim$cells$batch, hidden = 16,
        control = train_control(epochs = 1e6, warmup = 1, period = 10,
          threads = 1, checkpoint = file.path(folder, "checkpoint")))
      cat("status:", fit$status, "\n")
    ', folder)
    expect_true(child_said(file.path(folder, "log-0"), "Epoch 1/"))
    children[[killed]]$kill()
    log <- file.path(folder, paste0("log-", 2 - killed))
    expect_true(child_said(log, "status: interrupted", 30))
    expect_true(
      any(grepl("processes was lost", readLines(log, warn = FALSE))),
      info = readLines(log, warn = FALSE)
    )
    sim <- simulated_donors()
    expect_true(file.exists(state_file(checkpoint)))
    done <- resume(checkpoint, sim$counts, epochs = 1, verbose = FALSE)
    expect_gte(nrow(done$history), 1)
    further <- resume(
      checkpoint, sim$counts,
      epochs = nrow(done$history) + 2, verbose = FALSE
    )
    expect_identical(nrow(further$history), nrow(done$history) + 2L)
  }
})

test_that("a process that fails reports the reason to the others", {
  folder <- withr::local_tempdir()
  start_processes('
    if (rank == 1) {
      utils::assignInNamespace(
        "core_sailer_train", function(...) stop("a disk is broken"), "sailer"
      )
    }
    begun <- Sys.time()
    error <- tryCatch(
      sailer(sim$counts, batch = sim$cells$batch, hidden = 16,
        control = train_control(epochs = 4, threads = 1)),
      error = identity
    )
    cat(class(error)[1], conditionMessage(error), "\n")
    cat("after", as.numeric(Sys.time() - begun, units = "secs"), "s\n")
  ', folder)
  log <- file.path(folder, "log-0")
  expect_true(
    child_said(log, "after .* s$"), info = readLines(log, warn = FALSE)
  )
  said <- readLines(log, warn = FALSE)
  expect_match(
    said, "^sailer_process_error Process 1 of 2 failed: a disk is broken",
    all = FALSE
  )
  # They do not wait for the timeout of 60 s.
  after <- as.numeric(gsub("[^0-9.]", "", grep("^after", said, value = TRUE)))
  expect_lt(after, 30)
})

test_that("a process that waits in vain reports what it waited for", {
  skip_if_not(core_can_join_processes())
  port <- free_port()
  expect_error(
    core_join_processes("127.0.0.1", port, 1, 2, 1, "cpu"),
    paste0("127.0.0.1:", port), class = "sailer_process_error"
  )
  expect_false(core_processes_joined())
})
