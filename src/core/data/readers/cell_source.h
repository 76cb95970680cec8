// Where cells come from.
//
// A features x cells dgCMatrix, a 10x HDF5 matrix and a CSR h5ad file are all
// the same thing: sparse rows, one per cell. A CellSource serves such rows in
// blocks and knows nothing of models, labels or R.
//
// Contract for implementations:
//  * cells and features are counted from 0; non-zeros are counted in int64_t;
//  * `read` may be called any number of times and in any order, from one
//    thread at a time; it holds no more than the block that was asked for;
//  * shapes are checked when the source is opened, not when it is read;
//  * values are returned as they are stored (explicit zeros included), but
//    through whole_count() (whole_count.h): checking them is the work of `scan`
//    (scan.h), binarising that of the batch stream;
//  * failures throw sailer::Error and leave the source and `out` as they were.
//
// To add a source: derive from CellSource, implement the pure functions
// (`read_open` and `blocks` have a plain way that is right for every source and
// fast for none), add a constructor function to the door (`src/bind_cells.cpp`)
// and a case to the test that compares every source with the same matrix
// (test-data-sources.cpp).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace sailer {

// A block of cells: cell r holds the entries [offsets[r], offsets[r + 1]).
struct SparseRows {
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> indices;  // feature of each entry
  std::vector<float> values;     // count of each entry

  int64_t n_rows() const { return static_cast<int64_t>(offsets.size()) - 1; }
  void clear() {
    offsets.assign(1, 0);
    indices.clear();
    values.clear();
  }
};

// The same of counts above zero alone: cell r has the features [offsets[r],
// offsets[r + 1]) open, in the order in which they are stored.
struct OpenRows {
  std::vector<int64_t> offsets{0};
  std::vector<int32_t> features;

  int64_t n_rows() const { return static_cast<int64_t>(offsets.size()) - 1; }
  void clear() {
    offsets.assign(1, 0);
    features.clear();
  }
};

class CellSource {
 public:
  virtual ~CellSource() = default;

  virtual int64_t n_cells() const = 0;
  virtual int64_t n_features() const = 0;

  // Appends the cells [first, first + count) to `out`.
  virtual void read(int64_t first, int64_t count, SparseRows& out) = 0;

  // Appends the open features of n cells, named in any order, to `out`, in the
  // order in which they are named. What minibatches are made of.
  virtual void read_open(const int64_t* cells, int64_t n, OpenRows& out);

  // Entries stored for the cells [first, first + count), known without reading:
  // at least as many as `read` appends.
  virtual int64_t n_entries(int64_t first, int64_t count) const = 0;

  // True when single cells can be read in any order at no extra cost (memory);
  // false when neighbouring cells should be read together (files).
  virtual bool random_access() const = 0;

  // Where reading one cell costs as much as reading its neighbours: for each
  // cell the block that it lies in, counted along the file, some blocks perhaps
  // without a cell. Empty with random access.
  virtual std::vector<int32_t> blocks() const;

  // For messages: "a dgCMatrix", "10x HDF5 file 'pbmc.h5'".
  virtual std::string describe() const = 0;
};

using CellSourcePtr = std::shared_ptr<CellSource>;

}  // namespace sailer
