#include "sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "../support/n_of.h"
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

Split split_cells(const std::vector<int64_t>& cells, double share,
                  uint64_t seed) {
  Split split = split_cells(n_of(cells), share, seed);
  for (int64_t& cell : split.training) cell = cells[cell];
  for (int64_t& cell : split.validation) cell = cells[cell];
  return split;
}

std::vector<int64_t> shard_cells(const std::vector<int64_t>& cells,
                                 const Shard& shard) {
  const int64_t each = n_of(cells) / shard.size;
  const int64_t longer = n_of(cells) % shard.size;
  const int64_t first = shard.rank * each + std::min(shard.rank, longer);
  const int64_t last = first + each + (shard.rank < longer ? 1 : 0);
  return {cells.begin() + first, cells.begin() + last};
}

RunCells::RunCells(const Split& all, const Shard& shard, uint64_t seed)
    : own_{shard_cells(all.training, shard),
           shard_cells(all.validation, shard)},
      seed_(seed),
      noise_seed_(seed) {
  if (shard.size == 1) return;
  noise_seed_ = derive_seed(derive_seed(seed, kProcessStream),
                            static_cast<uint64_t>(shard.rank));
}

std::vector<int64_t> RunCells::order_of(int64_t epoch) const {
  return epoch_order(own_.training, epoch_seed(seed_, kOrderStream, epoch));
}

std::vector<int64_t> RunCells::batch_at(int64_t epoch, int64_t position,
                                        int64_t batch_size) const {
  const std::vector<int64_t> order = order_of(epoch);
  const int64_t first = std::min(position, n_of(order));
  const int64_t last = std::min(first + batch_size, n_of(order));
  return {order.begin() + first, order.begin() + last};
}

}  // namespace sailer
