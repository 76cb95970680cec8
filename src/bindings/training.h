// Training runs, shared by the bindings of all models.
#pragma once

#include <Rcpp.h>

#include "../core/training/sampler.h"
#include "../core/training/step_exchange.h"
#include "../core/training/trainer.h"
#include "monitor.h"

namespace sailer {

// Trains, and stores in `progress` what is needed to resume the run, if it can
// be resumed. `run` is list(checkpoint = file or "", every = epochs, folder for
// a temporary checkpoint if there is no file, state = NULL, or a file or
// tensors to resume from, together = TRUE or FALSE). The optimiser is freed at
// the end, because it holds twice the memory of the model.
TrainResult train_from_r(Task& task, const RunOptions& options,
                         const Rcpp::List& run, Monitor& monitor,
                         Rcpp::List& progress, Exchange* exchange = nullptr);

// Returns the tensors of `run$state`, which must not be NULL.
std::vector<NamedTensor> training_state_from_r(SEXP state);

// Returns the exchange with the other processes if `run$together` is TRUE, else
// null.
Exchange* exchange_of(const Rcpp::List& run);

// Returns what every binding returns for a run: list(history, status,
// best_epoch, validation_cells, progress, lost, unsaved, diverged_epoch,
// diverged_cells), with cells counted from 1.
Rcpp::List outcome_to_r(const TrainResult& result, const Split& split,
                        const Rcpp::List& progress);

// Returns the exchange with the processes that this session joined
// (core/training/exchange_c10d.h); null if it trains alone.
Exchange* joined_processes();

// Leaves the joined processes, after one was lost or has failed: the next
// training run joins those that are there then. Reports this process's reason
// to the others, unless it is "".
void leave_processes(const std::string& reason);

}  // namespace sailer
