// Two types of cells and short training runs, for the tests of the trainer.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "catch.h"
#include "core/data/store/store.h"
#include "core/training/passes.h"
#include "core/training/sailer_task.h"
#include "core/training/trainer.h"
#include "torch_helpers.h"

namespace sailer_test {

using namespace sailer;

constexpr int64_t kCells = 120, kPeaks = 40;

// Two types of cells, each of which mostly opens one half of the peaks.
inline CellSourcePtr two_types() {
  std::mt19937_64 engine(2);
  SparseRows rows;
  for (int64_t i = 0; i < kCells; ++i) {
    for (int32_t p = 0; p < kPeaks; ++p) {
      const bool own = (i % 2 == 0) == (p < kPeaks / 2);
      if (uniform_unit(engine) < (own ? 0.5 : 0.05)) {
        rows.indices.push_back(p);
        rows.values.push_back(1);
      }
    }
    rows.offsets.push_back(static_cast<int64_t>(rows.indices.size()));
  }
  StoreWriter writer(kPeaks);
  writer.append(rows);
  return writer.finish();
}

inline SailerOptions small_model() {
  SailerOptions options = default_options(Architecture::kDense);
  options.hidden = {16, 8};
  options.n_latent = 2;
  options.thinning = {0, 0.3};
  return options;
}

inline TrainOptions short_training() {
  TrainOptions options;
  options.epochs = 12;
  options.batch_size = 20;
  options.learning_rate = 5e-3;
  options.learning_rate_decay = 0.995;
  options.weight_decay = 5e-4;
  options.frozen = 0;
  options.validation = 0.1;
  options.warmup = 3;
  options.period = 6;
  options.patience = 0;
  return options;
}

struct Run {
  TrainResult result;
  std::vector<float> embedding;
  std::vector<NamedTensor> state;     // of the model
  std::vector<NamedTensor> progress;  // of the whole run
};

// Inputs of a run besides the training options.
struct Given {
  SailerOptions model = small_model();
  Checkpoint checkpoint;
  std::vector<NamedTensor> from;  // if not empty, the state to resume from
};

inline BatchStream stream_of_types(int64_t batch_size) {
  const ConfounderMatrix none =
      confounders_of_numbers(1, std::vector<float>(kCells, 0));
  StreamOptions options;
  options.batch_size = batch_size;
  std::vector<int32_t> map(kPeaks);
  for (int32_t p = 0; p < kPeaks; ++p) map[p] = p;
  return BatchStream(two_types(), map, none, options);
}

inline Run run(const TrainOptions& training, Monitor& monitor,
               const Given& given = {}) {
  BatchStream stream = stream_of_types(training.batch_size);
  SailerModel model(given.model, PeakLayout({kPeaks}), 1, {}, training.seed);
  model.set_compute(training.compute);
  const Split split = split_cells(kCells, training.validation, training.seed);
  SailerTask task(model, stream, split, training);
  Trainer trainer(task, task.options().run(), given.checkpoint);
  if (!given.from.empty()) trainer.load_state(given.from);
  Run out;
  out.result = trainer.run(monitor);
  for (const NamedTensor& entry : trainer.state()) {
    out.progress.push_back({entry.name, entry.tensor.clone()});
  }
  trainer.keep_best();
  out.embedding = posteriors_of_cells(model, stream, monitor).mean;
  out.state = model.parameters().state();
  return out;
}

inline Run run(const TrainOptions& training, const Given& given = {}) {
  Monitor silent;
  return run(training, silent, given);
}

// A column of the history, for one epoch.
inline double value_of(const TrainResult& result, size_t epoch,
                       const std::string& name) {
  const std::vector<std::string> names = epoch_columns(result.columns);
  const auto found = std::find(names.begin(), names.end(), name);
  REQUIRE(found != names.end());
  return epoch_values(result.history[epoch])[found - names.begin()];
}

// Stops after a number of minibatches.
struct Stopper : Monitor {
  int left;
  explicit Stopper(int n) : left(n) {}
  bool keep_going(const Progress&) override { return left-- > 0; }
};

inline bool same_bits(const std::vector<NamedTensor>& one,
                      const std::vector<NamedTensor>& other) {
  if (one.size() != other.size()) return false;
  for (size_t k = 0; k < one.size(); ++k) {
    if (one[k].name != other[k].name) return false;
    if (!at::equal(one[k].tensor, other[k].tensor)) return false;
  }
  return true;
}

}  // namespace sailer_test
