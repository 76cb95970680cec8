// Which cells are trained on, and in which order. Torch-free pure functions of
// a seed.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace sailer {

struct Split {
  std::vector<int64_t> training;    // increasing
  std::vector<int64_t> validation;  // increasing
};

// Holds round(share * n) cells out for validation: none when that is fewer than
// 2, and never so many that fewer than 2 are left for training.
Split split_cells(int64_t n_cells, double share, uint64_t seed);

// The same of some cells alone.
Split split_cells(const std::vector<int64_t>& cells, double share,
                  uint64_t seed);

// `cells` in a random order for one epoch: all orders are equally likely.
std::vector<int64_t> epoch_order(const std::vector<int64_t>& cells,
                                 uint64_t seed);

// Which of the processes that train together.
struct Shard {
  int64_t rank = 0, size = 1;
};

// Of n things in a row those that a process has, [first, first + n): the sizes
// of two slices differ by at most one, and the first are the larger.
struct Slice {
  int64_t first = 0, n = 0;
};
Slice slice_of(int64_t n, const Shard& shard);

// Its slice of `cells`.
std::vector<int64_t> shard_cells(const std::vector<int64_t>& cells,
                                 const Shard& shard);

// Its slices of the minibatches of `order`, one after another. Minibatches are
// those of one process: each process has some cells of every one, whatever the
// order of the cells in their file.
std::vector<int64_t> shard_batches(const std::vector<int64_t>& order,
                                   int64_t batch_size, const Shard& shard);

// How many of these are of the first `position` cells, some whole minibatches.
int64_t shard_position(int64_t position, int64_t batch_size,
                       const Shard& shard);

// The cells of a run, in a fresh order each epoch.
class RunCells {
 public:
  RunCells(Split split, uint64_t seed)
      : split_(std::move(split)), seed_(seed) {}

  const Split& split() const { return split_; }
  int64_t n_training() const;

  std::vector<int64_t> order_of(int64_t epoch) const;
  // Those of the minibatch that begins at `position`.
  std::vector<int64_t> batch_at(int64_t epoch, int64_t position,
                                int64_t batch_size) const;

 private:
  Split split_;
  uint64_t seed_;
};

}  // namespace sailer
