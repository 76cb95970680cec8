// Latent semantic indexing (LSI) as a linear map of a cell's open peaks: where
// an encoder can start.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cell_rows.h"

namespace sailer {

// z = shift + sum of loadings[p] over the entries of a row of unit length (see
// accessibility_rows()), p its columns.
struct LinearMap {
  int64_t n_dimensions = 0;
  std::vector<float> loadings;  // row-major, columns x n_dimensions
  std::vector<float> shift;     // n_dimensions
};

// The truncated SVD of TF-IDF without its first component, which is depth, each
// dimension of the cells at mean 0 and variance 1. `weights` are those of the
// columns, inverse document frequencies. Dimensions that so few cells or
// columns do not have are zero. Nothing when a pass was stopped.
std::optional<LinearMap> lsi_map(const CellRows& cells,
                                 const std::vector<float>& weights,
                                 int64_t n_dimensions, uint64_t seed);

}  // namespace sailer
