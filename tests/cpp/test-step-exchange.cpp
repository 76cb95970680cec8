#include "core/training/step_exchange.h"

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "catch.h"
#include "torch_helpers.h"

namespace step_exchange_test {

using namespace sailer;
using namespace sailer_test;

namespace {

// The first of two processes that have the same numbers. It records the start
// and end of each sum, with the number of values.
class Twins : public Exchange {
 public:
  int64_t rank() const override { return 0; }
  int64_t size() const override { return 2; }
  Wait begin_sum(at::Tensor tensor) override {
    notes.push_back("begin " + std::to_string(tensor.numel()));
    return [this, tensor]() mutable {
      tensor.mul_(2);
      notes.push_back("end " + std::to_string(tensor.numel()));
    };
  }
  void broadcast(at::Tensor) override {}
  void leave(const std::string&) noexcept override {}

  std::vector<std::string> notes;
};

// Three layers; "frozen" has no gradient.
struct Layers {
  ParameterSet set;
  at::Tensor first, small, frozen, last;
  Layers() {
    first = set.add_parameter("first", random_tensor({5}, 1));
    frozen = set.add_parameter("frozen", random_tensor({7}, 2));
    small = set.add_parameter("small", random_tensor({1}, 3));
    last = set.add_parameter("last", random_tensor({5}, 4));
    set.add_buffer("statistic", at::zeros({2}, at::kDouble));
  }
  at::Tensor loss() const { return (first.sin() * small * last).sum(); }
};

StepReport report(double loss) { return {{loss, 2 * loss}, false, false}; }

}  // namespace

TEST_CASE("gradients are summed, and missing ones stay missing") {
  Layers layers, plain;
  Twins exchange;
  const bool early = GENERATE(false, true);
  const int64_t bucket = GENERATE(1, 6, 1000);
  StepExchange steps(exchange, layers.set, early, bucket);
  plain.loss().backward();
  for (int step = 0; step < 3; ++step) {
    steps.begin();
    layers.loss().backward();
    const StepReport all = steps.finish(report(1.5));
    REQUIRE(all.parts == std::vector<double>{3, 6});
    REQUIRE_FALSE(all.bad);
    REQUIRE_FALSE(layers.frozen.grad().defined());
    for (const auto& [got, expected] : {std::pair{layers.first, plain.first},
                                        std::pair{layers.small, plain.small},
                                        std::pair{layers.last, plain.last}}) {
      REQUIRE(at::allclose(got.grad(), 2 * expected.grad(), 1e-12, 1e-12));
    }
    steps.give_up();  // clears the gradients
  }
}

TEST_CASE("a bucket is sent while other gradients are computed") {
  Layers layers;
  Twins exchange;
  StepExchange steps(exchange, layers.set, /*early=*/true,
                     /*bucket_numbers=*/6);
  layers.first.register_hook([&](const at::Tensor&) {
    exchange.notes.push_back("gradient of the first");
  });
  steps.begin();
  layers.loss().backward();
  steps.finish(report(1));
  // "last" and "small" together; 2 parts, stop, bad and 4 flags; "first".
  REQUIRE(exchange.notes == std::vector<std::string>{
                                "begin 6", "gradient of the first", "begin 8",
                                "end 8", "begin 5", "end 6", "end 5"});
}

TEST_CASE("a non-finite value in one process counts in all") {
  Layers layers;
  Twins exchange;
  StepExchange steps(exchange, layers.set, /*early=*/true);
  steps.begin();
  layers.loss().backward();
  StepReport own = report(1);
  own.bad = true;
  REQUIRE(steps.finish(own).bad);
  REQUIRE_FALSE(layers.last.grad().defined());
}

TEST_CASE("an abandoned step restores the previous statistics") {
  Layers layers;
  Twins exchange;
  StepExchange steps(exchange, layers.set, /*early=*/false);
  steps.begin();
  layers.loss().backward();
  at::Tensor statistic = layers.set.buffers()[0].tensor;
  statistic.fill_(3);
  steps.give_up();
  REQUIRE(at::equal(statistic, at::zeros({2}, at::kDouble)));
  REQUIRE_FALSE(layers.first.grad().defined());
}

}  // namespace step_exchange_test
