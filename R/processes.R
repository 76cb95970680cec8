# Several processes that train together: the rank of this one and where they
# meet, as given by their launcher in environment variables.

# The rank of this process: 0 for the first of several, or for a single one.
process_rank <- function() launched_processes()$rank

# Environment variables of each launcher; the first complete set is used.
launchers <- list(
  torchrun = c(rank = "RANK", size = "WORLD_SIZE", local = "LOCAL_RANK"),
  `Open MPI` = c(
    rank = "OMPI_COMM_WORLD_RANK", size = "OMPI_COMM_WORLD_SIZE",
    local = "OMPI_COMM_WORLD_LOCAL_RANK"
  ),
  MPI = c(rank = "PMI_RANK", size = "PMI_SIZE", local = "MPI_LOCALRANKID"),
  # Only srun sets this size: a batch script with many tasks is one process.
  srun = c(
    rank = "SLURM_PROCID", size = "SLURM_STEP_NUM_TASKS",
    local = "SLURM_LOCALID"
  )
)

# Returns list(launcher, rank, size, local) of this process.
launched_processes <- function() {
  for (launcher in names(launchers)) {
    names <- launchers[[launcher]]
    given <- names[nzchar(Sys.getenv(names))]
    if (!all(c("rank", "size") %in% names(given))) next
    found <- as.list(vapply(given, whole_variable, 0))
    abort_if(found$size < 1 || found$rank >= found$size, c(
      "{.envvar {names[['rank']]}} is {found$rank} and
       {.envvar {names[['size']]}} is {found$size}: ranks must be from 0
       to one less than the number of processes.",
      i = "They are set by {launcher}; unset both to train in a single process."
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
    i = "Launchers set it; unset it to train in a single process."
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
         process 0 (with mpirun: {.code -x MASTER_ADDR=host}), or train in a
         single process with {.code train_control(processes = \"none\")}."
  ))
}

# The first node of a list of Slurm: "gpu[03-05,9],login" gives "gpu03".
first_node <- function(list) {
  first <- sub("^([^][,]*)\\[([^],-]*)[^]]*\\]([^,]*).*$", "\\1\\2\\3", list)
  sub(",.*$", "", first)
}

# The agent of torchrun may itself listen on the port that it names; then the
# next one is used. Each job of srun on a machine gets its own port.
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

# Joins the other processes, once per R session, if the control says so. Returns
# list(rank, size, device); rank 0 and size 1 if there are no others.
join_processes <- function(control, device) {
  alone <- list(rank = 0, size = 1, device = device)
  # The connections of a forked process to the others belong to its parent.
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

# Evaluates `code`. If it fails in this process, reports the reason to the
# others at once; otherwise they would wait until their timeout.
tell_others_of_failure <- function(code) {
  withCallingHandlers(
    code,
    error = function(e) {
      # The others already know of errors that this process learned from them.
      theirs <- inherits(e, "sailer_process_error")
      core_leave_processes(
        if (theirs) "" else cli::ansi_strip(conditionMessage(e))
      )
    },
    interrupt = function(e) core_leave_processes("it was interrupted.")
  )
}

# Returns whether this process manages the checkpoint.
is_first_process <- function(control) {
  identical(control$processes, "none") || core_is_forked() ||
    process_rank() == 0
}
