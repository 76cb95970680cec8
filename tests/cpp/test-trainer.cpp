#include <algorithm>
#include <cmath>

#include "catch.h"
#include "core/data/packed_source.h"
#include "core/support/error.h"
#include "core/training/trainer.h"
#include "torch_helpers.h"

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kCells = 120, kPeaks = 40;

// Two types of cells that open one half of the peaks each.
CellSourcePtr two_types() {
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
  auto source = std::make_shared<PackedSource>(kPeaks);
  source->append(rows);
  return source;
}

SailerOptions small_model() {
  SailerOptions options = default_options(Architecture::kDense);
  options.hidden = {16, 8};
  options.n_latent = 2;
  options.thinning_min = 0;
  options.thinning_max = 0.3;
  return options;
}

TrainOptions short_training() {
  TrainOptions options;
  options.epochs = 12;
  options.batch_size = 20;
  options.learning_rate = 5e-3;
  options.warmup = 3;
  options.period = 6;
  options.patience = 0;
  return options;
}

struct Run {
  TrainResult result;
  std::vector<float> embedding;
  std::vector<NamedTensor> state;
};

Run run(const TrainOptions& training, Monitor& monitor,
        const SailerOptions& options = small_model()) {
  const CellSourcePtr source = two_types();
  ConfounderMatrix none;
  none.width = 1;
  none.values.assign(kCells, 0);
  StreamOptions stream_options;
  stream_options.batch_size = training.batch_size;
  std::vector<int32_t> map(kPeaks);
  for (int32_t p = 0; p < kPeaks; ++p) map[p] = p;
  BatchStream stream(source, map, none, stream_options);
  SailerModel model(options, PeakLayout({kPeaks}), 1, {}, training.seed);
  const Split split = split_cells(kCells, training.validation, training.seed);
  Trainer trainer(model, stream, split, training);
  Run out;
  out.result = trainer.run(monitor);
  out.embedding = embed_cells(model, stream, monitor);
  out.state = model.parameters().state();
  return out;
}

Run run(const TrainOptions& training,
        const SailerOptions& options = small_model()) {
  Monitor silent;
  return run(training, silent, options);
}

// Stops after a number of minibatches.
struct Stopper : Monitor {
  int left;
  explicit Stopper(int n) : left(n) {}
  bool keep_going(const Progress&) override { return left-- > 0; }
};

}  // namespace

TEST_CASE("training lowers the loss and tells two types apart") {
  TrainOptions training = short_training();
  training.epochs = 40;
  const Run out = run(training);
  const auto& history = out.result.history;
  REQUIRE(history.size() == 40);
  REQUIRE(history.back().reconstruction < 0.9 * history[0].reconstruction);
  REQUIRE(history.back().validation_log_likelihood >
          history[0].validation_log_likelihood);
  // Distance of the types' means against the spread within them.
  double mean[2][2] = {}, spread = 0, gap = 0;
  for (int64_t i = 0; i < kCells; ++i) {
    for (int k = 0; k < 2; ++k) {
      mean[i % 2][k] += out.embedding[i * 2 + k] / (kCells / 2.0);
    }
  }
  for (int64_t i = 0; i < kCells; ++i) {
    for (int k = 0; k < 2; ++k) {
      spread += std::pow(out.embedding[i * 2 + k] - mean[i % 2][k], 2) / kCells;
    }
  }
  for (int k = 0; k < 2; ++k) gap += std::pow(mean[0][k] - mean[1][k], 2);
  REQUIRE(gap > 4 * spread);
}

TEST_CASE("history holds the schedules") {
  const TrainOptions training = short_training();
  const Run out = run(training);
  for (size_t k = 0; k < out.result.history.size(); ++k) {
    const EpochRecord& record = out.result.history[k];
    const auto epoch = static_cast<int64_t>(k);
    REQUIRE(record.epoch == epoch + 1);
    REQUIRE(record.beta == annealing(training.schedule(), epoch));
    REQUIRE(record.learning_rate == learning_rate(training.schedule(), epoch));
    REQUIRE(std::isfinite(record.validation_log_likelihood));
  }
  REQUIRE(out.result.best_epoch == 12);
  REQUIRE(out.result.status == TrainStatus::kCompleted);
}

TEST_CASE("the same seed gives the same bits, another seed others") {
  TrainOptions training = short_training();
  const Run one = run(training), same = run(training);
  REQUIRE(one.embedding == same.embedding);
  for (size_t k = 0; k < one.state.size(); ++k) {
    REQUIRE(at::equal(one.state[k].tensor, same.state[k].tensor));
  }
  training.seed = 2;
  REQUIRE(run(training).embedding != one.embedding);
}

TEST_CASE("dropout draws from the seed as well") {
  SailerOptions options = small_model();
  options.dropout = 0.3;
  const Run one = run(short_training(), options);
  REQUIRE(one.embedding == run(short_training(), options).embedding);
  REQUIRE(one.embedding != run(short_training()).embedding);
}

TEST_CASE("a stop keeps the whole epochs and leaves a usable model") {
  Stopper stopper(6 * 2 + 3);  // 108 training cells are 6 minibatches
  const CellSourcePtr source = two_types();
  const Run out = [&] {
    TrainOptions training = short_training();
    return run(training, stopper);
  }();
  REQUIRE(out.result.status == TrainStatus::kInterrupted);
  REQUIRE(out.result.history.size() == 2);
  REQUIRE(out.embedding.empty());  // the same monitor stops the embedding
  for (const NamedTensor& entry : out.state) {
    REQUIRE(at::isfinite(entry.tensor).all().item<bool>());
  }
}

TEST_CASE("patience stops and returns to the best epoch") {
  TrainOptions training = short_training();
  training.epochs = 400;
  training.patience = 3;
  training.learning_rate = 0.05;  // overfits soon
  const Run out = run(training);
  REQUIRE(out.result.status == TrainStatus::kStoppedEarly);
  const auto& history = out.result.history;
  const auto best = static_cast<size_t>(out.result.best_epoch);
  REQUIRE(history.size() == std::max<size_t>(best, 3) + 3);
  for (const EpochRecord& record : history) {
    REQUIRE(record.validation_elbo <= history[best - 1].validation_elbo);
  }
  // The kept parameters are those of that epoch: training just so far agrees.
  training.epochs = static_cast<int64_t>(best);
  training.patience = 0;
  REQUIRE(run(training).embedding == out.embedding);
}

TEST_CASE("what is left open is decided by the number of cells") {
  const TrainOptions few = TrainOptions().resolve(300);
  REQUIRE(few.epochs == 400);
  REQUIRE(few.warmup == 10);
  REQUIRE(annealing(few.schedule(), few.epochs - 1) == 1);
  const TrainOptions many = TrainOptions().resolve(1000000);
  REQUIRE(many.epochs == 60);
  REQUIRE(annealing(many.schedule(), 59) == 1);
  TrainOptions named;
  named.epochs = 30;
  named.warmup = 0;
  named.period = 4;
  REQUIRE(named.resolve(5).epochs == 30);
  REQUIRE(named.resolve(5).warmup == 0);
  REQUIRE(named.resolve(5).period == 4);
}

TEST_CASE("a loss that is not finite ends the training by name") {
  TrainOptions training = short_training();
  training.learning_rate = 1e30;
  REQUIRE_THROWS_AS(run(training), Error);
  REQUIRE_THROWS_WITH(run(training), contains("learning_rate"));
}
