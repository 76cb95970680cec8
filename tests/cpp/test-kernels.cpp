#include <cmath>
#include <vector>

#include "catch.h"
#include "core/support/kernels.h"

namespace kernels_test {

using namespace sailer;
using namespace sailer_test;

namespace {
double softplus(double a) {
  return std::max(a, 0.0) + std::log1p(std::exp(-std::abs(a)));
}
}  // namespace

TEST_CASE("fast softplus and sigmoid stay within their documented error") {
  for (double a = -120; a < 120; a += 0.0173) {
    float value = static_cast<float>(a);
    const double exact = value;
    const double found = kernels::softplus_and_sigmoid(&value, 1);
    REQUIRE(std::abs(found - softplus(exact)) <=
            4e-7 * std::max(1.0, std::abs(exact)));
    REQUIRE(std::abs(value - 1 / (1 + std::exp(-exact))) <= 4e-7);
  }
}

TEST_CASE("infinite logits keep their meaning and NaN is propagated") {
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

TEST_CASE("sigmoids are multiplied by the requested factor") {
  std::vector<float> logits = {-3.0f, 0.0f, 0.5f, 12.0f};
  std::vector<double> same(logits.begin(), logits.end());
  const std::vector<double> exact = same;
  kernels::softplus_and_sigmoid(logits.data(), 4, 0.37);
  kernels::softplus_and_sigmoid(same.data(), 4, 0.37);
  for (int k = 0; k < 4; ++k) {
    const double expected = 0.37 / (1 + std::exp(-exact[k]));
    REQUIRE(logits[k] == Approx(expected).epsilon(1e-6));
    REQUIRE(same[k] == Approx(expected).epsilon(1e-14));
  }
}

TEST_CASE("the softplus of very negative logits is not lost in a sum") {
  // 5,000 times exp(-12): a sum of log(1 + e) terms would keep only four
  // digits.
  const std::vector<float> logits(5000, -12.0f);
  const double expected = 5000 * std::log1p(std::exp(-12.0));
  REQUIRE(kernels::softplus_sum(logits.data(), 5000) ==
          Approx(expected).epsilon(1e-6));
}

TEST_CASE("rows are summed over peaks, cells and columns") {
  const int64_t width = GENERATE(1, 7, 64, 100, 1500);
  const int64_t n_rows = 9, stride = width + 3;
  std::vector<float> rows(n_rows * stride);
  for (size_t k = 0; k < rows.size(); ++k) {
    rows[k] = static_cast<float>(std::sin(0.7 * static_cast<double>(k)));
  }
  const auto value = [&](int64_t row, int64_t u) {
    return static_cast<double>(rows[row * stride + u]);
  };
  std::vector<float> out(width, 1e9f);

  kernels::sum_columns(out.data(), rows.data(), stride, width, n_rows);
  for (int64_t u = 0; u < width; ++u) {
    double expected = 0;
    for (int64_t i = 0; i < n_rows; ++i) expected += value(i, u);
    REQUIRE(out[u] == Approx(expected).margin(1e-5));
  }

  const std::vector<int32_t> cells = {7, 0, 3, 8, 2};
  for (int64_t n = 0; n <= 5; ++n) {
    kernels::sum_cells(out.data(), rows.data(), stride, width, cells.data(), n);
    for (int64_t u = 0; u < width; ++u) {
      double expected = 0;
      for (int64_t k = 0; k < n; ++k) expected += value(cells[k], u);
      REQUIRE(out[u] == Approx(expected).margin(1e-5));
    }
  }
}

TEST_CASE("rows spread peak by peak equal rows summed cell by cell") {
  const int64_t width = GENERATE(1, 7, 64, 100);
  // Of peaks 0 to 4: cell 0 has 0, 2 and 4, cell 1 has 2, cell 2 has 2 and 4.
  const std::vector<std::vector<int64_t>> open = {{0, 2, 4}, {2}, {2, 4}};
  const std::vector<int64_t> starts = {0, 1, 1, 4, 4, 6};
  const std::vector<int32_t> cells = {0, 0, 1, 2, 0, 2};
  std::vector<float> weight(5 * width);
  for (size_t k = 0; k < weight.size(); ++k) {
    weight[k] = static_cast<float>(std::cos(1.3 * static_cast<double>(k)));
  }
  const int64_t stride = width + 2;
  std::vector<float> spread(3 * stride, 0.5f), summed(3 * stride, 0.5f);
  kernels::spread_rows(spread.data(), stride, weight.data(), width,
                       starts.data(), cells.data(), 0, 5);
  for (int64_t i = 0; i < 3; ++i) {
    const auto n = static_cast<int64_t>(open[i].size());
    kernels::sum_rows(summed.data() + i * stride, weight.data(), width,
                      open[i].data(), n);
    for (int64_t u = 0; u < width; ++u) {
      double expected = 0.5;
      for (int64_t p : open[i]) expected += weight[p * width + u];
      REQUIRE(summed[i * stride + u] == Approx(expected).margin(1e-5));
    }
  }
  REQUIRE(spread == summed);
}

TEST_CASE("a dropout mask keeps the requested share, by its seed") {
  const int64_t n = 200000;
  const double rate = GENERATE(0.1, 0.5);
  std::vector<float> mask(n), same(n), other(n);
  kernels::dropout_mask(mask.data(), n, rate, 12345);
  kernels::dropout_mask(same.data(), n, rate, 12345);
  kernels::dropout_mask(other.data(), n, rate, 12346);
  REQUIRE(mask == same);
  int64_t kept = 0, both = 0, next = 0;
  for (int64_t k = 0; k < n; ++k) {
    const bool here = mask[k] != 0;
    if (here) REQUIRE(mask[k] == Approx(1 / (1 - rate)).epsilon(1e-6));
    kept += here;
    both += here && other[k] != 0;
    next += here && mask[(k + 1) % n] != 0;
  }
  // Six standard deviations; seeds and neighbours are independent.
  const double share = 1 - rate, count = static_cast<double>(n);
  const auto near = [&](int64_t found, double p) {
    return std::abs(static_cast<double>(found) - count * p) <
           6 * std::sqrt(count * p * (1 - p));
  };
  REQUIRE(near(kept, share));
  REQUIRE(near(both, share * share));
  REQUIRE(near(next, share * share));
}

}  // namespace kernels_test
