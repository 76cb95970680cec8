#include "block_plan.h"

#include <algorithm>
#include <set>

namespace sailer {

BlockPlan plan_blocks(const CellSource& source, const PoolLimits& limits) {
  BlockPlan plan;
  if (source.random_access() || source.n_cells() == 0) return plan;
  constexpr auto kPlaceBytes = static_cast<int64_t>(sizeof(int32_t));
  const int64_t n_entries = source.n_entries(0, source.n_cells());
  plan.held_whole = n_entries * kPlaceBytes <= limits.bytes;
  if (plan.held_whole) return plan;
  plan.block_of = source.blocks();
  // As doubles: a mean of 0.4 entries a cell is not none.
  const double cell_bytes = static_cast<double>(n_entries) /
                            static_cast<double>(source.n_cells()) * kPlaceBytes;
  const auto fits = [&](int64_t bytes) {
    return std::max<int64_t>(
        1, static_cast<int64_t>(static_cast<double>(bytes) / cell_bytes));
  };
  const auto n_blocks = static_cast<int64_t>(
      std::set<int32_t>(plan.block_of.begin(), plan.block_of.end()).size());
  const int64_t block_cells = (source.n_cells() + n_blocks - 1) / n_blocks;
  const int64_t wanted = std::max(
      {fits(limits.bytes), kLeastPoolCells, kLeastPoolBlocks * block_cells});
  plan.pool_cells =
      std::min(wanted, std::max(fits(limits.bytes), fits(limits.most_bytes)));
  return plan;
}

}  // namespace sailer
