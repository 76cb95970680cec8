// A borrowed cells x dimensions matrix, the input of most measures.
#pragma once

#include <cstddef>

namespace sailer {

// `values` is column-major (R's layout): all cells of dimension 0 first, then
// all cells of dimension 1. It must outlive the view and hold finite numbers.
struct EmbeddingView {
  const double* values = nullptr;
  std::size_t n_cells = 0;
  std::size_t n_dimensions = 0;

  const double* dimension(std::size_t d) const { return values + d * n_cells; }
};

}  // namespace sailer
