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
                                 uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<int64_t> order = cells;
  shuffle(order, engine);
  return order;
}

}  // namespace sailer
