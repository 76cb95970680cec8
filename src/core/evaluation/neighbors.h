// The nearest neighbours of each cell, as the measures of mixing take them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "../support/error.h"

namespace sailer {

// Row-major: the k neighbours of cell i stand at [i * k, (i + 1) * k), nearest
// first, the cell itself not among them. Indices count from 0.
struct Neighbors {
  std::vector<int> index;
  std::vector<double> distance;  // may stay empty where only counts are asked
  std::size_t n_cells = 0;
  std::size_t k = 0;
};

// Throws Error(kArgument) unless sizes and indices fit together and there is
// one label, 0 ... n_classes - 1, per cell.
inline void check_neighbors(const Neighbors& neighbors,
                            const std::vector<int>& labels, int n_classes) {
  const std::size_t n = neighbors.n_cells;
  if (neighbors.k == 0 || neighbors.index.size() != n * neighbors.k) {
    throw Error(ErrorKind::kArgument,
                "The neighbours must be a matrix of cells x k with k > 0.");
  }
  if (labels.size() != n) {
    throw Error(ErrorKind::kArgument, "One label per cell is needed: found " +
                                          std::to_string(labels.size()) +
                                          " for " + std::to_string(n) +
                                          " cells.");
  }
  for (int i : neighbors.index) {
    if (i < 0 || static_cast<std::size_t>(i) >= n) {
      throw Error(ErrorKind::kArgument,
                  "A neighbour index lies outside of the cells.");
    }
  }
  for (int label : labels) {
    if (label < 0 || label >= n_classes) {
      throw Error(ErrorKind::kArgument, "A label lies outside of its classes.");
    }
  }
}

}  // namespace sailer
