// Tests whole counts that went through float32 arithmetic.

#include <cmath>
#include <limits>

#include "../../src/core/data/readers/count_check.h"
#include "catch.h"

namespace data_whole_count_test {

using namespace sailer;

TEST_CASE("float32 noise is removed from whole numbers", "[data]") {
  REQUIRE(whole_count(2.9999998f) == 3.0f);
  REQUIRE(whole_count(1.0000002f) == 1.0f);
  for (float n : {1.0f, 2.0f, 7.0f, 255.0f, 65537.0f}) {
    REQUIRE(whole_count(n) == n);
    REQUIRE(whole_count(n * (1 - 1e-6f)) == n);
    REQUIRE(whole_count(n * (1 + 1e-6f)) == n);
    // To a logarithm and back, as when normalised counts are reverted.
    REQUIRE(whole_count(std::expm1(std::log1p(n))) == n);
    REQUIRE(whole_count(n / 1e4f * 1e4f) == n);
    const float fraction = n * (1 + 1e-5f);
    if (n < 1000) REQUIRE(whole_count(fraction) == fraction);
  }
}

TEST_CASE("other numbers are not changed", "[data]") {
  for (float value :
       {0.0f, 0.5f, 0.25f, 1e-7f, 1.5f, 2.999f, -1.0f, -0.9999999f, 8388609.0f,
        3e38f, std::numeric_limits<float>::infinity()}) {
    REQUIRE(whole_count(value) == value);
  }
  REQUIRE(std::isnan(whole_count(std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace data_whole_count_test
