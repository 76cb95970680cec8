// Loadings of LSI, the scores of cells by them and what confounders explain of
// such: what the starts of SAILER and of SAILERX share. For the sources of this
// folder.
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

// Directions of k values of variance 1, the columns, that confounders explain
// most and least, and which share of each, beyond chance. The covariance is
// that of the values, followed by the confounders, over n cells.
struct Canonical {
  Eigen::MatrixXd directions;
  Eigen::VectorXd explained;
};
Canonical canonical_directions(const Eigen::MatrixXd& covariance, int64_t k,
                               double n);

// What a direction is multiplied by of which confounders explain this share: 0
// from a half on. To scale what is theirs as much as the cells' own would leave
// the two as hard to tell apart as they were.
double strictly_kept(double explained);

}  // namespace sailer
