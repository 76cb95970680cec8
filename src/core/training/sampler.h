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

// Shapes of the shuffling of a source that reads neighbouring cells together.
struct BlockShuffle {
  int64_t block_cells = 64;   // neighbours that stay together when read
  int64_t pool_blocks = 128;  // blocks whose cells are mixed with each other
};

// `cells` in a random order for one epoch. With random access every order is
// equally likely; otherwise blocks of neighbours are drawn at random and the
// cells of `pool_blocks` of them are shuffled together, so that a file is read
// in pieces and not cell by cell.
std::vector<int64_t> epoch_order(const std::vector<int64_t>& cells,
                                 bool random_access, uint64_t seed,
                                 const BlockShuffle& shape = {});

}  // namespace sailer
