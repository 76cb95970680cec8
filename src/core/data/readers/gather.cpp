#include "gather.h"

#include <algorithm>
#include <numeric>

#include "block.h"

namespace sailer {

namespace {

constexpr int64_t kMaxGap = 8;        // cells read through rather than skipped
constexpr int64_t kMaxRun = 1 << 12;  // cells held beside the output

bool is_consecutive(const std::vector<int64_t>& cells) {
  for (size_t k = 1; k < cells.size(); ++k) {
    if (cells[k] != cells[k - 1] + 1) return false;
  }
  return true;
}

// Reads the cells in ascending order: row k of the result is cells[order[k]].
SparseRows read_sorted(CellSource& source, const std::vector<int64_t>& cells,
                       const std::vector<size_t>& order) {
  SparseRows sorted;
  SparseRows run;
  for (size_t k = 0; k < order.size();) {
    const int64_t first = cells[order[k]];
    size_t end = k + 1;
    while (end < order.size() &&
           cells[order[end]] - cells[order[end - 1]] <= kMaxGap &&
           cells[order[end]] - first < kMaxRun) {
      ++end;
    }
    run.clear();
    source.read(first, cells[order[end - 1]] - first + 1, run);
    for (; k < end; ++k) append_row(run, cells[order[k]] - first, sorted);
  }
  return sorted;
}

}  // namespace

void gather(CellSource& source, const std::vector<int64_t>& cells,
            SparseRows& out) {
  if (cells.empty()) return;
  for (int64_t cell : cells) check_block(source, cell, 1);
  if (is_consecutive(cells)) {
    source.read(cells.front(), static_cast<int64_t>(cells.size()), out);
    return;
  }
  std::vector<size_t> order(cells.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return cells[a] < cells[b]; });
  const SparseRows sorted = read_sorted(source, cells, order);
  std::vector<int64_t> place(cells.size());
  for (size_t k = 0; k < order.size(); ++k) {
    place[order[k]] = static_cast<int64_t>(k);
  }
  for (int64_t row : place) append_row(sorted, row, out);
}

}  // namespace sailer
