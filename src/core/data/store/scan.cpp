#include "scan.h"

#include <algorithm>
#include <numeric>

#include "../../support/error.h"
#include "../../support/shuffle.h"
#include "../readers/sources.h"

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
    const std::function<bool(const SparseRows&, int64_t)>& visit, int64_t first,
    int64_t end) {
  if (end < 0) end = source.n_cells();
  SparseRows rows;
  while (first < end) {
    if (cancelled && cancelled()) return false;
    const int64_t count = block_cells(source, first, end);
    rows.clear();
    source.read(first, count, rows);
    if (!visit(rows, first)) return true;
    first += count;
  }
  return true;
}

namespace {

// Returns the number of open features of one cell, and counts them by feature
// and, if there are groups, by group.
int32_t count_open(const SparseRows& rows, int64_t row, int64_t cell,
                   std::vector<int64_t>& feature_cells, GroupCounts* groups) {
  int32_t depth = 0;
  for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
    const int32_t feature = rows.indices[at];
    if (!(rows.values[at] > 0)) continue;
    ++depth;
    ++feature_cells[feature];
    if (groups == nullptr || groups->row[feature] < 0) continue;
    ++groups->cells[int64_t{groups->row[feature]} * groups->n_groups +
                    groups->group[cell]];
  }
  return depth;
}

}  // namespace

ScanResult scan(const CellSourcePtr& source, const ScanOptions& options) {
  require(options.groups == nullptr ||
              (n_of(options.groups->group) == source->n_cells() &&
               n_of(options.groups->row) == source->n_features()),
          "A group is required for each cell, and a row for each feature, of ",
          source->describe(), ".");
  std::vector<int64_t> order;  // empty: that of the source
  const CellSourcePtr sorted = source->in_file_order(order);
  CellSource& reader = sorted == nullptr ? *source : *sorted;
  const auto cell_of = [&](int64_t row) {
    return sorted == nullptr ? row : order[row];
  };
  CountChecker checker(source->n_features(), options.fractions);
  CellSourcePtr store;
  std::unique_ptr<StoreWriter> writer;  // if a store has to be made
  if (options.store != nullptr) store = store_of(source, *options.store);
  if (options.store != nullptr && !store) {
    StoreOptions packing = *options.store;
    packing.description = source->describe();
    writer = std::make_unique<StoreWriter>(source->n_features(), packing);
  }
  ScanResult result;
  result.depth.assign(source->n_cells(), 0);
  result.feature_cells.assign(source->n_features(), 0);
  auto visit = [&](const SparseRows& rows, int64_t first) {
    result.problem = checker.check(rows, first);
    if (result.problem) return false;
    if (writer != nullptr) writer->append_checked(rows);
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      const int64_t cell = cell_of(first + row);
      result.depth[cell] =
          count_open(rows, row, cell, result.feature_cells, options.groups);
      result.n_nonzeros += result.depth[cell];
    }
    return true;
  };
  result.cancelled = !for_each_block(reader, options.cancelled, visit);
  if (result.problem) result.problem.cell = cell_of(result.problem.cell);
  if (result.cancelled || result.problem) return result;
  for (int64_t cell = 0; cell < source->n_cells(); ++cell) {
    if (result.depth[cell] > 0) continue;
    if (result.n_empty++ < kMaxEmptyListed) result.empty_cells.push_back(cell);
  }
  result.store = writer == nullptr ? store : writer->finish();
  if (writer != nullptr && sorted != nullptr) {
    Subset back;  // restores the order of the source
    back.all_cells = false;
    back.n_features = source->n_features();
    back.cells.resize(order.size());
    for (size_t row = 0; row < order.size(); ++row) {
      back.cells[order[row]] = static_cast<int64_t>(row);
    }
    result.store = choose(result.store, std::move(back));
  }
  return result;
}

namespace {

// Returns sum(rows, row) of each cell.
template <typename Number, typename Sum>
std::vector<Number> of_cells(CellSource& source, const CancelCheck& cancelled,
                             const Sum& sum) {
  std::vector<Number> out;
  const auto visit = [&](const SparseRows& rows, int64_t) {
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      out.push_back(sum(rows, row));
    }
    return true;
  };
  if (!for_each_block(source, cancelled, visit)) return {};
  return out;
}

}  // namespace

std::vector<int32_t> depth_within(CellSource& source,
                                  const std::vector<uint8_t>& keep,
                                  const CancelCheck& cancelled) {
  require(n_of(keep) == source.n_features(), "'keep' has ", keep.size(),
          " entries, but ", source.describe(), " has ", source.n_features(),
          " features.");
  return of_cells<int32_t>(
      source, cancelled, [&](const SparseRows& rows, int64_t row) {
        int32_t count = 0;
        for (int64_t at = rows.offsets[row]; at < rows.offsets[row + 1]; ++at) {
          count += rows.values[at] > 0 && keep[rows.indices[at]] != 0;
        }
        return count;
      });
}

std::vector<double> cell_totals(CellSource& source,
                                const CancelCheck& cancelled) {
  return of_cells<double>(
      source, cancelled, [](const SparseRows& rows, int64_t row) {
        const auto begin = rows.values.begin();
        return std::accumulate(begin + rows.offsets[row],
                               begin + rows.offsets[row + 1], 0.0);
      });
}

uint64_t fingerprint(CellSource& source) {
  constexpr int64_t kCells = 100;
  const int64_t n = source.n_cells();
  uint64_t hash = derive_seed(static_cast<uint64_t>(n),
                              static_cast<uint64_t>(source.n_features()));
  SparseRows rows;
  for (int64_t k = 0; k < std::min(n, kCells); ++k) {
    rows.clear();
    source.read(n <= kCells ? k : k * (n - 1) / (kCells - 1), 1, rows);
    uint64_t cell = 0;
    for (size_t e = 0; e < rows.indices.size(); ++e) {
      if (rows.values[e] == 0) continue;
      cell += derive_seed(static_cast<uint64_t>(rows.indices[e]),
                          static_cast<uint64_t>(rows.values[e]));
    }
    hash = derive_seed(hash, cell);
  }
  return hash;
}

}  // namespace sailer
