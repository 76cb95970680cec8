#include "scan.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "../../support/error.h"

namespace sailer {

namespace {

constexpr int64_t kBlockEntries = int64_t{1} << 20;
constexpr int64_t kMaxBlockCells = 1 << 16;

}  // namespace

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

// Of one cell.
void count_in_group(const SparseRows& rows, int64_t row, int64_t cell,
                    GroupCounts& groups) {
  const int64_t group = groups.group[cell];
  for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
    const int64_t place = groups.row[rows.indices[at]];
    if (place < 0 || !(rows.values[at] > 0)) continue;
    ++groups.cells[place * groups.n_groups + group];
  }
}

int32_t count_open(const SparseRows& rows, int64_t row,
                   std::vector<int64_t>& feature_cells) {
  int32_t depth = 0;
  for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
    if (!(rows.values[at] > 0)) continue;
    ++depth;
    ++feature_cells[rows.indices[at]];
  }
  return depth;
}

void count_empty(ScanResult& result) {
  const auto n_cells = static_cast<int64_t>(result.depth.size());
  for (int64_t cell = 0; cell < n_cells; ++cell) {
    if (result.depth[cell] > 0) continue;
    if (result.n_empty++ < kMaxEmptyListed) result.empty_cells.push_back(cell);
  }
}

// Checks rows, and packs them where there is a store to be made.
class Counts {
 public:
  Counts(const CellSource& source, const ScanOptions& options, bool packs)
      : checker_(source.n_features(), options.fractions) {
    if (!packs) return;
    StoreOptions store = *options.store;
    store.description = source.describe();
    writer_ = std::make_unique<StoreWriter>(source.n_features(), store);
  }

  CountProblem add(const SparseRows& rows, int64_t first) {
    const CountProblem problem = checker_.check(rows, first);
    if (!problem && writer_ != nullptr) writer_->append_checked(rows);
    return problem;
  }

  StorePtr finish(const std::vector<int64_t>& order) {
    return writer_ == nullptr ? nullptr : writer_->finish(order);
  }

 private:
  CountChecker checker_;
  std::unique_ptr<StoreWriter> writer_;
};

}  // namespace

ScanResult scan(const CellSourcePtr& source, const ScanOptions& options) {
  if (options.groups != nullptr) check_groups(*options.groups, *source);
  std::vector<int64_t> order;  // empty: as they come
  const CellSourcePtr sorted = source->in_file_order(order);
  CellSource& reader = sorted == nullptr ? *source : *sorted;
  const auto cell_of = [&](int64_t row) {
    return sorted == nullptr ? row : order[row];
  };
  StorePtr store;
  if (options.store != nullptr) store = store_of(source, *options.store);
  Counts counts(*source, options, options.store != nullptr && !store);
  ScanResult result;
  result.depth.assign(static_cast<size_t>(source->n_cells()), 0);
  result.feature_cells.assign(static_cast<size_t>(source->n_features()), 0);
  auto visit = [&](const SparseRows& rows, int64_t first) {
    result.problem = counts.add(rows, first);
    if (result.problem) return false;
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      const int64_t cell = cell_of(first + row);
      if (options.groups != nullptr) {
        count_in_group(rows, row, cell, *options.groups);
      }
      result.depth[cell] = count_open(rows, row, result.feature_cells);
      result.n_nonzeros += result.depth[cell];
    }
    return true;
  };
  result.cancelled = !for_each_block(reader, options.cancelled, visit);
  if (result.problem) result.problem.cell = cell_of(result.problem.cell);
  if (result.cancelled || result.problem) return result;
  count_empty(result);
  result.store = store ? store : counts.finish(order);
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
  const auto visit = [&](const SparseRows& rows, int64_t) {
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      int32_t count = 0;
      for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
        count += rows.values[at] > 0 && keep[rows.indices[at]] != 0;
      }
      depth.push_back(count);
    }
    return true;
  };
  if (!for_each_block(source, cancelled, visit)) return {};
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
