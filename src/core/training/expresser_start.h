// Initial values of an Expresser, which linear methods compute for its genes:
// the tokens start from principal components of the training cells, the output
// from the mean count of each gene.
#pragma once

#include <cstdint>
#include <vector>

#include "../linear/cell_rows.h"
#include "../models/expresser_model.h"
#include "../support/exchange.h"

namespace sailer {

// Components of each gene, row-major [genes x n]: loadings times singular
// values of the centred log-normalised cells, log(1 + 10,000 count / total).
// They are transformed by asinh(. / median of their absolute values), which
// brings the few genes with large components closer to the others and keeps
// their order, and scaled to a root mean square of kComponentSpread. If there
// are fewer cells or genes than components, the remaining components are zero.
// Empty if cancelled.
std::vector<float> gene_components(const CellRows& cells, int64_t n,
                                   uint64_t seed);

// For each gene, the log of the mean of (count - 1) over the cells in which it
// is found and one added cell that contributes a half. Empty if cancelled.
std::vector<float> gene_levels(const CellRows& cells);

// Sets the model's initial values, computed from these cells, or from
// kStartCells of them, evenly spaced, if there are more. Each process does its
// part of the passes over them, and all get the same values. Returns false if
// cancelled.
bool start_from_cells(ExpresserModel& model, const CellSourcePtr& source,
                      const std::vector<int64_t>& cells, uint64_t seed,
                      const CancelCheck& cancelled,
                      Exchange* exchange = nullptr);

}  // namespace sailer
