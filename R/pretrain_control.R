# Options of pretraining. Their defaults live in the core
# (expresser_schedule.h); NULL asks for them.

#' Options of pretraining
#'
#' Of [expresser()]. Every `NULL` stands for the default that the core keeps,
#' named below.
#'
#' @param epochs Passes over the training cells, at most. By default 6, and on
#'   fewer than 50,000 cells so many that 300,000 are seen in all, at most 100.
#' @param batch_size Cells per optimiser step. By default a hundredth of the
#'   cells, at least 16 and at most 256.
#' @param token_budget Genes (tokens) that are computed at once: a step goes
#'   through its cells in pieces of at most so many and adds up their gradients.
#'   Larger is faster on a GPU and takes more memory; the result is the same but
#'   for rounding. By default 4,096 on a CPU and 131,072 on a GPU.
#' @param learning_rate Largest step size of Adam. By default 1e-4 for the full
#'   size and 1e-3 for the small one.
#' @param final_share Step size at the end, as a share of the largest: it falls
#'   along half a cosine. Default 0.1.
#' @param warmup Steps over which the step size rises from zero. By default
#'   2,000, at most a tenth of all steps.
#' @param clip Largest length (Euclidean norm) of the gradient of all
#'   parameters: a longer one is shortened to it. 0 never does. Default 1.
#' @param weight_decay Coupled L2 decay of all parameters. Default 0.
#' @param validation Share of the cells kept back, on which predictions are
#'   measured after each epoch; 0 trains on all. Default 0.05.
#' @param patience Stop after this many epochs without a smaller loss on the
#'   cells kept back, and return to the best epoch. 0 trains to the end. Default
#'   5.
#' @param precision `"float32"`, or `"bf16"`: matrix products of the layers in
#'   half the width; see [train_control()]. Default `"float32"`.
#' @inheritParams train_control
#' @return An object of class `"pretrain_control"`, a list of these options with
#'   the defaults filled in; what depends on the data is `NA` until it is known.
#' @section Errors: `sailer_argument_error`, naming the option, when one is out
#'   of its range.
#' @references Cao (2023), section 4.2.2.
#' @examples
#' pretrain_control(epochs = 20, seed = 7)
#' @export
pretrain_control <- function(epochs = NULL, batch_size = NULL,
                             token_budget = NULL, learning_rate = NULL,
                             final_share = NULL, warmup = NULL, clip = NULL,
                             weight_decay = NULL, validation = NULL,
                             patience = NULL, seed = NULL, checkpoint = NULL,
                             every = 1, precision = NULL, device = "auto",
                             threads = NULL, verbose = TRUE,
                             processes = "auto") {
  given <- list(
    epochs = epochs, batch_size = batch_size, token_budget = token_budget,
    learning_rate = learning_rate, final_share = final_share, warmup = warmup,
    clip = clip, weight_decay = weight_decay, validation = validation,
    patience = patience, seed = seed
  )
  given <- check_core_options(
    given, list(precision = precision), core_pretrain_options,
    whole = c(
      "epochs", "batch_size", "token_budget", "warmup", "patience", "seed"
    )
  )
  structure(
    c(given, check_run_options(
      checkpoint, every, device, threads, verbose, processes
    )),
    class = "pretrain_control"
  )
}

#' @export
print.pretrain_control <- function(x, ...) {
  print_control(x, "pretrain_control")
}

# Takes a pretrain_control() or a plain list of its options.
as_pretrain_control <- function(control, call = rlang::caller_env()) {
  as_control(control, call, pretrain_control, "pretrain_control")
}
