// Memory of Expresser's training: the estimate before training, and what
// happens if memory runs out.
#include <cmath>

#include "allocations.h"
#include "catch.h"
#include "core/training/expresser_task.h"
#include "expresser_helpers.h"

namespace expresser_memory_test {

using namespace sailer;
using namespace sailer_test;

namespace {

ExpresserOptions wide(double dropout) {
  ExpresserOptions options = tiny_expresser();
  options.n_embedding = 64;
  options.n_heads = 4;
  options.n_layers = 6;
  options.dropout = dropout;
  return options;
}

constexpr int64_t kMemoryCells = 60, kMemoryGenes = 40;

// One training step for a minibatch of all cells.
struct OneStep {
  ExpresserModel model;
  ExpresserTask task;
  Adam adam;

  OneStep(const ExpresserOptions& options, int64_t token_budget)
      : model(options, kMemoryGenes, 3),
        task(model, two_kinds(kMemoryCells, kMemoryGenes),
             split_at(kMemoryCells, 0), training(token_budget)),
        adam(model.parameters().parameters(), 0) {
    task.start_epoch(0, 0);
    REQUIRE(task.next());
  }

  static PretrainOptions training(int64_t token_budget) {
    PretrainOptions options = brief_pretraining();
    options.batch_size = kMemoryCells;
    options.token_budget = token_budget;
    return options;
  }

  StepLoss step() { return task.step(adam, 0, 0, false); }

  std::vector<at::Tensor> gradients() {
    std::vector<at::Tensor> out;
    for (const NamedTensor& entry : model.parameters().parameters()) {
      out.push_back(entry.tensor.grad().clone());
    }
    return out;
  }
};

}  // namespace

TEST_CASE("the estimated memory of a token agrees with the allocator") {
  const ExpresserOptions options = wide(GENERATE(0, 0.1));
  std::vector<double> peaks, tokens;
  for (int64_t budget : {300, 100000}) {
    OneStep one(options, budget);
    peaks.push_back(
        static_cast<double>(watch_memory([&] { one.step(); })->peak()));
    tokens.push_back(budget == 300 ? 300 : 0.8 * kMemoryCells * kMemoryGenes);
  }
  // Memory that does not grow with the tokens (gradients of parameters)
  // cancels.
  const double per_token = (peaks[1] - peaks[0]) / (tokens[1] - tokens[0]);
  const auto expected = static_cast<double>(
      training_bytes_per_token(options, Precision::kFloat32));
  INFO(per_token << " measured, " << expected << " expected");
  REQUIRE(per_token == Approx(expected).epsilon(0.15));
}

TEST_CASE("if memory runs out, pieces are halved and the step completes") {
  const ExpresserOptions options = wide(0);
  OneStep whole(options, 100000);
  const StepLoss expected = whole.step();
  const int64_t enough =
      watch_memory([&] { OneStep(options, 400).step(); })->peak();
  OneStep little(options, 100000);
  StepLoss found;
  const auto watch =
      watch_memory([&] { found = little.step(); }, enough + enough / 4);
  REQUIRE(watch->n_failed() >= 1);
  REQUIRE(little.task.token_budget() < 1100);
  REQUIRE(little.task.token_budget() > 100);
  REQUIRE(found.weight == expected.weight);
  REQUIRE(found.parts[0].item<double>() ==
          Approx(expected.parts[0].item<double>()).epsilon(1e-5));
  const auto a = little.gradients(), b = whole.gradients();
  for (size_t k = 0; k < a.size(); ++k) {
    REQUIRE(at::allclose(a[k], b[k], 1e-3, 1e-5));
  }
  // The next minibatches come in pieces of the same small size.
  little.task.start_epoch(1, 0);
  REQUIRE(little.task.next());
  REQUIRE_NOTHROW(
      watch_memory([&] { little.task.step(little.adam, 1, 0, false); },
                   enough + enough / 4));
}

TEST_CASE("a single cell that does not fit is an error") {
  OneStep one(wide(0), 1);
  REQUIRE_THROWS(watch_memory([&] { one.step(); }, 20000));
  REQUIRE(one.task.token_budget() == 1);
}

TEST_CASE("tokens per piece depend on a device's free memory") {
  const ExpresserOptions full = default_expresser_options(ModelSize::kFull);
  const auto budget = [&](int64_t gigabytes, Precision precision) {
    PretrainOptions options;
    options.compute.precision = precision;
    return options.resolve(6000000, full, gigabytes << 30).token_budget;
  };
  const int64_t small = budget(16, Precision::kFloat32);
  REQUIRE(small * training_bytes_per_token(full, Precision::kFloat32) <
          int64_t{16} << 30);
  REQUIRE(small > 30000);
  REQUIRE(budget(16, Precision::kBf16) > 3 * small / 2);
  // All tokens that a minibatch of 256 cells can have.
  REQUIRE(budget(140, Precision::kFloat32) == 256 * 1100);
  REQUIRE(budget(0, Precision::kFloat32) == 32768);
  REQUIRE(PretrainOptions().resolve(100, full).token_budget == 4096);
  PretrainOptions given;
  given.token_budget = 77;
  REQUIRE(given.resolve(100, full, int64_t{1} << 33).token_budget == 77);
}

}  // namespace expresser_memory_test
