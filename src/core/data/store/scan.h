// One pass over all cells: are the counts usable, and how many are open?
//
// A feature is open in a cell when its count is above zero. Memory is bounded:
// blocks are as long as about a million entries allow.
#pragma once

#include <functional>
#include <vector>

#include "../readers/cell_source.h"
#include "../readers/count_check.h"

namespace sailer {

// Asked before every block; true stops the pass. May be empty.
using CancelCheck = std::function<bool()>;

struct ScanResult {
  std::vector<int32_t> depth;          // by cell: number of open features
  std::vector<int64_t> feature_cells;  // by feature: cells in which it is open
  int64_t n_nonzeros = 0;              // sum of either
  CountProblem problem;                // the pass ends at the first one
  int64_t n_empty = 0;                 // cells without an open feature
  std::vector<int64_t> empty_cells;    // the first of them (kMaxEmptyListed)
  bool cancelled = false;              // the rest is then incomplete
};

inline constexpr int64_t kMaxEmptyListed = 10;

// Groups of cells, such as batches, in each of which it is counted apart in how
// many cells a feature is open.
struct GroupCounts {
  std::vector<int32_t> group;  // by cell, below n_groups
  int32_t n_groups = 0;
  std::vector<int32_t> row;    // by feature: its row of `cells`, or -1
  std::vector<int32_t> cells;  // rows x n_groups, zeros at first
};

ScanResult scan(CellSource& source, const CancelCheck& cancelled = {},
                Fractions fractions = Fractions::kRefused,
                GroupCounts* groups = nullptr);

// Number of open features of each cell among those with keep[feature] != 0.
// Empty when the pass was cancelled. Throws unless `keep` has one entry per
// feature.
std::vector<int32_t> depth_within(CellSource& source,
                                  const std::vector<uint8_t>& keep,
                                  const CancelCheck& cancelled = {});

// Sum of the counts of each cell. Empty when the pass was cancelled.
std::vector<double> cell_totals(CellSource& source,
                                const CancelCheck& cancelled = {});

// Calls visit(rows, first_cell) for consecutive blocks that cover all cells,
// each of a million entries at most, but of one cell at least. Stops when
// `visit` returns false (and returns true) or when `cancelled` does (and
// returns false).
bool for_each_block(
    CellSource& source, const CancelCheck& cancelled,
    const std::function<bool(const SparseRows&, int64_t)>& visit);

// The same of the cells [first, end).
bool for_each_block(
    CellSource& source, const CancelCheck& cancelled,
    const std::function<bool(const SparseRows&, int64_t)>& visit, int64_t first,
    int64_t end);

}  // namespace sailer
