// One pass over all cells: are the counts usable, and how many are open? The
// same pass packs the cells for training, where it is asked to.
//
// A feature is open in a cell when its count is above zero. Memory is bounded:
// blocks are as long as about a million entries allow.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "store.h"

namespace sailer {

// Asked before every block; true stops the pass. May be empty.
using CancelCheck = std::function<bool()>;

// In how many cells of each group each of some features is open.
struct GroupCounts {
  std::vector<int32_t> group;  // of each cell, from 0
  std::vector<int32_t> row;    // of each feature in `cells`; -1: not counted
  int32_t n_groups = 0;
  std::vector<int32_t> cells;  // row-major, rows x n_groups
};

struct ScanOptions {
  CancelCheck cancelled;
  bool fractions = false;               // are allowed
  GroupCounts* groups = nullptr;        // counted too, where given
  const StoreOptions* store = nullptr;  // the cells are packed, where given
};

struct ScanResult {
  std::vector<int32_t> depth;          // by cell: number of open features
  std::vector<int64_t> feature_cells;  // by feature: cells in which it is open
  int64_t n_nonzeros = 0;              // sum of either
  CountProblem problem;                // the pass ends at the first one
  int64_t n_empty = 0;                 // cells without an open feature
  std::vector<int64_t> empty_cells;    // the first of them (kMaxEmptyListed)
  bool cancelled = false;              // the rest is then incomplete
  CellSourcePtr store;                 // of a pass that came to its end
};

inline constexpr int64_t kMaxEmptyListed = 10;

// Cells that a file has in another order are read in that of the file. A store
// that will do is not packed again.
ScanResult scan(const CellSourcePtr& source, const ScanOptions& options = {});

// Number of open features of each cell among those with keep[feature] != 0.
// Empty when the pass was cancelled. Throws unless `keep` has one entry per
// feature.
std::vector<int32_t> depth_within(CellSource& source,
                                  const std::vector<uint8_t>& keep,
                                  const CancelCheck& cancelled = {});

// Sum of the counts of each cell. Empty when the pass was cancelled.
std::vector<double> cell_totals(CellSource& source,
                                const CancelCheck& cancelled = {});

// A number that tells one source of counts from another: of its shape, and what
// some of its cells hold.
uint64_t fingerprint(CellSource& source);

// Cells of [first, end) that a block holds: at least one.
int64_t block_cells(const CellSource& source, int64_t first, int64_t end);

// Calls visit(rows, first_cell) for consecutive blocks that cover the cells
// [first, end), or all, each of a million entries at most, but of one cell at
// least. Stops when `visit` returns false (and returns true) or when
// `cancelled` does (and returns false).
bool for_each_block(
    CellSource& source, const CancelCheck& cancelled,
    const std::function<bool(const SparseRows&, int64_t)>& visit,
    int64_t first = 0, int64_t end = -1);

}  // namespace sailer
