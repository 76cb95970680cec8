// Cells of a source as the rows of a matrix that truncated_svd() decomposes,
// made anew block by block in every pass.
#pragma once

#include <vector>

#include "../data/feature_map.h"
#include "../data/store/scan.h"
#include "truncated_svd.h"

namespace sailer {

// Which cells and features are the matrix.
struct CellRows {
  CellSourcePtr source;
  FeatureMap map;  // by feature: its column, or -1; empty: its own
  int64_t n_columns = 0;
  std::vector<uint8_t> taken;  // by cell, 0: left out; empty: all cells
  CancelCheck cancelled;       // asked before every block

  // Where several processes share the rows: the cells of the source that this
  // one passes over, [first, end), and what adds up over all of them.
  int64_t first = 0, end = -1;  // -1: to the last cell
  SumOfAll sum_of_all = sum_of_one;

  int64_t n_rows() const;  // of all processes
};

// log(1 + n / (1 + cells)) of features that are open in so many of n cells.
std::vector<float> inverse_document_frequency(const std::vector<int64_t>& cells,
                                              int64_t n);

// How the row of a cell is scaled: to Euclidean length 1, or as TF-IDF has it
// (log(1 + 10,000 / depth), depth the open features among the columns), which
// lets deep cells count for more.
enum class RowScale { kUnit, kTfIdf };

// x_p weight_p, scaled, x_p whether feature p is open in the cell. The weights
// are those of the columns. A cell without an open feature is a row of zeros.
RowPass accessibility_rows(CellRows cells, std::vector<float> weights,
                           RowScale scale = RowScale::kUnit);

// log(1 + 10,000 count / total), the total over all features of the source, as
// the Expresser sees expression.
RowPass expression_rows(CellRows cells);

}  // namespace sailer
