// Cells in a given order as places of their open peaks in the model: reads,
// binarises, renumbers and drops at once, so that nothing else is ever held.
// Torch-free.
//
// Any order is served from a store. Cells of a reader that come in its own
// order are read in blocks; another order packs them into a store first.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "../store/store.h"

namespace sailer {

class PlaceReader {
 public:
  // place_of[feature] is the feature's place in the model, or -1.
  PlaceReader(CellSourcePtr source, std::vector<int32_t> place_of);

  // Before cells are read in `order`. False when `cancelled`, which may be
  // empty, stopped the packing.
  bool prepare(const std::vector<int64_t>& order,
               const std::function<bool()>& cancelled = {});

  // Has the cells come from a store; false when `cancelled` stopped it.
  bool pack(const std::function<bool()>& cancelled);

  // Whether the cells come from a store, which another thread may read.
  bool reads_store() const { return store_ != nullptr; }

  // Appends n cells to `out`: their places, rising.
  void read(const int64_t* cells, int64_t n, SparseRows& out);

  CellSource& source() { return *source_; }

 private:
  void read_block(int64_t cell);
  void sort_row(int32_t* places, int64_t n);

  CellSourcePtr source_;
  CellSourcePtr store_;
  std::vector<int32_t> place_of_;
  SparseRows block_;  // of the reader, from the cell first_ on
  int64_t first_ = 0;
  std::vector<uint64_t> bits_;
};

}  // namespace sailer
