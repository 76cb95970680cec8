// Scores of cells from weights of genes: weighted sums of log-normalised
// expression, as in principal components. Every gene of a cell is used, in one
// pass over the counts.
#pragma once

#include <cstdint>
#include <vector>

#include "../data/readers/cell_source.h"
#include "../data/store/scan.h"

namespace sailer {

// A linear readout of cells.
struct GeneWeights {
  std::vector<double> weights;  // [genes x n] row-major
  std::vector<double> offsets;  // [n], added to every cell
};

// Returns offsets + sum over genes of log(1 + 10,000 count / total) times the
// gene's weights, row-major [cells x n]. A cell without counts gets the offsets
// alone. Empty if it was cancelled.
std::vector<float> expression_scores(const CellSourcePtr& source,
                                     const GeneWeights& readout,
                                     const CancelCheck& cancelled);

}  // namespace sailer
