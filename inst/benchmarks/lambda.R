# What the penalty buys on real cells: the mutual information of the embedding
# with depth and batch against lambda, and the point that tune_path()
# suggests, beside the default of 1.
#
#   Rscript inst/benchmarks/lambda.R [DATA_SET [REPEATS]]   in SAILER_DATA
#
# Seven fits of 60 epochs for each repeat; the labels only judge.

script <- sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))
source(file.path(dirname(script), "common.R"))

arguments <- commandArgs(TRUE)
name <- if (length(arguments) > 0) arguments[1] else "bone_marrow_atac"
repeats <- if (length(arguments) > 1) as.integer(arguments[2]) else 1
data <- read_atac(name)
time <- system.time(path <- tune_path(
  data$counts, "lambda", c(0, 0.25, 0.5, 1, 2, 4, 8), batch = data$cells$batch,
  labels = data$cells$cell_type, repeats = repeats,
  control = train_control(epochs = 60, threads = 1)
))
print(path)
cat(sprintf(
  "suggested lambda: %g (default: 1), noise %.4f, %.0f seconds\n",
  attr(path, "suggested"), attr(path, "noise"), time[["elapsed"]]
))
if (repeats > 1) print(attr(path, "runs"), digits = 4)
