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

// Keeps round(share * n) cells back for validation: none when that is fewer
// than 2, and never so many that fewer than 2 are left for training.
Split split_cells(int64_t n_cells, double share, uint64_t seed);

// `cells` in a random order for one epoch: all orders are equally likely.
std::vector<int64_t> epoch_order(const std::vector<int64_t>& cells,
                                 uint64_t seed);

}  // namespace sailer
