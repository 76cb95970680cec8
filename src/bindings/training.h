// Runs of training between R and the core, for the bindings of every model.
#pragma once

#include <Rcpp.h>

#include "../core/training/sampler.h"
#include "../core/training/step_exchange.h"
#include "../core/training/trainer.h"
#include "monitor.h"

namespace sailer {

// Trains, and leaves in `progress` what a run takes to go on, if it can. `run`
// is list(checkpoint = file or "", every = epochs, folder = for a temporary
// checkpoint where there is no other, state = NULL, a file, or tensors: where
// to go on, together = TRUE or FALSE). The optimiser is gone afterwards: it
// holds twice the memory of the model.
TrainResult train_from_r(Task& task, const RunOptions& options,
                         const Rcpp::List& run, Monitor& monitor,
                         Rcpp::List& progress, Exchange* exchange = nullptr);

// What `run$state` holds, unless it is NULL.
std::vector<NamedTensor> training_state_from_r(SEXP state);

// The processes that `run$together` says to train with; null alone.
Exchange* exchange_of(const Rcpp::List& run);

// What every binding returns of a run: list(history, status, best_epoch,
// validation_cells, progress, lost, diverged_epoch, diverged_cells), cells from
// 1.
Rcpp::List outcome_to_r(const TrainResult& result, const Split& split,
                        const Rcpp::List& progress);

// The processes that this session joined (core/training/exchange_c10d.h); null
// when it trains alone.
Exchange* joined_processes();

// After one was lost or has failed: the next training meets those that are
// there then. The others learn the reason of this process, unless it is "".
void leave_processes(const std::string& reason);

}  // namespace sailer
