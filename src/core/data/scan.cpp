#include "scan.h"

#include <algorithm>
#include <string>

#include "../support/error.h"

namespace sailer {

namespace {

constexpr int64_t kBlockEntries = int64_t{1} << 22;
constexpr int64_t kFirstBlockCells = 256;
constexpr int64_t kMaxBlockCells = 1 << 16;

// Cells for the next block, from what the cells so far held on average.
int64_t next_block_cells(int64_t n_cells, int64_t n_entries) {
  if (n_cells == 0) return kFirstBlockCells;
  const int64_t per_cell = std::max<int64_t>(1, n_entries / n_cells);
  return std::clamp<int64_t>(kBlockEntries / per_cell, 1, kMaxBlockCells);
}

}  // namespace

bool for_each_block(
    CellSource& source, const CancelCheck& cancelled,
    const std::function<bool(const SparseRows&, int64_t)>& visit) {
  SparseRows rows;
  int64_t n_entries = 0;
  for (int64_t cell = 0; cell < source.n_cells();) {
    if (cancelled && cancelled()) return false;
    const int64_t count =
        std::min(next_block_cells(cell, n_entries), source.n_cells() - cell);
    rows.clear();
    source.read(cell, count, rows);
    if (!visit(rows, cell)) return true;
    n_entries += rows.offsets.back();
    cell += count;
  }
  return true;
}

ScanResult scan(CellSource& source, const CancelCheck& cancelled) {
  ScanResult result;
  result.depth.reserve(static_cast<size_t>(source.n_cells()));
  result.feature_cells.assign(static_cast<size_t>(source.n_features()), 0);
  CountChecker checker(source.n_features());
  auto visit = [&](const SparseRows& rows, int64_t first) {
    result.problem = checker.check(rows, first);
    if (result.problem) return false;
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      int32_t depth = 0;
      for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
        if (!(rows.values[at] > 0)) continue;
        ++depth;
        ++result.feature_cells[rows.indices[at]];
      }
      result.depth.push_back(depth);
      result.n_nonzeros += depth;
      if (depth > 0) continue;
      if (result.n_empty++ < kMaxEmptyListed) {
        result.empty_cells.push_back(first + row);
      }
    }
    return true;
  };
  result.cancelled = !for_each_block(source, cancelled, visit);
  return result;
}

std::vector<int32_t> depth_within(CellSource& source,
                                  const std::vector<uint8_t>& keep,
                                  const CancelCheck& cancelled) {
  if (static_cast<int64_t>(keep.size()) != source.n_features()) {
    throw Error(ErrorKind::kArgument,
                "'keep' has " + std::to_string(keep.size()) + " entries, but " +
                    source.describe() + " has " +
                    std::to_string(source.n_features()) + " features.");
  }
  std::vector<int32_t> depth;
  depth.reserve(static_cast<size_t>(source.n_cells()));
  auto visit = [&](const SparseRows& rows, int64_t) {
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      int32_t count = 0;
      for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
        count += rows.values[at] > 0 && keep[rows.indices[at]] != 0;
      }
      depth.push_back(count);
    }
    return true;
  };
  if (!for_each_block(source, cancelled, visit)) depth.clear();
  return depth;
}

}  // namespace sailer
