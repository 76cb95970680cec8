// What every source does with the block that it is asked for.
#pragma once

#include <string>

#include "../../support/error.h"
#include "cell_source.h"

namespace sailer {

// Throws unless [first, first + count) are cells of the source.
inline void check_block(const CellSource& source, int64_t first,
                        int64_t count) {
  if (first < 0 || count < 0 || first > source.n_cells() - count) {
    throw Error(ErrorKind::kArgument,
                "Cells " + std::to_string(first + 1) + " to " +
                    std::to_string(first + count) + " were asked of " +
                    source.describe() + ", which has " +
                    std::to_string(source.n_cells()) + " cells.");
  }
}

// Appends row `row` of `from` to `to`.
inline void append_row(const SparseRows& from, int64_t row, SparseRows& to) {
  const int64_t begin = from.offsets[row];
  const int64_t end = from.offsets[row + 1];
  to.indices.insert(to.indices.end(), from.indices.begin() + begin,
                    from.indices.begin() + end);
  to.values.insert(to.values.end(), from.values.begin() + begin,
                   from.values.begin() + end);
  to.offsets.push_back(static_cast<int64_t>(to.indices.size()));
}

// Appends the open features of row `row` of `from` to `to`.
inline void append_open(const SparseRows& from, int64_t row, OpenRows& to) {
  for (int64_t at = from.offsets[row]; at < from.offsets[row + 1]; ++at) {
    if (from.values[at] > 0) to.features.push_back(from.indices[at]);
  }
  to.offsets.push_back(static_cast<int64_t>(to.features.size()));
}

// Cuts `rows` back to its first `n_rows` cells.
inline void truncate_rows(SparseRows& rows, int64_t n_rows) {
  rows.offsets.resize(static_cast<size_t>(n_rows) + 1);
  rows.indices.resize(static_cast<size_t>(rows.offsets.back()));
  rows.values.resize(static_cast<size_t>(rows.offsets.back()));
}

inline void truncate_rows(OpenRows& rows, int64_t n_rows) {
  rows.offsets.resize(static_cast<size_t>(n_rows) + 1);
  rows.features.resize(static_cast<size_t>(rows.offsets.back()));
}

// Cuts `rows` back to what it held at the start, unless all went well: for
// sources that append piece by piece.
template <typename Rows>
class RowsGuard {
 public:
  explicit RowsGuard(Rows& rows) : rows_(rows), n_rows_(rows.n_rows()) {}
  RowsGuard(const RowsGuard&) = delete;
  RowsGuard& operator=(const RowsGuard&) = delete;
  ~RowsGuard() {
    if (!kept_) truncate_rows(rows_, n_rows_);
  }
  void keep() { kept_ = true; }

 private:
  Rows& rows_;
  int64_t n_rows_;
  bool kept_ = false;
};

}  // namespace sailer
