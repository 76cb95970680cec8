#include "catch.h"
#include "core/support/error.h"
#include "core/training/train_options.h"

namespace schedule_test {

using namespace sailer;
using namespace sailer_test;

TEST_CASE("annealing at the ends of its phases") {
  Schedule s;
  s.warmup = 10;
  s.period = 100;
  REQUIRE(is_warmup(s, 0));
  REQUIRE(is_warmup(s, 9));
  REQUIRE_FALSE(is_warmup(s, 10));
  REQUIRE(annealing(s, 9) == 0);
  REQUIRE(annealing(s, 10) == 0);  // a cycle starts at 0
  REQUIRE(annealing(s, 35) == Approx(0.5));
  REQUIRE(annealing(s, 59) == Approx(0.98));
  REQUIRE(annealing(s, 60) == 1);   // first half ends
  REQUIRE(annealing(s, 109) == 1);  // last epoch of the cycle
  REQUIRE(annealing(s, 110) == 0);  // next cycle starts
  REQUIRE(annealing(s, 111) == Approx(0.02));
}

TEST_CASE("schedules change within an epoch") {
  Schedule s;
  s.frozen = 0.25;
  s.warmup = 0.5;
  s.period = 2;
  s.learning_rate = 1e-3;
  s.decay = 0.01;
  REQUIRE(is_frozen(s, 0.2));
  REQUIRE_FALSE(is_frozen(s, 0.25));
  REQUIRE(is_warmup(s, 0.49));
  REQUIRE_FALSE(is_warmup(s, 0.5));
  REQUIRE(annealing(s, 1) == Approx(0.5));
  REQUIRE(annealing(s, 1.5) == 1);
  REQUIRE(annealing(s, 2.75) == Approx(0.25));
  REQUIRE(learning_rate(s, 0.5) == Approx(1e-4));
}

TEST_CASE("annealing without a warm-up and with the shortest period") {
  Schedule s;
  s.warmup = 0;
  s.period = 1;
  REQUIRE_FALSE(is_warmup(s, 0));
  REQUIRE(annealing(s, 0) == 0);
  REQUIRE(annealing(s, 7) == 0);
  s.period = 2;
  REQUIRE(annealing(s, 0) == 0);
  REQUIRE(annealing(s, 1) == 1);
  REQUIRE(annealing(s, 2) == 0);
}

TEST_CASE("the learning rate shrinks by its factor each epoch") {
  Schedule s;
  s.learning_rate = 1e-3;
  s.decay = 0.995;
  REQUIRE(learning_rate(s, 0) == 1e-3);
  REQUIRE(learning_rate(s, 1) == Approx(0.000995));
  REQUIRE(learning_rate(s, 100) == Approx(1e-3 * 0.6057704364907279));
}

TEST_CASE("training options out of range are refused by name") {
  const auto refused = [](auto change, const char* name) {
    TrainOptions options;
    change(options);
    REQUIRE_THROWS_AS(options.check(), Error);
    REQUIRE_THROWS_WITH(options.check(), contains(name));
  };
  refused([](TrainOptions& o) { o.epochs = 0; }, "epochs");
  refused([](TrainOptions& o) { o.batch_size = 1; }, "batch_size");
  refused([](TrainOptions& o) { o.learning_rate = 0; }, "learning_rate");
  refused([](TrainOptions& o) { o.weight_decay = -0.5; }, "weight_decay");
  refused([](TrainOptions& o) { o.validation = 1; }, "validation");
  refused([](TrainOptions& o) { o.period = 0; }, "period");
  refused([](TrainOptions& o) { o.steps = 0; }, "steps");
  refused([](TrainOptions& o) { o.frozen = -2; }, "frozen");
  refused(
      [](TrainOptions& o) {
        o.patience = 5;
        o.validation = 0;
      },
      "patience");
  REQUIRE_NOTHROW(TrainOptions().check());
}

}  // namespace schedule_test
