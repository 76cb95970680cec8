// Cells in a given order as the places (indices in the model) of their open
// peaks: reads, binarises, renumbers and drops peaks in one go, so that nothing
// else is held. Torch-free.
//
// A store serves any order. Cells of a reader are read in blocks if they are
// requested in its own order; for another order they are packed into a store
// first.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "../store/store.h"

namespace sailer {

class PlaceReader {
 public:
  // place_of[feature] is the feature's index in the model, or -1.
  PlaceReader(CellSourcePtr source, std::vector<int32_t> place_of);

  // Call this before reading cells in `order`. Returns false if `cancelled`,
  // which may be empty, stopped the packing.
  bool prepare(const std::vector<int64_t>& order,
               const std::function<bool()>& cancelled = {});

  // Packs the cells into a store; returns false if `cancelled` stopped it.
  bool pack(const std::function<bool()>& cancelled);

  // Whether the cells come from a store, which another thread may read.
  bool reads_store() const { return store_ != nullptr; }

  // Appends the places of n cells to `out`, ascending within each cell.
  void read(const int64_t* cells, int64_t n, SparseRows& out);

  CellSource& source() { return *source_; }

 private:
  void read_block(int64_t cell);
  void sort_row(int32_t* places, int64_t n);

  CellSourcePtr source_;
  CellSourcePtr store_;
  std::vector<int32_t> place_of_;
  SparseRows block_;  // of the reader, from cell first_ on
  int64_t first_ = 0;
  std::vector<uint64_t> bits_;
};

}  // namespace sailer
