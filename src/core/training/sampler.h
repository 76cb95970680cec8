// Which cells are trained on, and in which order. Torch-free pure functions of
// a seed.
#pragma once

#include <cstdint>
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

// The part of `cells` that a process trains on: contiguous, in the same order;
// the sizes of two parts differ by at most one, and the first are the larger.
std::vector<int64_t> shard_cells(const std::vector<int64_t>& cells,
                                 const Shard& shard);

// The cells of a run, in a fresh order each epoch, as one process sees them.
class RunCells {
 public:
  RunCells(const Split& all, const Shard& shard, uint64_t seed);

  const Split& own() const { return own_; }  // of this process

  // Seed of all but the order: processes draw numbers of their own.
  uint64_t noise_seed() const { return noise_seed_; }

  std::vector<int64_t> order_of(int64_t epoch) const;
  // Those of the minibatch that begins at `position`.
  std::vector<int64_t> batch_at(int64_t epoch, int64_t position,
                                int64_t batch_size) const;

 private:
  Split own_;
  uint64_t seed_, noise_seed_;
};

}  // namespace sailer
