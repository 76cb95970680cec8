#include "sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "../support/shuffle.h"

namespace sailer {

Split split_cells(int64_t n_cells, double share, uint64_t seed) {
  auto n_validation =
      static_cast<int64_t>(std::llround(share * static_cast<double>(n_cells)));
  n_validation = std::min(n_validation, n_cells - 2);
  if (n_validation < 2) n_validation = 0;
  std::vector<int64_t> cells(n_cells);
  std::iota(cells.begin(), cells.end(), int64_t{0});
  std::mt19937_64 engine(seed);
  shuffle(cells, engine);
  Split split;
  split.validation.assign(cells.begin(), cells.begin() + n_validation);
  split.training.assign(cells.begin() + n_validation, cells.end());
  std::sort(split.validation.begin(), split.validation.end());
  std::sort(split.training.begin(), split.training.end());
  return split;
}

std::vector<int64_t> epoch_order(const std::vector<int64_t>& cells,
                                 const BlockPlan& plan, uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<int64_t> order = cells;
  if (plan.any_order()) {
    shuffle(order, engine);
    return order;
  }
  // Blocks in a random order, each with its cells in theirs.
  const int32_t n_blocks =
      1 + *std::max_element(plan.block_of.begin(), plan.block_of.end());
  std::vector<int32_t> turn(static_cast<size_t>(n_blocks));
  std::iota(turn.begin(), turn.end(), 0);
  shuffle(turn, engine);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return turn[plan.block_of[a]] < turn[plan.block_of[b]];
  });
  const auto n = static_cast<int64_t>(order.size());
  const int64_t size = n == 0 ? 1 : plan.pool_size(n);
  std::vector<int64_t> pool;
  for (int64_t first = 0; first < n; first += size) {
    const int64_t last = std::min(n, first + size);
    pool.assign(order.begin() + first, order.begin() + last);
    shuffle(pool, engine);
    std::copy(pool.begin(), pool.end(), order.begin() + first);
  }
  return order;
}

}  // namespace sailer
