// Where a run of training stands: with the parameters and the optimiser's
// moments, all that it takes to go on with the same bits. Everything random
// depends on the seed, the epoch and the position within it alone.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "../support/parameters.h"

namespace sailer {

struct EpochRecord {
  int64_t epoch = 0;  // from 1
  double beta = 0, learning_rate = 0;
  // Means over the training cells, unweighted but for `loss`.
  double loss = 0, reconstruction = 0, kl = 0, marginal = 0, alignment = 0;
  // Means over the cells kept back; NaN without any.
  double validation_log_likelihood = 0, validation_kl = 0;
  double validation_elbo = 0, validation_alignment = 0;
  double seconds = 0, cells_per_second = 0;
};

// What an epoch's record holds beside its number, in the order of R's table and
// of the state files.
struct EpochColumn {
  const char* name;
  double EpochRecord::*value;
};
const std::vector<EpochColumn>& epoch_columns();

struct TrainState {
  int64_t epoch = 0;     // whole epochs done
  int64_t position = 0;  // cells of the running epoch that were trained on
  // Of the running epoch: sums over its cells of loss, reconstruction, kl,
  // marginal and alignment, and the seconds that it took.
  std::array<double, 5> sums{};
  double seconds = 0;
  std::vector<EpochRecord> history;  // of whole epochs
  int64_t best_epoch = 0;            // whose parameters are kept, from 1
  double best_elbo = -std::numeric_limits<double>::infinity();
  std::vector<NamedTensor> best;  // its parameters, under patience
};

// As tensors named "run.<field>" and "best.<parameter>", for files and for R.
std::vector<NamedTensor> to_tensors(const TrainState& state);

// The state among `tensors`; others are left alone. Throws Error(kFile) when
// one is missing or of another shape.
TrainState train_state_from(const std::vector<NamedTensor>& tensors);

// Those whose names begin with `prefix`, without it.
std::vector<NamedTensor> with_prefix(const std::vector<NamedTensor>& tensors,
                                     const std::string& prefix);

// Appends `tensors` to `out`, their names after `prefix`.
void append_with_prefix(const std::vector<NamedTensor>& tensors,
                        const std::string& prefix,
                        std::vector<NamedTensor>& out);

}  // namespace sailer
