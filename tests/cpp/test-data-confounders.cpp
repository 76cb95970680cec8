#include <cmath>

#include "catch.h"
#include "core/data/confounders.h"
#include "core/support/error.h"

namespace data_confounders_test {

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
  REQUIRE(m.has_rows(4));
  REQUIRE_FALSE(m.has_rows(5));
  std::vector<float> row(5, 7.0f);
  for (int64_t i = 0; i < 4; ++i) {
    m.write_row(i, row.data());
    for (size_t k = 0; k < 5; ++k) {
      REQUIRE(row[k] == Approx(expected[i][k]).epsilon(1e-6).margin(1e-6));
    }
  }
}

TEST_CASE("a cell takes the same memory for any number of label levels") {
  Confounders c;
  c.depth = {3, 4, 5};
  for (int32_t n_levels : {2, 1000}) {
    c.labels = {{"batch", {0, 1, 0}, n_levels}, {"lane", {1, -1, 0}, n_levels}};
    const ConfounderMatrix m = encode(c, fit_scaling(c, {0, 1, 2}));
    REQUIRE(m.width == 1 + 2 * n_levels);
    REQUIRE(m.values_per_cell() == 3);
    REQUIRE(m.numbers.size() + m.ones.size() == 9);
  }
}

TEST_CASE("numbers alone are used as rows unchanged") {
  const ConfounderMatrix m = confounders_of_numbers(2, {1, 2, 3, 4});
  REQUIRE(m.has_rows(2));
  float row[2];
  m.write_row(1, row);
  REQUIRE((row[0] == 3 && row[1] == 4));
}

TEST_CASE("a column without spread becomes zeros, not NaN") {
  Confounders c;
  c.depth = {7, 7, 7};
  const ConfounderMatrix m = encode(c, fit_scaling(c, {0, 1, 2}));
  for (float value : m.numbers) REQUIRE(value == 0);
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

}  // namespace data_confounders_test
