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

Slice slice_of(int64_t n, const Shard& shard) {
  const int64_t each = n / shard.size, longer = n % shard.size;
  return {shard.rank * each + std::min(shard.rank, longer),
          each + (shard.rank < longer ? 1 : 0)};
}

std::vector<int64_t> shard_cells(const std::vector<int64_t>& cells,
                                 const Shard& shard) {
  const Slice own = slice_of(n_of(cells), shard);
  const auto first = cells.begin() + own.first;
  return {first, first + own.n};
}

std::vector<int64_t> shard_batches(const std::vector<int64_t>& order,
                                   int64_t batch_size, const Shard& shard) {
  std::vector<int64_t> out;
  for (int64_t at = 0; at < n_of(order); at += batch_size) {
    const int64_t n = std::min(batch_size, n_of(order) - at);
    const Slice own = slice_of(n, shard);
    const auto first = order.begin() + at + own.first;
    out.insert(out.end(), first, first + own.n);
  }
  return out;
}

int64_t shard_position(int64_t position, int64_t batch_size,
                       const Shard& shard) {
  return position / batch_size * slice_of(batch_size, shard).n +
         slice_of(position % batch_size, shard).n;
}

int64_t RunCells::n_training() const { return n_of(split_.training); }

std::vector<int64_t> RunCells::order_of(int64_t epoch) const {
  return epoch_order(split_.training, epoch_seed(seed_, kOrderStream, epoch));
}

std::vector<int64_t> RunCells::batch_at(int64_t epoch, int64_t position,
                                        int64_t batch_size) const {
  const std::vector<int64_t> order = order_of(epoch);
  const int64_t first = std::min(position, n_of(order));
  const int64_t last = std::min(first + batch_size, n_of(order));
  return {order.begin() + first, order.begin() + last};
}

}  // namespace sailer
