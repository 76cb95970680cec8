// Sources of cells in memory, and sources made from other sources.
#pragma once

#include "../feature_map.h"
#include "cell_source.h"

namespace sailer {

// A features x cells dgCMatrix (or ngCMatrix) of R. Its compressed columns are
// already sparse rows of cells.
struct MatrixView {
  const int32_t* offsets = nullptr;  // n_cells + 1, the `p` of a dgCMatrix
  const int32_t* indices = nullptr;  // offsets[n_cells], its `i`
  const double* values = nullptr;    // its `x`; nullptr: every entry is 1
  int64_t n_features = 0;
  int64_t n_cells = 0;
  int64_t n_entries = 0;  // length of `indices` and `values`
};

// Borrows the matrix without a copy: `owner` keeps the memory of the view alive
// for as long as the source lives (the binding stores R's vectors in it).
CellSourcePtr matrix_source(const MatrixView& view,
                            std::shared_ptr<const void> owner,
                            std::string description = "a dgCMatrix");

struct ConcatPart {
  CellSourcePtr source;
  FeatureMap map;  // empty: the source already has the common features
};

// Concatenates cells: the layers of a Seurat v5 assay, or several files. Each
// part may have its own features, mapped to the common set. Features that a
// part lacks are zero in its cells.
CellSourcePtr concat_sources(std::vector<ConcatPart> parts, int64_t n_features);

// Which cells and features to take.
struct Subset {
  bool all_cells = true;
  std::vector<int64_t> cells;  // in any order; ignored if all_cells
  FeatureMap map;              // empty: all features
  int64_t n_features = 0;      // of the result
};

// Returns a subset of a source. Features mapped to one index become one
// feature, which is open if any of them is, with their counts summed. A subset
// of a store can be used like a store.
CellSourcePtr choose(CellSourcePtr source, Subset subset);

}  // namespace sailer
