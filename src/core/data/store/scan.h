// One pass over all cells that checks the counts and tallies open features. On
// request the same pass packs the cells for training.
//
// A feature is open in a cell if its count is above zero. Memory is bounded:
// blocks have about a million entries.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "store.h"

namespace sailer {

// Called before every block; if it returns true, the pass stops. May be empty.
using CancelCheck = std::function<bool()>;

// The number of cells of each group in which each of some features is open.
struct GroupCounts {
  std::vector<int32_t> group;  // of each cell, from 0
  std::vector<int32_t> row;    // of each feature in `cells`; -1: not counted
  int32_t n_groups = 0;
  std::vector<int32_t> cells;  // row-major, rows x n_groups
};

struct ScanOptions {
  CancelCheck cancelled;
  bool fractions = false;               // fractional counts are allowed
  GroupCounts* groups = nullptr;        // if given, these are counted too
  const StoreOptions* store = nullptr;  // if given, the cells are packed
};

struct ScanResult {
  std::vector<int32_t> depth;          // per cell: number of open features
  std::vector<int64_t> feature_cells;  // per feature: cells in which it is open
  int64_t n_nonzeros = 0;              // sum of either of these
  CountProblem problem;                // the pass ends at the first one
  int64_t n_empty = 0;                 // cells without an open feature
  std::vector<int64_t> empty_cells;    // the first of them (kMaxEmptyListed)
  bool cancelled = false;              // if so, the rest is incomplete
  CellSourcePtr store;                 // if requested and the pass finished
};

inline constexpr int64_t kMaxEmptyListed = 10;

// Reads the cells in the order of the underlying file. Does not pack a source
// again that already is a suitable store.
ScanResult scan(const CellSourcePtr& source, const ScanOptions& options = {});

// Returns the number of open features of each cell among those with
// keep[feature] != 0. Empty if the pass was cancelled. Throws unless `keep` has
// one entry per feature.
std::vector<int32_t> depth_within(CellSource& source,
                                  const std::vector<uint8_t>& keep,
                                  const CancelCheck& cancelled = {});

// Returns the sum of the counts of each cell. Empty if the pass was cancelled.
std::vector<double> cell_totals(CellSource& source,
                                const CancelCheck& cancelled = {});

// Returns a hash that distinguishes sources of counts, made from the shape and
// the contents of some cells.
uint64_t fingerprint(CellSource& source);

// Returns how many cells of [first, end) a block holds, at least one.
int64_t block_cells(const CellSource& source, int64_t first, int64_t end);

// Calls visit(rows, first_cell) for consecutive blocks that cover the cells
// [first, end), by default all. A block has at most about a million entries,
// but at least one cell. Stops early if `visit` returns false. Returns false if
// `cancelled` stopped it, otherwise true.
bool for_each_block(
    CellSource& source, const CancelCheck& cancelled,
    const std::function<bool(const SparseRows&, int64_t)>& visit,
    int64_t first = 0, int64_t end = -1);

}  // namespace sailer
