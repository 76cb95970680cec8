// Shared by the bindings of all models: a training run, its history and its
// outcome.
#include <cmath>

#include "bindings/convert.h"
#include "bindings/states.h"
#include "bindings/training.h"
#include "core/training/trainer.h"

namespace sailer {

std::vector<NamedTensor> training_state_from_r(SEXP state) {
  return TYPEOF(state) == STRSXP ? read_state(Rcpp::as<std::string>(state))
                                 : state_from_r(Rcpp::List(state));
}

TrainResult train_from_r(Task& task, const RunOptions& options,
                         const Rcpp::List& run, Monitor& monitor,
                         Rcpp::List& progress, Exchange* exchange) {
  Checkpoint checkpoint;
  checkpoint.path = Rcpp::as<std::string>(run["checkpoint"]);
  checkpoint.every = Rcpp::as<double>(run["every"]);
  checkpoint.folder = Rcpp::as<std::string>(run["folder"]);
  Trainer trainer(task, options, checkpoint, exchange);
  const SEXP state = run["state"];
  if (!Rf_isNull(state)) trainer.load_state(training_state_from_r(state));
  const TrainResult result = trainer.run(monitor);
  if (result.status == TrainStatus::kInterrupted ||
      result.status == TrainStatus::kLostProcess ||
      result.status == TrainStatus::kDiverged) {
    progress = state_to_r(trainer.state());
  }
  trainer.keep_best();
  return result;
}

Exchange* exchange_of(const Rcpp::List& run) {
  const bool together =
      run.containsElementNamed("together") && Rcpp::as<bool>(run["together"]);
  return together ? joined_processes() : nullptr;
}

namespace {

// One row per epoch: its number, then epoch_columns(); NaN becomes NA.
Rcpp::DataFrame history_to_r(const TrainResult& result) {
  std::vector<std::string> names = epoch_columns(result.columns);
  names.insert(names.begin(), "epoch");
  Rcpp::List table;
  for (size_t j = 0; j < names.size(); ++j) {
    Rcpp::NumericVector column;
    for (const EpochRecord& record : result.history) {
      const double value = j == 0 ? static_cast<double>(record.epoch)
                                  : epoch_values(record)[j - 1];
      column.push_back(std::isnan(value) ? NA_REAL : value);
    }
    table.push_back(column, names[j]);
  }
  return Rcpp::DataFrame(table);
}

// A lost process counts as an interruption, too.
const char* status_name(TrainStatus status) {
  constexpr const char* kNames[] = {"completed", "stopped early", "interrupted",
                                    "diverged", "interrupted"};
  return kNames[static_cast<int>(status)];
}

}  // namespace

Rcpp::List outcome_to_r(const TrainResult& result, const Split& split,
                        const Rcpp::List& progress) {
  return Rcpp::List::create(
      _["history"] = history_to_r(result),
      _["status"] = status_name(result.status),
      _["best_epoch"] = result.best_epoch,
      _["validation_cells"] = places_to_r(split.validation),
      _["progress"] = progress, _["lost"] = result.lost,
      _["unsaved"] = result.unsaved,
      _["diverged_epoch"] = result.divergence.epoch,
      _["diverged_cells"] = places_to_r(result.divergence.cells));
}

}  // namespace sailer
