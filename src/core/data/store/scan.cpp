#include "scan.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "../../support/error.h"

namespace sailer {

namespace {

constexpr int64_t kBlockEntries = int64_t{1} << 20;
constexpr int64_t kMaxBlockCells = 1 << 16;

// Cells of [first, end) that fit into one block.
int64_t block_cells(const CellSource& source, int64_t first, int64_t end) {
  const int64_t most = std::min(kMaxBlockCells, end - first);
  int64_t n_entries = source.n_entries(first, 1);
  int64_t count = 1;
  while (count < most) {
    n_entries += source.n_entries(first + count, 1);
    if (n_entries > kBlockEntries) break;
    ++count;
  }
  return count;
}

}  // namespace

bool for_each_block(
    CellSource& source, const CancelCheck& cancelled,
    const std::function<bool(const SparseRows&, int64_t)>& visit) {
  return for_each_block(source, cancelled, visit, 0, source.n_cells());
}

bool for_each_block(
    CellSource& source, const CancelCheck& cancelled,
    const std::function<bool(const SparseRows&, int64_t)>& visit, int64_t first,
    int64_t end) {
  SparseRows rows;
  for (int64_t cell = first; cell < end;) {
    if (cancelled && cancelled()) return false;
    const int64_t count = block_cells(source, cell, end);
    rows.clear();
    source.read(cell, count, rows);
    if (!visit(rows, cell)) return true;
    cell += count;
  }
  return true;
}

namespace {

void check_groups(const GroupCounts& groups, const CellSource& source) {
  if (static_cast<int64_t>(groups.group.size()) == source.n_cells() &&
      static_cast<int64_t>(groups.row.size()) == source.n_features()) {
    return;
  }
  throw Error(ErrorKind::kArgument,
              "Groups are wanted for each cell and rows for each feature of " +
                  source.describe() + ".");
}

void count_in_groups(const SparseRows& rows, int64_t first,
                     GroupCounts& groups) {
  for (int64_t row = 0; row < rows.n_rows(); ++row) {
    const int64_t group = groups.group[first + row];
    for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
      const int64_t place = groups.row[rows.indices[at]];
      if (place < 0 || !(rows.values[at] > 0)) continue;
      ++groups.cells[place * groups.n_groups + group];
    }
  }
}

}  // namespace

ScanResult scan(CellSource& source, const CancelCheck& cancelled,
                Fractions fractions, GroupCounts* groups) {
  if (groups != nullptr) check_groups(*groups, source);
  ScanResult result;
  result.depth.reserve(static_cast<size_t>(source.n_cells()));
  result.feature_cells.assign(static_cast<size_t>(source.n_features()), 0);
  CountChecker checker(source.n_features(), fractions);
  auto visit = [&](const SparseRows& rows, int64_t first) {
    result.problem = checker.check(rows, first);
    if (result.problem) return false;
    if (groups != nullptr) count_in_groups(rows, first, *groups);
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
  std::vector<int64_t> cells;
  OpenRows rows;
  for (int64_t cell = 0; cell < source.n_cells();) {
    if (cancelled && cancelled()) return {};
    cells.resize(
        static_cast<size_t>(block_cells(source, cell, source.n_cells())));
    std::iota(cells.begin(), cells.end(), cell);
    rows.clear();
    source.read_open(cells.data(), static_cast<int64_t>(cells.size()), rows);
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      int32_t count = 0;
      for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
        count += keep[rows.features[at]] != 0;
      }
      depth.push_back(count);
    }
    cell += static_cast<int64_t>(cells.size());
  }
  return depth;
}

std::vector<double> cell_totals(CellSource& source,
                                const CancelCheck& cancelled) {
  std::vector<double> totals;
  totals.reserve(static_cast<size_t>(source.n_cells()));
  auto visit = [&](const SparseRows& rows, int64_t) {
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      totals.push_back(
          std::accumulate(rows.values.begin() + rows.offsets[row],
                          rows.values.begin() + rows.offsets[row + 1], 0.0));
    }
    return true;
  };
  if (!for_each_block(source, cancelled, visit)) return {};
  return totals;
}

}  // namespace sailer
