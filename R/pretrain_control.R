# Options of pretraining. Their defaults, ranges and help are in the core
# (expresser_schedule.h); NULL stands for the default.

#' Pretraining options
#'
#' These options control the training of [expresser()]. `NULL` stands for the
#' default given below.
#'
#' @eval option_params("training/expresser_schedule.h", except = "seed")
#' @inheritParams train_control
#' @return An object of class `"pretrain_control"`, a list of these options with
#'   the defaults filled in. Defaults that depend on the data are `NA` until the
#'   data are known.
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
  new_control(as.list(environment()), core_pretrain_options, "pretrain_control")
}

# Written as a call, because BiocCheck 1.34 fails if no bracket follows a
# method's name.
#' @export
print.pretrain_control <- function(x, ...) print.train_control(x, ...)
