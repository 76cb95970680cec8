#include <cmath>

#include "catch.h"
#include "core/data/confounders.h"
#include "core/support/error.h"

using namespace sailer;
using namespace sailer_test;

TEST_CASE("depth, labels and numbers become the columns of c") {
  Confounders c;
  c.depth = {10, 100, 1000, 50};
  c.labels = {{"batch", {0, 2, 1, -1}, 3}};
  c.numbers = {{"age", {1, 2, 3, 10}}};
  const std::vector<int64_t> training = {0, 1, 2};
  const ConfounderScaling scaling = fit_scaling(c, training);
  // By hand: logs are ln 10 times 1, 2, 3; population sd of 1, 2, 3.
  const double sd = std::sqrt(2.0 / 3.0);
  REQUIRE(scaling.log_depth.mean == Approx(2 * std::log(10)));
  REQUIRE(scaling.log_depth.sd == Approx(sd * std::log(10)));
  REQUIRE(scaling.numbers[0].mean == Approx(2));
  REQUIRE(scaling.numbers[0].sd == Approx(sd));

  const ConfounderMatrix m = encode(c, scaling);
  REQUIRE(m.width == 5);
  const std::vector<std::vector<double>> expected = {
      {-1 / sd, 1, 0, 0, -1 / sd},
      {0, 0, 0, 1, 0},
      {1 / sd, 0, 1, 0, 1 / sd},
      {(std::log10(50) - 2) / sd, 0, 0, 0, 8 / sd}};
  for (size_t i = 0; i < 4; ++i) {
    for (size_t k = 0; k < 5; ++k) {
      REQUIRE(m.values[i * 5 + k] ==
              Approx(expected[i][k]).epsilon(1e-6).margin(1e-6));
    }
  }
}

TEST_CASE("a column without spread becomes zeros, not NaN") {
  Confounders c;
  c.depth = {7, 7, 7};
  const ConfounderMatrix m = encode(c, fit_scaling(c, {0, 1, 2}));
  for (float value : m.values) REQUIRE(value == 0);
}

TEST_CASE("columns of the wrong length are refused by name") {
  Confounders c;
  c.depth = {5, 6};
  c.labels = {{"donor", {0, 0, 0}, 1}};
  REQUIRE_THROWS_WITH(fit_scaling(c, {0}), contains("donor"));
  c.labels.clear();
  c.numbers = {{"age", {1}}};
  REQUIRE_THROWS_WITH(fit_scaling(c, {0}), contains("age"));
}
