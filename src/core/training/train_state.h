// The state of a training run: with the parameters and the optimiser's moments,
// everything needed to resume with bitwise identical results. Everything random
// depends only on the seed, the epoch and the position within it.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "../support/parameters.h"

namespace sailer {

// Names of what is recorded for an epoch: see Task::columns().
struct RunColumns {
  std::vector<std::string> settings, parts, measures;
};

struct EpochRecord {
  int64_t epoch = 0;             // from 1
  std::vector<double> settings;  // at its start
  std::vector<double> parts;     // means over the training cells
  std::vector<double> measures;  // means over the held-out cells, or NaN
  double seconds = 0, cells_per_second = 0;
};

// What an epoch's record holds besides its number, in the order of R's table
// and the state files: settings, parts, measures, seconds, cells_per_second.
std::vector<std::string> epoch_columns(const RunColumns& columns);
std::vector<double> epoch_values(const EpochRecord& record);

struct TrainState {
  // A state with these columns and `epochs` whole epochs, whose records are yet
  // to be filled in.
  static TrainState blank(int64_t epochs, const RunColumns& columns);

  // Resets what belongs to the running epoch.
  void begin_epoch();

  // Estimated seconds until `epochs` epochs are done, from the mean time of the
  // whole ones so far, or from `first`, the expected time of the first epoch.
  double seconds_left(int64_t epochs, double first) const;

  int64_t epoch = 0;     // whole epochs done
  int64_t position = 0;  // cells of the running epoch that were trained on
  // For the running epoch: sums of the loss' parts times their weight, the sum
  // of the weights, and the seconds that it has taken.
  std::vector<double> sums;
  double weight = 0;
  double seconds = 0;
  std::vector<EpochRecord> history;  // of whole epochs
  int64_t best_epoch = 0;            // whose parameters are kept, from 1
  double best_score = -std::numeric_limits<double>::infinity();
  std::vector<NamedTensor> best;  // its parameters, if patience is used
};

// As tensors named "run.<field>" and "best.<parameter>", for files and for R.
std::vector<NamedTensor> to_tensors(const TrainState& state,
                                    const RunColumns& columns);

// Reads from `tensors` the state of a run that records `columns`, and ignores
// other tensors. Older files, all of them of SAILER, have no weight: it is then
// the number of cells trained on. Throws Error(kFile) if a tensor is missing or
// has another shape.
TrainState train_state_from(const std::vector<NamedTensor>& tensors,
                            const RunColumns& columns);

// The tensors whose names begin with `prefix`, which is removed from the names.
std::vector<NamedTensor> with_prefix(const std::vector<NamedTensor>& tensors,
                                     const std::string& prefix);

// Appends `tensors` to `out`, with `prefix` before their names.
void append_with_prefix(const std::vector<NamedTensor>& tensors,
                        const std::string& prefix,
                        std::vector<NamedTensor>& out);

}  // namespace sailer
