// What an Expresser begins with: what linear methods find of its genes.
// The tokens begin with principal components of the training cells, the output
// with the mean count of each gene.
#pragma once

#include <cstdint>
#include <vector>

#include "../linear/cell_rows.h"
#include "../models/expresser_model.h"
#include "../support/exchange.h"

namespace sailer {

// Components of each gene, row-major [genes x n]: loadings times singular
// values of the centred log-normalised cells, log(1 + 10,000 count / total),
// through asinh(. / median of their sizes), which brings the few genes with
// large ones near the others and keeps their order, and scaled to a root mean
// square of kComponentSpread. Where there are fewer cells or genes than
// components the rest is zeros. Empty when it was cancelled.
std::vector<float> gene_components(const CellRows& cells, int64_t n,
                                   uint64_t seed);

// log of what a gene's mean count is above 1 in the cells in which it is found,
// with half a count beside them in one more cell. Empty when it was cancelled.
std::vector<float> gene_levels(const CellRows& cells);

// Gives the model what it is to begin with, of these cells; of more than
// kStartCells so many, evenly spaced. Of the passes over them each process
// makes its part, and all come to the same start. False when it was cancelled.
bool start_from_cells(ExpresserModel& model, const CellSourcePtr& source,
                      const std::vector<int64_t>& cells, uint64_t seed,
                      const CancelCheck& cancelled,
                      Exchange* exchange = nullptr);

}  // namespace sailer
