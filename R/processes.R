# Several processes that train together: who this one is among them, and where
# they meet, as their launcher says it in environment variables.

# 0 for the first of several processes, and alone.
process_rank <- function() launched_processes()$rank

# Names of the variables of each launcher, the first that is complete counts.
launchers <- list(
  torchrun = c(rank = "RANK", size = "WORLD_SIZE", local = "LOCAL_RANK"),
  `Open MPI` = c(
    rank = "OMPI_COMM_WORLD_RANK", size = "OMPI_COMM_WORLD_SIZE",
    local = "OMPI_COMM_WORLD_LOCAL_RANK"
  ),
  MPI = c(rank = "PMI_RANK", size = "PMI_SIZE", local = "MPI_LOCALRANKID"),
  # Only srun sets this size: a batch script of many tasks is one process.
  srun = c(
    rank = "SLURM_PROCID", size = "SLURM_STEP_NUM_TASKS",
    local = "SLURM_LOCALID"
  )
)

# list(launcher, rank, size, local) of this process.
launched_processes <- function() {
  for (launcher in names(launchers)) {
    names <- launchers[[launcher]]
    given <- names[nzchar(Sys.getenv(names))]
    if (!all(c("rank", "size") %in% names(given))) next
    found <- as.list(vapply(given, whole_variable, 0))
    abort_if(found$size < 1 || found$rank >= found$size, c(
      "{.envvar {names[['rank']]}} is {found$rank} and
       {.envvar {names[['size']]}} is {found$size}: ranks go from 0 to the
       number of processes less one.",
      i = "They are set by {launcher}; unset both to train alone."
    ))
    return(list(
      launcher = launcher, rank = found$rank, size = found$size,
      local = found$local %||% 0
    ))
  }
  list(launcher = "none", rank = 0, size = 1, local = 0)
}

whole_variable <- function(name) {
  text <- Sys.getenv(name)
  abort_if(!grepl("^[0-9]{1,9}$", text), c(
    "The environment variable {.envvar {name}} is {.val {text}}; a whole
     number was expected.",
    i = "Launchers set it; unset it to train in this process alone."
  ))
  as.numeric(text)
}

# Where process 0 listens: list(address, port).
meeting_place <- function(launched) {
  list(address = meeting_address(launched), port = meeting_port(launched))
}

meeting_address <- function(launched) {
  if (nzchar(Sys.getenv("MASTER_ADDR"))) {
    return(Sys.getenv("MASTER_ADDR"))
  }
  if (launched$launcher == "srun") {
    known <- Sys.getenv(c(
      "SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST", "SLURM_LAUNCH_NODE_IPADDR"
    ))
    known <- known[nzchar(known)]
    if (length(known) > 0) {
      return(first_node(known[[1]]))
    }
  }
  here <- Sys.getenv(c("OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"))
  if (launched$size %in% suppressWarnings(as.numeric(here))) {
    return("127.0.0.1")
  }
  abort(c(
    "The variable {.envvar MASTER_ADDR} is not set, so the {launched$size}
     processes cannot find each other.",
    i = "Set it for all of them to the name or address of the machine of
         process 0 (with mpirun: {.code -x MASTER_ADDR=host}), or train alone
         with {.code train_control(processes = \"none\")}."
  ))
}

# The first of a list as Slurm writes it: "gpu[03-05,9],login" is "gpu03".
first_node <- function(list) {
  first <- sub("^([^][,]*)\\[([^],-]*)[^]]*\\]([^,]*).*$", "\\1\\2\\3", list)
  sub(",.*$", "", first)
}

# torchrun's own agent may listen on the port that it names. Jobs of srun on one
# machine each have a port of their own.
meeting_port <- function(launched) {
  if (nzchar(Sys.getenv("MASTER_PORT"))) {
    port <- whole_variable("MASTER_PORT")
    taken <- identical(Sys.getenv("TORCHELASTIC_USE_AGENT_STORE"), "True")
    return(port + taken)
  }
  job <- Sys.getenv("SLURM_JOB_ID")
  if (launched$launcher == "srun" && grepl("^[0-9]+$", job)) {
    return(20000 + as.numeric(job) %% 10000)
  }
  29500
}

# Meets the others, once in an R session, where the control says so. Returns
# list(rank, size, device): alone that is 0 and 1.
join_processes <- function(control, device) {
  alone <- list(rank = 0, size = 1, device = device)
  # What a forked process shares with the others is its parent's.
  if (identical(control$processes, "none") || core_is_forked()) {
    return(alone)
  }
  launched <- launched_processes()
  if (launched$size == 1) {
    return(alone)
  }
  if (startsWith(device, "cuda") && control$device %in% c("auto", "cuda")) {
    device <- core_choose_device(paste0("cuda:", launched$local))
  }
  if (!core_processes_joined()) {
    place <- meeting_place(launched)
    core_join_processes(
      place$address, place$port, launched$rank, launched$size,
      getOption("sailer.process_timeout", 600), device
    )
    if (control$verbose && launched$rank == 0) {
      note("{launched$size} processes train together.")
    }
  }
  list(rank = launched$rank, size = launched$size, device = device)
}

# Evaluates `code`. Where it fails in this process, the others learn why at once
# instead of waiting for it until their time is up.
tell_others_of_failure <- function(code) {
  withCallingHandlers(
    code,
    error = function(e) {
      # They know already of what this one has learned from them.
      theirs <- inherits(e, "sailer_process_error")
      core_leave_processes(
        if (theirs) "" else cli::ansi_strip(conditionMessage(e))
      )
    },
    interrupt = function(e) core_leave_processes("it was interrupted.")
  )
}

# Whether this process looks after the checkpoint.
is_first_process <- function(control) {
  identical(control$processes, "none") || core_is_forked() ||
    process_rank() == 0
}
