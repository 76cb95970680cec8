#include <algorithm>
#include <numeric>
#include <set>

#include "catch.h"
#include "core/training/sampler.h"

using namespace sailer;
using namespace sailer_test;

namespace {
std::vector<int64_t> first_cells(int64_t n) {
  std::vector<int64_t> cells(n);
  std::iota(cells.begin(), cells.end(), int64_t{0});
  return cells;
}
}  // namespace

TEST_CASE("a split has every cell once") {
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

TEST_CASE("few cells are not split away") {
  REQUIRE(split_cells(10, 0.1, 1).validation.empty());
  REQUIRE(split_cells(2, 0.9, 1).training.size() == 2);
  REQUIRE(split_cells(10, 0.99, 1).training.size() == 2);
  REQUIRE(split_cells(50, 0, 1).validation.empty());
}

namespace {
BlockPlan blocks_of(int64_t n_cells, int64_t block_cells, int64_t pool_cells) {
  BlockPlan plan;
  for (int64_t cell = 0; cell < n_cells; ++cell) {
    plan.block_of.push_back(static_cast<int32_t>(cell / block_cells));
  }
  plan.pool_cells = pool_cells;
  return plan;
}
}  // namespace

TEST_CASE("an epoch sees every cell once, in either kind of order") {
  const bool any_order = GENERATE(true, false);
  const int64_t n = GENERATE(0, 1, 63, 64, 65, 1000);
  const std::vector<int64_t> cells = first_cells(n);
  const BlockPlan plan =
      any_order || n == 0 ? BlockPlan() : blocks_of(n, 16, 48);
  std::vector<int64_t> order = epoch_order(cells, plan, 9);
  REQUIRE(order == epoch_order(cells, plan, 9));
  if (n > 60) {
    REQUIRE(order != cells);
    REQUIRE(order != epoch_order(cells, plan, 10));
  }
  std::sort(order.begin(), order.end());
  REQUIRE(order == cells);
}

TEST_CASE("block order keeps each pool to its blocks") {
  const BlockPlan plan = blocks_of(400, 10, 40);
  const std::vector<int64_t> order = epoch_order(first_cells(400), plan, 3);
  std::set<int64_t> neighbours;
  for (size_t pool = 0; pool < order.size(); pool += 40) {
    std::set<int64_t> blocks;
    for (size_t k = pool; k < pool + 40; ++k) blocks.insert(order[k] / 10);
    REQUIRE(blocks.size() == 4);
    if (*blocks.rbegin() - *blocks.begin() == 3) neighbours.insert(pool);
  }
  // The blocks of a pool come from anywhere.
  REQUIRE(neighbours.size() < 3);
}

TEST_CASE("cells that were left out leave the other cells in their blocks") {
  const BlockPlan plan = blocks_of(1000, 10, 90);
  const Split split = split_cells(1000, 0.1, 5);
  const std::vector<int64_t> order = epoch_order(split.training, plan, 3);
  std::vector<int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  REQUIRE(sorted == split.training);
  for (size_t pool = 0; pool < order.size(); pool += 90) {
    std::set<int64_t> blocks;
    for (size_t k = pool; k < pool + 90; ++k) blocks.insert(order[k] / 10);
    REQUIRE(blocks.size() < 14);  // about 10 of the 100, and the borders
  }
}

TEST_CASE("within a pool any cell may stand anywhere") {
  const BlockPlan plan = blocks_of(40, 10, 40);
  std::vector<double> mean(40, 0);
  constexpr int kDraws = 2000;
  for (int draw = 0; draw < kDraws; ++draw) {
    const auto order =
        epoch_order(first_cells(40), plan, static_cast<uint64_t>(draw));
    for (size_t k = 0; k < 40; ++k) {
      mean[order[k]] += static_cast<double>(k) / kDraws;
    }
  }
  // Standard error 0.26.
  for (double position : mean) REQUIRE(position == Approx(19.5).margin(1.3));
}
