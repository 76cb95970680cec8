// Readers: where cells come from.
//
// A features x cells dgCMatrix, a 10x HDF5 matrix and a CSR h5ad file are all
// the same thing: sparse rows, one per cell. A CellSource serves such rows in
// blocks and knows nothing of models, labels or R. What reads cells in random
// order, as training does, reads a store (store/store.h), which is packed from
// a reader by the pass that checks the counts.
//
// Contract for implementations:
//  * cells and features are counted from 0; non-zeros are counted in int64_t;
//  * `append` may be called any number of times, from one thread at a time; it
//    holds no more than the block that was asked for. Any order is right,
//    though only from front to back need it be fast;
//  * shapes are checked when the source is opened, not when it is read;
//  * values are returned as they are stored (explicit zeros included), but
//    through whole_count() (count_check.h): checking them is the work of `scan`
//    (store/scan.h), binarising that of the stream;
//  * failures throw sailer::Error and leave the source as it was.
//
// To add a reader: derive from CellSource, implement the pure functions, add a
// constructor function to the bindings (`src/bind_cells.cpp`) and a case to the
// test that compares every reader with the same matrix (test-data-sources.cpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "../../support/error.h"
#include "../../support/n_of.h"

namespace sailer {

// A block of cells: cell r holds the entries [offsets[r], offsets[r + 1]).
struct SparseRows {
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> indices;  // feature of each entry
  std::vector<float> values;     // count of each entry; none: all are open

  int64_t n_rows() const { return n_of(offsets) - 1; }
  void clear() {
    offsets.assign(1, 0);
    indices.clear();
    values.clear();
  }
};

// What is in a store (store/store.h) of cells, if they are in one.
enum class Packed {
  kNot,
  kOpen,   // open features alone, each a count of 1
  kCounts  // which may be fractions
};

class CellSource {
 public:
  virtual ~CellSource() = default;

  virtual int64_t n_cells() const = 0;
  virtual int64_t n_features() const = 0;

  // Appends the cells [first, first + count) to `out`, which stays as it was
  // where that fails, as it does for cells that are not there.
  void read(int64_t first, int64_t count, SparseRows& out);

  // Appends `cells`, in any order, repeats allowed; or what is open of them,
  // without values. Of a store each cell is read without its neighbours. Files
  // are read in runs: a short gap is read through, since a second read of the
  // same compressed chunk costs more.
  void read_cells(const int64_t* cells, int64_t n, SparseRows& out);
  void read_open(const int64_t* cells, int64_t n, SparseRows& out);

  // Whether any order is fast and any thread may read: that of a store.
  virtual Packed packed() const { return Packed::kNot; }

  // Entries of the cells [first, first + count), known without reading, about:
  // how many cells are read at once goes by it.
  virtual int64_t n_entries(int64_t first, int64_t count) const = 0;

  // The same cells in the order of the file behind them, where that is another,
  // and in `order` the place here of each: what reads all cells once, and in
  // any order, reads these. Null where the order is that of the file already.
  virtual std::shared_ptr<CellSource> in_file_order(
      std::vector<int64_t>& order) const {
    order.clear();
    return nullptr;
  }

  // For messages: "a dgCMatrix", "10x HDF5 file 'pbmc.h5'".
  virtual std::string describe() const = 0;

 protected:
  // What the functions above do, of cells that are there. On failure they cut
  // `out` back.
  virtual void append(int64_t first, int64_t count, SparseRows& out) = 0;
  virtual void append_cells(const int64_t* cells, int64_t n, bool counts,
                            SparseRows& out);
};

using CellSourcePtr = std::shared_ptr<CellSource>;

// ---- for implementations
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
