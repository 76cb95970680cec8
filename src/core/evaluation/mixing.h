// Mixing of batches in the neighbourhoods of cells (thesis 2.5.3), and the
// test statistic of kBET on the same neighbourhoods.
#pragma once

#include <vector>

#include "neighbors.h"

namespace sailer {

struct Mixing {
  // cells x batches, column-major: the share of a cell's neighbours from each
  // batch, each count divided by the size of the batch and the row scaled to
  // sum to 1. Well mixed cells have 1 / n_batches everywhere.
  std::vector<double> proportions;
  // Per cell, half the sum of |proportion - 1 / n_batches|: 0 where the
  // batches are balanced, 1 - 1 / n_batches where one batch stands alone.
  std::vector<double> deviation;
  // Per cell, Pearson's chi-square of the neighbours' batches against the
  // batch sizes; n_batches - 1 degrees of freedom (Büttner et al. 2019).
  std::vector<double> chi_square;
};

// batch: 0 ... n_batches - 1 per cell, every batch with at least one cell;
// throws Error(kArgument) otherwise. Distances are not used.
Mixing batch_mixing(const Neighbors& neighbors, const std::vector<int>& batch,
                    int n_batches);

}  // namespace sailer
