// Readers: sources of cells.
//
// A features x cells dgCMatrix, a 10x HDF5 matrix and a CSR h5ad file are all
// the same thing: sparse rows, one per cell. A CellSource serves such rows in
// blocks and knows nothing about models, labels or R. Code that reads cells in
// random order, such as training, reads a store (store/store.h), which the pass
// that checks the counts packs from a reader.
//
// Contract for implementations:
//  * cells and features are counted from 0; non-zeros are counted in int64_t;
//  * `append` may be called any number of times, from one thread at a time, and
//    holds no more than the requested block. Cells may be requested in any
//    order, but only reading from front to back has to be fast;
//  * shapes are checked when the source is opened, not when it is read;
//  * values are returned as stored (including explicit zeros), after
//    whole_count() (count_check.h): `scan` (store/scan.h) checks them, the
//    stream binarises them;
//  * failures throw sailer::Error and leave the source unchanged.
//
// To add a reader: derive from CellSource, implement the pure virtual
// functions, add a constructor function to the bindings (`src/bind_cells.cpp`)
// and a case to the test that compares every reader with the same matrix
// (test-data-sources.cpp).
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
  std::vector<float> values;     // count of each entry; empty: all are open

  int64_t n_rows() const { return n_of(offsets) - 1; }
  void clear() {
    offsets.assign(1, 0);
    indices.clear();
    values.clear();
  }
};

// What a store (store/store.h) holds of the cells, if they are in one.
enum class Packed {
  kNot,
  kOpen,   // only the open features, each with a count of 1
  kCounts  // which may be fractions
};

class CellSource {
 public:
  virtual ~CellSource() = default;

  virtual int64_t n_cells() const = 0;
  virtual int64_t n_features() const = 0;

  // Appends the cells [first, first + count) to `out`. Throws if reading fails
  // or there are no such cells, and then leaves `out` unchanged.
  void read(int64_t first, int64_t count, SparseRows& out);

  // read_cells() appends `cells`, in any order, repeats allowed; read_open()
  // appends only their open features, without values. A store reads each cell
  // without its neighbours. Files are read in runs: short gaps are read too,
  // because reading the same compressed chunk again costs more.
  void read_cells(const int64_t* cells, int64_t n, SparseRows& out);
  void read_open(const int64_t* cells, int64_t n, SparseRows& out);

  // Whether the cells are in a store, which is fast in any order and may be
  // read by any thread.
  virtual Packed packed() const { return Packed::kNot; }

  // Approximate number of entries of the cells [first, first + count), found
  // without reading the cells. It decides how many cells are read at once.
  virtual int64_t n_entries(int64_t first, int64_t count) const = 0;

  // Returns the same cells in the order of the underlying file, for callers
  // that read all cells once in any order. order[k] is the index in this source
  // of cell k of the result. Returns null if they are in file order already.
  virtual std::shared_ptr<CellSource> in_file_order(
      std::vector<int64_t>& order) const {
    order.clear();
    return nullptr;
  }

  // For messages: "a dgCMatrix", "10x HDF5 file 'pbmc.h5'".
  virtual std::string describe() const = 0;

 protected:
  // Implement the functions above, for cells that exist. If these throw, the
  // functions above restore `out`.
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
              " were requested from ", source.describe(), ", which has ",
              source.n_cells(), " cells.");
}

// Returns the indices that sort the values in ascending order (stable).
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

// Appends the open features of row `row` of `from` to `to`, which has no
// values.
inline void append_open(const SparseRows& from, int64_t row, SparseRows& to) {
  for (int64_t at = from.offsets[row]; at < from.offsets[row + 1]; ++at) {
    if (from.values[at] > 0) to.indices.push_back(from.indices[at]);
  }
  to.offsets.push_back(n_of(to.indices));
}

// Truncates `rows` to its original rows unless done() was called: for sources
// that append piece by piece.
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
