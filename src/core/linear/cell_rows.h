// Cells of a source as the rows of a matrix for truncated_svd(), computed anew,
// block by block, in every pass.
#pragma once

#include <vector>

#include "../data/feature_map.h"
#include "../data/store/scan.h"
#include "truncated_svd.h"

namespace sailer {

// Which cells and features make up the matrix.
struct CellRows {
  CellSourcePtr source;
  FeatureMap map;  // column of each feature, or -1; empty: identity
  int64_t n_columns = 0;
  std::vector<uint8_t> taken;  // for each cell, 0: left out; empty: all cells
  CancelCheck cancelled;       // called before every block

  // If several processes share the rows: the cells of the source that this
  // process passes over, [first, end), and the function that sums over all
  // processes.
  int64_t first = 0, end = -1;  // -1: to the last cell
  SumOfAll sum_of_all = sum_of_one;

  int64_t n_rows() const;  // of all processes
};

// Returns log(1 + n / (1 + cells[k])) for features that are open in cells[k] of
// n cells.
std::vector<float> inverse_document_frequency(const std::vector<int64_t>& cells,
                                              int64_t n);

// How the row of a cell is scaled: to Euclidean length 1, or as in TF-IDF (by
// log(1 + 10,000 / depth), where depth is the number of open features among the
// columns), which gives more weight to deep cells.
enum class RowScale { kUnit, kTfIdf };

// Rows x_p weight_p, scaled, where x_p is 1 if feature p is open in the cell
// and else 0. There is one weight per column. A cell without an open feature is
// a row of zeros.
RowPass accessibility_rows(CellRows cells, std::vector<float> weights,
                           RowScale scale = RowScale::kUnit);

// Rows of log(1 + 10,000 count / total), where the total is over all features
// of the source: expression as the Expresser sees it.
RowPass expression_rows(CellRows cells);

}  // namespace sailer
