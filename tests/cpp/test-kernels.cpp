#include <cmath>
#include <vector>

#include "catch.h"
#include "core/support/kernels.h"

using namespace sailer;
using namespace sailer_test;

namespace {
double softplus(double a) {
  return std::max(a, 0.0) + std::log1p(std::exp(-std::abs(a)));
}
}  // namespace

TEST_CASE("fast softplus and sigmoid stay within their stated error") {
  for (double a = -120; a < 120; a += 0.0173) {
    float value = static_cast<float>(a);
    const double exact = value;
    const double found = kernels::softplus_and_sigmoid(&value, 1);
    REQUIRE(std::abs(found - softplus(exact)) <=
            4e-7 * std::max(1.0, std::abs(exact)));
    REQUIRE(std::abs(value - 1 / (1 + std::exp(-exact))) <= 4e-7);
  }
}

TEST_CASE("infinite logits keep their meaning and NaN stays visible") {
  float plus = INFINITY, minus = -INFINITY, nan = NAN;
  REQUIRE(kernels::softplus_and_sigmoid(&plus, 1) == INFINITY);
  REQUIRE(plus == 1);
  REQUIRE(kernels::softplus_and_sigmoid(&minus, 1) < 1e-30);
  REQUIRE(minus < 1e-30f);
  const double sum = kernels::softplus_and_sigmoid(&nan, 1);
  REQUIRE((std::isnan(sum) || std::isnan(nan)));
}

TEST_CASE("sums of softplus do not depend on where runs end") {
  const int n = GENERATE(0, 1, 255, 256, 257, 5000);
  std::vector<float> logits(n);
  double expected = 0;
  for (int k = 0; k < n; ++k) {
    logits[k] = static_cast<float>(std::sin(k) * 9);
    expected += softplus(logits[k]);
  }
  REQUIRE(kernels::softplus_sum(logits.data(), n) ==
          Approx(expected).epsilon(1e-6).margin(1e-9));
  REQUIRE(kernels::softplus_and_sigmoid(logits.data(), n) ==
          Approx(expected).epsilon(1e-6).margin(1e-9));
}
