// Tests which peaks of a cell count as open.

#include <algorithm>
#include <numeric>
#include <random>

#include "../../src/core/data/binarized_rows.h"
#include "catch.h"

namespace data_binarized_rows_test {

using namespace sailer;

namespace {

constexpr int64_t kMany = 1 << 20;

// Multiples of a tenth, which give many ties.
std::vector<float> random_values(int64_t n, uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(engine() % 10) / 10;
  return values;
}

std::vector<int32_t> row_of(const BinarizedRows& rows, int64_t cell) {
  return {rows.peaks().begin() + rows.offsets()[cell],
          rows.peaks().begin() + rows.offsets()[cell + 1]};
}

}  // namespace

TEST_CASE("peaks at or above a threshold are open", "[open-rows]") {
  const std::vector<float> values{0.1f, 0.5f, 0.49f, 0.9f, 0.f,  0.2f,
                                  0.5f, 0.5f, 1.f,   0.f,  0.4f, 0.3f};
  for (bool keep : {false, true}) {
    BinarizedRows rows({0.5, 0, keep});
    REQUIRE(rows.add(values.data(), 2, 4, kMany));
    REQUIRE(rows.add(values.data() + 8, 1, 4, kMany));
    REQUIRE(rows.offsets() == std::vector<int64_t>{0, 2, 4, 5});
    REQUIRE(rows.peaks() == std::vector<int32_t>{1, 3, 2, 3, 0});
    REQUIRE(rows.values() ==
            (keep ? std::vector<float>{0.5f, 0.9f, 0.5f, 0.5f, 1.f}
                  : std::vector<float>{}));
  }
  // 0.1f is slightly above 0.1: values are compared with the intended number.
  BinarizedRows rows({0.1, 0, false});
  REQUIRE(rows.add(values.data(), 1, 4, kMany));
  REQUIRE(row_of(rows, 0) == std::vector<int32_t>{0, 1, 2, 3});
  BinarizedRows above({static_cast<double>(0.1f) + 1e-12, 0, false});
  REQUIRE(above.add(values.data(), 1, 4, kMany));
  REQUIRE(row_of(above, 0) == std::vector<int32_t>{1, 2, 3});
}

TEST_CASE("the most probable peaks are those of a stable sort", "[open-rows]") {
  constexpr int64_t kPeaks = 30;
  const std::vector<float> values = random_values(5 * kPeaks, 3);
  for (int64_t n_open : {1, 2, 7, 29, 30, 100}) {
    BinarizedRows rows({0, n_open, true});
    REQUIRE(rows.add(values.data(), 5, kPeaks, kMany));
    for (int64_t i = 0; i < 5; ++i) {
      const float* row = values.data() + i * kPeaks;
      std::vector<int32_t> order(kPeaks);
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(),
                       [&](int32_t a, int32_t b) { return row[a] > row[b]; });
      order.resize(std::min(n_open, kPeaks));
      std::sort(order.begin(), order.end());
      REQUIRE(row_of(rows, i) == order);
      for (size_t k = 0; k < order.size(); ++k) {
        REQUIRE(rows.values()[rows.offsets()[i] + static_cast<int64_t>(k)] ==
                row[order[k]]);
      }
    }
  }
}

TEST_CASE("too many open peaks are reported at once", "[open-rows]") {
  const std::vector<float> values(40, 0.7f);
  BinarizedRows rows({0.5, 0, false});
  REQUIRE(rows.add(values.data(), 2, 10, 20));
  REQUIRE_FALSE(rows.add(values.data(), 2, 10, 20));
  REQUIRE(rows.peaks().size() == 30);
}

}  // namespace data_binarized_rows_test
