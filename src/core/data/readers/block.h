// What sources do with the block that they are asked for.
#pragma once

#include <algorithm>
#include <numeric>

#include "../../support/error.h"
#include "cell_source.h"

namespace sailer {

// Throws unless [first, first + count) are cells of the source.
inline void check_block(const CellSource& source, int64_t first,
                        int64_t count) {
  if (first >= 0 && count >= 0 && first <= source.n_cells() - count) return;
  throw_error(ErrorKind::kArgument, "Cells ", first + 1, " to ", first + count,
              " were asked of ", source.describe(), ", which has ",
              source.n_cells(), " cells.");
}

// Places of the values in rising order, of equal ones in theirs.
inline std::vector<int64_t> rising_order(const std::vector<int64_t>& values) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return values[a] < values[b]; });
  return order;
}

// Appends row `row` of `from` to `to`.
inline void append_row(const SparseRows& from, int64_t row, SparseRows& to) {
  const int64_t begin = from.offsets[row], end = from.offsets[row + 1];
  to.indices.insert(to.indices.end(), from.indices.begin() + begin,
                    from.indices.begin() + end);
  to.values.insert(to.values.end(), from.values.begin() + begin,
                   from.values.begin() + end);
  to.offsets.push_back(n_of(to.indices));
}

// Appends what is open of row `row` of `from` to `to`, which has no values.
inline void append_open(const SparseRows& from, int64_t row, SparseRows& to) {
  for (int64_t at = from.offsets[row]; at < from.offsets[row + 1]; ++at) {
    if (from.values[at] > 0) to.indices.push_back(from.indices[at]);
  }
  to.offsets.push_back(n_of(to.indices));
}

// Cuts `rows` back to what it held at the start, unless all went well: for
// sources that append piece by piece.
class RowsGuard {
 public:
  explicit RowsGuard(SparseRows& rows) : rows_(rows), n_rows_(rows.n_rows()) {}
  RowsGuard(const RowsGuard&) = delete;
  RowsGuard& operator=(const RowsGuard&) = delete;
  ~RowsGuard() {
    if (done_) return;
    rows_.offsets.resize(n_rows_ + 1);
    rows_.indices.resize(rows_.offsets.back());
    if (!rows_.values.empty()) rows_.values.resize(rows_.offsets.back());
  }
  void done() { done_ = true; }

 private:
  SparseRows& rows_;
  int64_t n_rows_;
  bool done_ = false;
};

}  // namespace sailer
