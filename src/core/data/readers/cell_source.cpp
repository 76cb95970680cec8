#include "cell_source.h"

#include <algorithm>

namespace sailer {

namespace {

constexpr int64_t kMaxGap = 8;        // cells read rather than skipped
constexpr int64_t kMaxRun = 1 << 12;  // cells held besides the output

}  // namespace

void CellSource::read(int64_t first, int64_t count, SparseRows& out) {
  check_block(*this, first, count);
  RowsGuard guard(out);
  append(first, count, out);
  guard.done();
}

void CellSource::read_cells(const int64_t* cells, int64_t n, SparseRows& out) {
  for (int64_t k = 0; k < n; ++k) check_block(*this, cells[k], 1);
  RowsGuard guard(out);
  append_cells(cells, n, /*counts=*/true, out);
  guard.done();
}

void CellSource::read_open(const int64_t* cells, int64_t n, SparseRows& out) {
  for (int64_t k = 0; k < n; ++k) check_block(*this, cells[k], 1);
  RowsGuard guard(out);
  append_cells(cells, n, /*counts=*/false, out);
  guard.done();
}

void CellSource::append_cells(const int64_t* cells, int64_t n, bool counts,
                              SparseRows& out) {
  const auto breaks = [](int64_t a, int64_t b) { return b != a + 1; };
  if (n > 0 && counts &&
      std::adjacent_find(cells, cells + n, breaks) == cells + n) {
    return append(cells[0], n, out);
  }
  const std::vector<int64_t> order = rising_order({cells, cells + n});
  SparseRows sorted, run;  // row k of `sorted` is cells[order[k]]
  std::vector<int64_t> place(n);
  for (int64_t k = 0; k < n;) {
    const int64_t first = cells[order[k]];
    int64_t end = k + 1;
    while (end < n && cells[order[end]] - cells[order[end - 1]] <= kMaxGap &&
           cells[order[end]] - first < kMaxRun) {
      ++end;
    }
    run.clear();
    append(first, cells[order[end - 1]] - first + 1, run);
    for (; k < end; ++k) {
      place[order[k]] = sorted.n_rows();
      append_row(run, cells[order[k]] - first, sorted);
    }
  }
  for (int64_t row : place) {
    counts ? append_row(sorted, row, out) : append_open(sorted, row, out);
  }
}

}  // namespace sailer
