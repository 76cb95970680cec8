// The foreman: drives a model over a stream of minibatches, epoch by epoch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../data/batch_stream.h"
#include "../models/sailer_model.h"
#include "../support/monitor.h"
#include "adam.h"
#include "sampler.h"
#include "train_options.h"

namespace sailer {

struct EpochRecord {
  int64_t epoch = 0;  // from 1
  double beta = 0, learning_rate = 0;
  // Means over the training cells, unweighted but for `loss`.
  double loss = 0, reconstruction = 0, kl = 0, marginal = 0;
  // Means over the cells kept back; NaN without any.
  double validation_log_likelihood = 0, validation_kl = 0;
  double validation_elbo = 0;
  double seconds = 0, cells_per_second = 0;
};

enum class TrainStatus { kCompleted, kStoppedEarly, kInterrupted };

struct TrainResult {
  TrainStatus status = TrainStatus::kCompleted;
  std::vector<EpochRecord> history;
  int64_t best_epoch = 0;  // the epoch whose parameters were kept, from 1
};

class Trainer {
 public:
  // Both must outlive the trainer. `split` names cells of the stream's source.
  Trainer(SailerModel& model, BatchStream& stream, const Split& split,
          const TrainOptions& options);

  // Trains until the last epoch, until patience runs out or until the monitor
  // asks to stop; the model is then usable in each case. Throws
  // Error(kNumeric), naming the epoch, when the loss is no longer finite.
  TrainResult run(Monitor& monitor);

 private:
  struct Sums;
  bool train_epoch(int64_t epoch, Monitor& monitor, EpochRecord& record);
  void evaluate(EpochRecord& record);
  void check_finite(double loss, int64_t epoch) const;

  SailerModel& model_;
  BatchStream& stream_;
  const Split& split_;
  TrainOptions options_;
  Schedule schedule_;
  Adam adam_;
  double seconds_ = 0;  // in finished epochs
};

// Means of SailerModel::evaluate() over `cells`.
SailerModel::Evaluation evaluate_cells(SailerModel& model, BatchStream& stream,
                                       const std::vector<int64_t>& cells);

// Posterior means of all cells of the stream's source in its order, row-major
// [cells x n_latent]; empty when the monitor asked to stop.
std::vector<float> embed_cells(SailerModel& model, BatchStream& stream,
                               Monitor& monitor);

}  // namespace sailer
