#include "core/training/loss_meter.h"

#include <ATen/ATen.h>

#include <limits>

#include "catch.h"
#include "operations.h"

namespace loss_meter_test {

using namespace sailer;
using namespace sailer_test;

namespace {

StepLoss loss_of(double first, double second, double weight) {
  return {at::tensor({first, second}, at::kDouble), weight};
}

}  // namespace

TEST_CASE("sums of a loss continue after they are read") {
  const bool read_between = GENERATE(true, false);
  LossMeter meter({10, 20}, 5);
  meter.add(loss_of(1, 2, 3), 0);
  if (read_between) REQUIRE(meter.read().sums == std::vector<double>{13, 26});
  meter.add(loss_of(0.5, 4, 2), 3);
  const LossMeter::Reading reading = meter.read();
  REQUIRE(reading.sums == std::vector<double>{14, 34});
  REQUIRE(reading.weight == 10);
  REQUIRE(reading.mean(1) == 3.4);
  REQUIRE(reading.bad_position == -1);
}

TEST_CASE("the position of the first non-finite loss is reported") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  const double bad = GENERATE_COPY(nan, infinite);
  LossMeter meter({0, 0}, 0);
  meter.add(loss_of(1, 1, 1), 0);
  meter.add(loss_of(bad, 1, 1), 7);
  meter.add(loss_of(nan, 1, 1), 9);
  REQUIRE(meter.read().bad_position == 7);
  meter.add(loss_of(1, 1, 1), 11);
  REQUIRE(meter.read().bad_position == 7);
}

TEST_CASE("a step's loss is stored without a tensor operation") {
  LossMeter meter({0, 0}, 0);
  const StepLoss loss = loss_of(1, 2, 3);
  REQUIRE(operations_of([&] { meter.add(loss, 0); }).empty());
}

}  // namespace loss_meter_test
