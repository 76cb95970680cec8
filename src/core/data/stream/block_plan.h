// How the cells of a source are mixed and read ahead: pools of whole blocks.
#pragma once

#include <cstdint>
#include <vector>

#include "../readers/cell_source.h"

namespace sailer {

// Bounds of a pool, in bytes of places (int32). Two pools are held at a time.
struct PoolLimits {
  // What a pool takes. Larger mixes more of the file at once.
  int64_t bytes = int64_t{32} << 20;
  // What it may grow to where `bytes` would hold fewer than kLeastPoolCells
  // cells or kLeastPoolBlocks blocks.
  int64_t most_bytes = int64_t{128} << 20;
};

inline constexpr int64_t kLeastPoolCells = 1024;
inline constexpr int64_t kLeastPoolBlocks = 100;

// A source's plan depends on its cells alone, never on the machine: the order
// of an epoch follows it, and must be found again when training is resumed.
struct BlockPlan {
  // The block of each cell of the source. Empty: cells can be read in any order
  // (from memory, or from a file so small that it is held whole).
  std::vector<int32_t> block_of;
  // Cells that are read together, at most. At least 1 unless block_of is empty.
  int64_t pool_cells = 0;
  // The source is a file that fits into one pool.
  bool held_whole = false;

  bool any_order() const { return block_of.empty(); }

  // An order of n cells is cut into pools at the multiples of this number:
  // pools of one size, not a remnant that mixes hardly anything.
  int64_t pool_size(int64_t n) const {
    const int64_t n_pools = (n + pool_cells - 1) / pool_cells;
    return (n + n_pools - 1) / n_pools;
  }
};

BlockPlan plan_blocks(const CellSource& source, const PoolLimits& limits = {});

}  // namespace sailer
