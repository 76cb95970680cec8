// What the bindings of all models share: a run of training, its history, its
// end.
#include <cmath>

#include "bindings/processes.h"
#include "bindings/states.h"
#include "bindings/training.h"
#include "core/training/trainer.h"

namespace sailer {
namespace {

// Goes on from a checkpoint file or from the tensors of an interrupted fit.
void resume_from_r(Trainer& trainer, SEXP state) {
  if (Rf_isNull(state)) return;
  trainer.load_state(training_state_from_r(state));
}

}  // namespace

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
  resume_from_r(trainer, run["state"]);
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

Rcpp::DataFrame history_to_r(const TrainResult& result) {
  const std::vector<std::string> names = epoch_columns(result.columns);
  const auto n = static_cast<R_xlen_t>(result.history.size());
  Rcpp::NumericVector epochs(n);
  std::vector<Rcpp::NumericVector> values;
  for (size_t j = 0; j < names.size(); ++j) values.emplace_back(n);
  for (R_xlen_t k = 0; k < n; ++k) {
    const EpochRecord& record = result.history[static_cast<size_t>(k)];
    epochs[k] = static_cast<double>(record.epoch);
    const std::vector<double> row = epoch_values(record);
    for (size_t j = 0; j < names.size(); ++j) {
      values[j][k] = std::isnan(row[j]) ? NA_REAL : row[j];
    }
  }
  Rcpp::List table;
  table.push_back(epochs, "epoch");
  for (size_t j = 0; j < names.size(); ++j) {
    table.push_back(values[j], names[j]);
  }
  return Rcpp::DataFrame(table);
}

const char* status_name(TrainStatus status) {
  switch (status) {
    case TrainStatus::kStoppedEarly:
      return "stopped early";
    case TrainStatus::kInterrupted:
    case TrainStatus::kLostProcess:
      return "interrupted";
    case TrainStatus::kDiverged:
      return "diverged";
    case TrainStatus::kCompleted:
      break;
  }
  return "completed";
}

Rcpp::List outcome_to_r(const TrainResult& result, const Split& split,
                        const Rcpp::List& progress) {
  const auto places = [](const std::vector<int64_t>& cells) {
    Rcpp::NumericVector out(cells.begin(), cells.end());
    return Rcpp::NumericVector(out + 1);
  };
  return Rcpp::List::create(
      Rcpp::Named("history") = history_to_r(result),
      Rcpp::Named("status") = status_name(result.status),
      Rcpp::Named("best_epoch") = static_cast<double>(result.best_epoch),
      Rcpp::Named("validation_cells") = places(split.validation),
      Rcpp::Named("progress") = progress, Rcpp::Named("lost") = result.lost,
      Rcpp::Named("unsaved") = result.unsaved,
      Rcpp::Named("diverged_epoch") =
          static_cast<double>(result.divergence.epoch),
      Rcpp::Named("diverged_cells") = places(result.divergence.cells));
}

Shard shard_of(const Exchange* exchange) {
  return exchange == nullptr ? Shard()
                             : Shard{exchange->rank(), exchange->size()};
}

}  // namespace sailer
