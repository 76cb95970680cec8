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
                                 bool random_access, uint64_t seed,
                                 const BlockShuffle& shape) {
  std::mt19937_64 engine(seed);
  if (random_access) {
    std::vector<int64_t> order = cells;
    shuffle(order, engine);
    return order;
  }
  const auto n = static_cast<int64_t>(cells.size());
  std::vector<int64_t> starts;
  for (int64_t at = 0; at < n; at += shape.block_cells) starts.push_back(at);
  shuffle(starts, engine);
  std::vector<int64_t> order, pool;
  order.reserve(n);
  for (size_t b = 0; b < starts.size(); ++b) {
    const int64_t end = std::min(starts[b] + shape.block_cells, n);
    pool.insert(pool.end(), cells.begin() + starts[b], cells.begin() + end);
    const bool full = (b + 1) % static_cast<size_t>(shape.pool_blocks) == 0;
    if (!full && b + 1 < starts.size()) continue;
    shuffle(pool, engine);
    order.insert(order.end(), pool.begin(), pool.end());
    pool.clear();
  }
  return order;
}

}  // namespace sailer
