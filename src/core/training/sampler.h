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

// Holds out round(share * n) cells for validation: none if that is fewer than
// 2, and never so many that fewer than 2 are left for training.
Split split_cells(int64_t n_cells, double share, uint64_t seed);

// The same for the given cells only.
Split split_cells(const std::vector<int64_t>& cells, double share,
                  uint64_t seed);

// `cells` in a random order for one epoch: all orders are equally likely.
std::vector<int64_t> epoch_order(const std::vector<int64_t>& cells,
                                 uint64_t seed);

// Which of the processes that train together this is.
struct Shard {
  int64_t rank = 0, size = 1;
};

// The part [first, first + n) of a sequence that one process handles. The sizes
// of two slices differ by at most one, and the larger ones come first.
struct Slice {
  int64_t first = 0, n = 0;
};
Slice slice_of(int64_t n, const Shard& shard);

// The shard's slice of `cells`.
std::vector<int64_t> shard_cells(const std::vector<int64_t>& cells,
                                 const Shard& shard);

// The shard's slices of the minibatches of `order`, one after another. The
// minibatches are those of a single process, and each process gets some cells
// of every one, regardless of the order of the cells in their file. Only the
// last minibatch may be too small for that.
std::vector<int64_t> shard_batches(const std::vector<int64_t>& order,
                                   int64_t batch_size, const Shard& shard);

// How many of these cells are among the first `position` cells of the order,
// which must be whole minibatches.
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
  // The cells of the minibatch that begins at `position`.
  std::vector<int64_t> batch_at(int64_t epoch, int64_t position,
                                int64_t batch_size) const;

 private:
  Split split_;
  uint64_t seed_;
};

}  // namespace sailer
