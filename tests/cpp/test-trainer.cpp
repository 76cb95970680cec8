#include <algorithm>
#include <cmath>

#include "catch.h"
#include "core/support/error.h"
#include "trainer_helpers.h"

namespace trainer_test {

using namespace sailer;
using namespace sailer_test;

namespace {

// As on a device, where the trainer does not check each step: the loss is
// always finite, but from one epoch on the gradient is not.
class BadGradient final : public Task {
 public:
  explicit BadGradient(int64_t bad_epoch) : bad_epoch_(bad_epoch) {
    parameters_.add_parameter("p", at::ones({3}));
  }

  ParameterSet& parameters() override { return parameters_; }
  at::Device device() const override { return at::kMeta; }
  int64_t n_training() const override { return 4; }
  RunColumns columns() const override { return {{}, {"loss"}, {}}; }
  std::vector<double> settings_of(int64_t) const override { return {}; }
  double learning_rate(int64_t, int64_t) const override { return 0.1; }
  void start_epoch(int64_t, int64_t position) override { left_ = 4 - position; }
  void stop() override {}
  bool next() override { return (left_ -= 2) >= 0; }
  int64_t n_cells() const override { return 2; }
  std::vector<int64_t> cells_at(int64_t, int64_t) const override { return {}; }
  StepLoss step(Adam&, int64_t epoch, int64_t, bool) override {
    const double gradient = epoch >= bad_epoch_ ? std::nan("") : 1;
    parameters_.parameters()[0].tensor.mutable_grad() =
        at::full({3}, gradient, at::kFloat);
    return {at::ones({1}, doubles()), 2};
  }
  std::vector<double> measure() override { return {}; }
  bool has_validation() const override { return false; }
  double score(const std::vector<double>&) const override { return 0; }

 private:
  ParameterSet parameters_;
  int64_t bad_epoch_, left_ = 0;
};

// A single process, whose sums the trainer keeps on the host.
struct Alone final : Exchange {
  int64_t rank() const override { return 0; }
  int64_t size() const override { return 1; }
  Wait begin_sum(at::Tensor) override {
    return [] {};
  }
  void broadcast(at::Tensor) override {}
  void leave(const std::string&) noexcept override {}
};

}  // namespace

TEST_CASE("non-finite parameters are never kept as good") {
  BadGradient task(2);
  Alone alone;
  RunOptions options;
  options.epochs = 4;
  Trainer trainer(task, options, {{}, 1, {}, /*steps=*/1}, &alone);
  Monitor silent;
  const TrainResult result = trainer.run(silent);
  REQUIRE(result.status == TrainStatus::kDiverged);
  REQUIRE(result.divergence.epoch == 3);
  REQUIRE(result.history.size() == 2);
  // Two epochs of two steps, each by the learning rate against the gradient.
  const at::Tensor left = task.parameters().parameters()[0].tensor;
  REQUIRE(at::allclose(left.detach(), at::full({3}, 0.6)));
}

TEST_CASE("training lowers the loss and separates two types") {
  TrainOptions training = short_training();
  training.epochs = 40;
  const Run out = run(training);
  REQUIRE(out.result.history.size() == 40);
  const auto value = [&](size_t epoch, const char* name) {
    return value_of(out.result, epoch, name);
  };
  REQUIRE(value(39, "reconstruction") < 0.9 * value(0, "reconstruction"));
  REQUIRE(value(39, "validation_log_likelihood") >
          value(0, "validation_log_likelihood"));
  // Distance between the types' means relative to the spread within them.
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

TEST_CASE("history contains the schedules") {
  const TrainOptions training = short_training();
  const Run out = run(training);
  for (size_t k = 0; k < out.result.history.size(); ++k) {
    const auto value = [&](const char* name) {
      return value_of(out.result, k, name);
    };
    const auto epoch = static_cast<int64_t>(k);
    REQUIRE(out.result.history[k].epoch == epoch + 1);
    REQUIRE(value("beta") ==
            small_model().beta * annealing(training.schedule(), epoch));
    REQUIRE(value("learning_rate") ==
            learning_rate(training.schedule(), epoch));
    REQUIRE(std::isfinite(value("validation_log_likelihood")));
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

TEST_CASE("dropout depends on the seed as well") {
  Given given;
  given.model.dropout = 0.3;
  const Run one = run(short_training(), given);
  REQUIRE(one.embedding == run(short_training(), given).embedding);
  REQUIRE(one.embedding != run(short_training()).embedding);
}

TEST_CASE("a stop keeps the whole epochs and leaves a usable model") {
  Stopper stopper(6 * 2 + 3);  // 108 training cells are 6 minibatches
  const Run out = run(short_training(), stopper);
  REQUIRE(out.result.status == TrainStatus::kInterrupted);
  REQUIRE(out.result.history.size() == 2);
  REQUIRE(out.embedding.empty());  // the same monitor also stops the embedding
  for (const NamedTensor& entry : out.state) {
    REQUIRE(at::isfinite(entry.tensor).all().item<bool>());
  }
}

TEST_CASE("early stopping returns to the best epoch") {
  TrainOptions training = short_training();
  training.epochs = 400;
  training.patience = 3;
  training.learning_rate = 0.05;  // overfits soon
  const Run out = run(training);
  REQUIRE(out.result.status == TrainStatus::kStoppedEarly);
  const auto& history = out.result.history;
  const auto best = static_cast<size_t>(out.result.best_epoch);
  REQUIRE(history.size() == std::max<size_t>(best, 3) + 3);
  for (size_t k = 0; k < history.size(); ++k) {
    REQUIRE(value_of(out.result, k, "validation_elbo") <=
            value_of(out.result, best - 1, "validation_elbo"));
  }
  // The kept parameters are those of that epoch: training up to it agrees.
  training.epochs = static_cast<int64_t>(best);
  training.patience = 0;
  REQUIRE(run(training).embedding == out.embedding);
}

TEST_CASE("automatic options depend on the number of cells") {
  const SailerOptions warm;
  const TrainOptions few = TrainOptions().resolve(321, warm);
  REQUIRE(few.batch_size == 100);
  REQUIRE(few.epochs == 667);  // of 3 steps
  REQUIRE(few.validation == 0.1);
  REQUIRE(few.weight_decay == Approx(4 / (0.9 * 321)));
  REQUIRE(few.frozen == Approx(667 / 4.0));
  REQUIRE(few.warmup == 10);
  REQUIRE(few.patience == 166);
  REQUIRE(annealing(few.schedule(), 666.9) == 1);
  REQUIRE(learning_rate(few.schedule(), 667) == Approx(0.05 * 3e-3));
  const TrainOptions many = TrainOptions().resolve(1000000, warm);
  REQUIRE(many.batch_size == 400);
  REQUIRE(many.epochs == 4);
  REQUIRE(many.validation == 0.01);
  REQUIRE(many.frozen == 1);
  REQUIRE(many.warmup == Approx(4 / 12.0));
  REQUIRE(many.patience == 1);
  REQUIRE(annealing(many.schedule(), 3.9) == 1);
  SailerOptions cold;
  cold.warm_start = false;
  REQUIRE(TrainOptions().resolve(1000, cold).frozen == 0);
  TrainOptions blind;
  blind.validation = 0;
  REQUIRE(blind.resolve(1000, warm).patience == 0);
}

TEST_CASE("automatic options depend on what reads a reference") {
  SailerOptions guided = default_options(Architecture::kDense, true);
  TrainOptions named;
  named.epochs = 40;
  REQUIRE(named.resolve(1000, guided).frozen == 30);
  REQUIRE(named.resolve(1000, guided).patience == 10);
  guided.joint = false;
  REQUIRE(named.resolve(1000, guided).frozen == 0);
  REQUIRE(named.resolve(1000, guided).patience == 0);
  guided.alignment = 0;  // this is SAILER
  guided.joint = true;
  REQUIRE(named.resolve(1000, guided).frozen == 10);
  REQUIRE(named.resolve(1000, guided).patience == 10);
  guided.joint = false;
  REQUIRE(named.resolve(1000, guided).frozen == 10);
  REQUIRE(named.resolve(1000, guided).patience == 10);
}

TEST_CASE("the preset of the thesis chooses the thesis' schedule") {
  const SailerOptions thesis =
      default_options(Architecture::kDense, false, Preset::kThesis);
  const TrainOptions options = TrainOptions().resolve(5000, thesis);
  REQUIRE(options.epochs == 400);
  REQUIRE(options.batch_size == 100);
  REQUIRE(options.learning_rate == 1e-3);
  REQUIRE(options.learning_rate_decay == 0.995);
  REQUIRE(options.weight_decay == 5e-4);
  REQUIRE(options.frozen == 0);
  REQUIRE(options.warmup == 10);
  REQUIRE(options.period == 100);
  REQUIRE(options.patience == 0);
  TrainOptions named;
  named.epochs = 30;
  named.warmup = 0;
  named.period = 4;
  REQUIRE(named.resolve(5, thesis).epochs == 30);
  REQUIRE(named.resolve(5, thesis).warmup == 0);
  REQUIRE(named.resolve(5, thesis).period == 4);
}

}  // namespace trainer_test
