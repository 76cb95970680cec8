#include "lsi_map.h"

#include <algorithm>
#include <cmath>

#include "truncated_svd.h"

namespace sailer {
namespace {

// Sums of the rows' scores and of their squares.
struct Moments {
  std::vector<double> sum, square;
  int64_t n_rows = 0;
};

// Of loadings [columns x width]. False when the pass was stopped.
bool add_moments(const RowPass& pass, const std::vector<double>& loadings,
                 int64_t width, Moments& out) {
  out.sum.assign(static_cast<size_t>(width), 0);
  out.square = out.sum;
  std::vector<double> score(static_cast<size_t>(width));
  return pass([&](const SparseRows& rows) {
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      std::fill(score.begin(), score.end(), 0);
      for (int64_t e = rows.offsets[row]; e < rows.offsets[row + 1]; ++e) {
        const double* line = loadings.data() + rows.indices[e] * width;
        for (int64_t k = 0; k < width; ++k) score[k] += rows.values[e] * line[k];
      }
      for (int64_t k = 0; k < width; ++k) {
        out.sum[k] += score[k];
        out.square[k] += score[k] * score[k];
      }
    }
    out.n_rows += rows.n_rows();
  });
}

}  // namespace

std::optional<LinearMap> lsi_map(const CellRows& cells,
                                 const std::vector<float>& weights,
                                 int64_t n_dimensions, uint64_t seed) {
  const int64_t n_columns = cells.n_columns;
  LinearMap out;
  out.n_dimensions = n_dimensions;
  out.loadings.assign(static_cast<size_t>(n_columns * n_dimensions), 0);
  out.shift.assign(static_cast<size_t>(n_dimensions), 0);
  SvdOptions options;
  options.n_components =
      std::min({n_dimensions + 1, n_columns, cells.n_rows()});
  options.seed = seed;
  const auto svd = truncated_svd(
      accessibility_rows(cells, weights, RowScale::kTfIdf), n_columns, options);
  if (!svd.has_value()) return std::nullopt;
  const int64_t width = options.n_components;
  Moments moments;
  if (!add_moments(accessibility_rows(cells, weights, RowScale::kUnit),
                   svd->loadings, width, moments)) {
    return std::nullopt;
  }
  const auto n = static_cast<double>(moments.n_rows);
  for (int64_t k = 1; k < width; ++k) {
    const double mean = moments.sum[k] / n;
    const double variance = moments.square[k] / n - mean * mean;
    if (!(variance > 1e-12)) continue;  // what all cells have in common
    const double scale = 1 / std::sqrt(variance);
    for (int64_t p = 0; p < n_columns; ++p) {
      out.loadings[p * n_dimensions + k - 1] =
          static_cast<float>(scale * svd->loadings[p * width + k]);
    }
    out.shift[k - 1] = static_cast<float>(-scale * mean);
  }
  return out;
}

}  // namespace sailer
