// Sources of cells in memory, and those made of other sources.
#pragma once

#include "../feature_map.h"
#include "cell_source.h"

namespace sailer {

// A features x cells dgCMatrix (or ngCMatrix) of R. Its compressed columns are
// sparse rows of cells already.
struct MatrixView {
  const int32_t* offsets = nullptr;  // n_cells + 1, the `p` of a dgCMatrix
  const int32_t* indices = nullptr;  // offsets[n_cells], its `i`
  const double* values = nullptr;    // its `x`; nullptr: every entry is 1
  int64_t n_features = 0;
  int64_t n_cells = 0;
  int64_t n_entries = 0;  // length of `indices` and `values`
};

// Borrowed without a copy: `owner` keeps the memory behind the view's pointers
// alive for as long as the source lives (the binding puts R's vectors in it).
CellSourcePtr matrix_source(const MatrixView& view,
                            std::shared_ptr<const void> owner,
                            std::string description = "a dgCMatrix");

struct ConcatPart {
  CellSourcePtr source;
  FeatureMap map;  // empty: the source has the common features already
};

// One after another over cells: the layers of a Seurat v5 assay, or several
// files. Each part may have its own features, sent to the common set by a map.
// Features that a part lacks are zeros in its cells.
CellSourcePtr concat_sources(std::vector<ConcatPart> parts, int64_t n_features);

// What to take of the cells and of the features.
struct Subset {
  bool all_cells = true;
  std::vector<int64_t> cells;  // any order, used unless all_cells
  FeatureMap map;              // empty: all features
  int64_t n_features = 0;      // of the result
};

// Features sent to one place are one feature of the result: open where one of
// them is, their counts summed. Of a store it is one again.
CellSourcePtr choose(CellSourcePtr source, Subset subset);

}  // namespace sailer
