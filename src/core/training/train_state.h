// Where a run of training stands: with the parameters and the optimiser's
// moments, all that it takes to go on with the same bits. Everything random
// depends on the seed, the epoch and the position within it alone.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "../support/parameters.h"

namespace sailer {

// Names of what is recorded of an epoch: see Task.
struct RunColumns {
  std::vector<std::string> settings, parts, measures;
};

struct EpochRecord {
  int64_t epoch = 0;             // from 1
  std::vector<double> settings;  // at its start
  std::vector<double> parts;     // means over the training cells
  std::vector<double> measures;  // means over the cells held out, or NaN
  double seconds = 0, cells_per_second = 0;
};

// What an epoch's record holds beside its number, in the order of R's table and
// of the state files: settings, parts, measures, seconds, cells_per_second.
std::vector<std::string> epoch_columns(const RunColumns& columns);
std::vector<double> epoch_values(const EpochRecord& record);

struct TrainState {
  // Of a run of these columns with some whole epochs, all of them to be filled.
  static TrainState blank(int64_t epochs, const RunColumns& columns);

  // Forgets the running epoch.
  void begin_epoch();

  // Until so many epochs are done: by the mean of the whole ones, the first by
  // what it is expected to take.
  double seconds_left(int64_t epochs, double first) const;

  int64_t epoch = 0;     // whole epochs done
  int64_t position = 0;  // cells of the running epoch that were trained on
  // Of the running epoch: sums of the loss' parts times their weight, the sum
  // of the weights, and the seconds that it took.
  std::vector<double> sums;
  double weight = 0;
  double seconds = 0;
  std::vector<EpochRecord> history;  // of whole epochs
  int64_t best_epoch = 0;            // whose parameters are kept, from 1
  double best_score = -std::numeric_limits<double>::infinity();
  std::vector<NamedTensor> best;  // its parameters, under patience
};

// As tensors named "run.<field>" and "best.<parameter>", for files and for R.
std::vector<NamedTensor> to_tensors(const TrainState& state,
                                    const RunColumns& columns);

// The state among `tensors` of a run that records `columns`; others are left
// alone. Files of before the weights were kept, of SAILER alone, have none:
// there they are the cells. Throws Error(kFile) when one is missing or of
// another shape.
TrainState train_state_from(const std::vector<NamedTensor>& tensors,
                            const RunColumns& columns);

// Those whose names begin with `prefix`, without it.
std::vector<NamedTensor> with_prefix(const std::vector<NamedTensor>& tensors,
                                     const std::string& prefix);

// Appends `tensors` to `out`, their names after `prefix`.
void append_with_prefix(const std::vector<NamedTensor>& tensors,
                        const std::string& prefix,
                        std::vector<NamedTensor>& out);

}  // namespace sailer
