// Loadings of LSI, and the scores of cells by them: what the starts of SAILER
// and of SAILERX share. For the sources of this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cell_rows.h"
#include "eigen.h"
#include "truncated_svd.h"

namespace sailer {

// Of the truncated SVD of TF-IDF without its first component, which is depth:
// columns x n_components, or fewer where there are fewer cells or columns.
// Nothing when a pass was stopped.
std::optional<RowMatrix> lsi_loadings(const CellRows& cells,
                                      const std::vector<float>& weights,
                                      SvdOptions options);

// rows x components.
RowMatrix scores_of(const SparseRows& rows, const RowMatrix& loadings);

// The cell of each row that a pass over `cells` gives.
std::vector<int64_t> cells_by_row(const CellRows& cells);

}  // namespace sailer
