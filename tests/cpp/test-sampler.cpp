#include <algorithm>
#include <numeric>
#include <set>

#include "catch.h"
#include "core/training/sampler.h"

namespace sampler_test {

using namespace sailer;
using namespace sailer_test;

namespace {
std::vector<int64_t> first_cells(int64_t n) {
  std::vector<int64_t> cells(n);
  std::iota(cells.begin(), cells.end(), int64_t{0});
  return cells;
}
}  // namespace

TEST_CASE("a split contains every cell once") {
  const Split split = split_cells(1000, 0.1, 5);
  REQUIRE(split.validation.size() == 100);
  REQUIRE(split.training.size() == 900);
  std::set<int64_t> all(split.training.begin(), split.training.end());
  all.insert(split.validation.begin(), split.validation.end());
  REQUIRE(all.size() == 1000);
  REQUIRE(std::is_sorted(split.training.begin(), split.training.end()));
  REQUIRE(split_cells(1000, 0.1, 5).validation == split.validation);
  REQUIRE(split_cells(1000, 0.1, 6).validation != split.validation);
}

TEST_CASE("very few cells are not held out") {
  REQUIRE(split_cells(10, 0.1, 1).validation.empty());
  REQUIRE(split_cells(2, 0.9, 1).training.size() == 2);
  REQUIRE(split_cells(10, 0.99, 1).training.size() == 2);
  REQUIRE(split_cells(50, 0, 1).validation.empty());
}

TEST_CASE("an epoch sees every cell once") {
  const int64_t n = GENERATE(0, 1, 63, 64, 65, 1000);
  const std::vector<int64_t> cells = first_cells(n);
  std::vector<int64_t> order = epoch_order(cells, 9);
  REQUIRE(order == epoch_order(cells, 9));
  if (n > 60) {
    REQUIRE(order != cells);
    REQUIRE(order != epoch_order(cells, 10));
  }
  std::sort(order.begin(), order.end());
  REQUIRE(order == cells);
}

TEST_CASE("any cell can be at any position") {
  std::vector<double> mean(40, 0);
  constexpr int kDraws = 2000;
  for (int draw = 0; draw < kDraws; ++draw) {
    const auto order =
        epoch_order(first_cells(40), static_cast<uint64_t>(draw));
    for (size_t k = 0; k < 40; ++k) {
      mean[order[k]] += static_cast<double>(k) / kDraws;
    }
  }
  // The standard error is 0.26.
  for (double position : mean) REQUIRE(position == Approx(19.5).margin(1.3));
}

TEST_CASE("selected cells are split by their positions") {
  const std::vector<int64_t> cells = {3, 5, 8, 13, 21, 34, 55, 89, 144, 233};
  const Split places = split_cells(10, 0.3, 4),
              split = split_cells(cells, 0.3, 4);
  REQUIRE(split.validation.size() == 3);
  for (size_t k = 0; k < 3; ++k) {
    REQUIRE(split.validation[k] == cells[places.validation[k]]);
  }
  for (size_t k = 0; k < 7; ++k) {
    REQUIRE(split.training[k] == cells[places.training[k]]);
  }
}

TEST_CASE("minibatches follow the epoch's order") {
  const RunCells cells(split_cells(25, 0.2, 1), 7);
  REQUIRE(cells.n_training() == 20);
  const std::vector<int64_t> order = cells.order_of(3);
  REQUIRE(order != cells.order_of(4));
  REQUIRE(cells.batch_at(3, 6, 8) ==
          std::vector<int64_t>(order.begin() + 6, order.begin() + 14));
  REQUIRE(cells.batch_at(3, 16, 8) ==
          std::vector<int64_t>(order.begin() + 16, order.end()));
  REQUIRE(cells.batch_at(3, 40, 8).empty());
}

}  // namespace sampler_test
