#include "expresser_start.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "../data/readers/sources.h"
#include "../linear/truncated_svd.h"
#include "../support/shuffle.h"
#include "step_exchange.h"

namespace sailer {
namespace {

// Root mean square of the initial token values: enough to tell genes apart next
// to what the first layers add to them.
constexpr double kComponentSpread = 0.5;

// Enough cells to estimate components and levels for a corpus of any size.
constexpr int64_t kStartCells = 100000;

// A source of only these cells, or of kStartCells of them, so that no pass
// reads the others.
CellSourcePtr evenly_spaced(const CellSourcePtr& source,
                            const std::vector<int64_t>& cells) {
  const auto n = n_of(cells);
  const int64_t taken = std::min(n, kStartCells);
  Subset out;
  out.all_cells = false;
  out.n_features = source->n_features();
  for (int64_t k = 0; k < taken; ++k) out.cells.push_back(cells[k * n / taken]);
  std::sort(out.cells.begin(), out.cells.end());  // fastest for reading files
  return choose(source, std::move(out));
}

double median_size(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::vector<float> gene_components(const CellRows& cells, int64_t n,
                                   uint64_t seed) {
  const int64_t n_genes = cells.n_columns;
  std::vector<float> out(n_genes * n, 0.0f);
  SvdOptions options;
  options.n_components = std::min({n, n_genes, cells.n_rows() - 1});
  options.center = true;
  options.seed = seed;
  if (options.n_components < 1) return out;
  const auto svd =
      truncated_svd(expression_rows(cells), n_genes, options, cells.sum_of_all);
  if (!svd) return {};
  const int64_t k = options.n_components;
  std::vector<double> values = svd->loadings;
  for (size_t e = 0; e < values.size(); ++e) {
    values[e] *= svd->singular_values[e % static_cast<size_t>(k)];
  }
  const double middle = median_size(values);
  double square = 0;
  for (double& value : values) {
    if (middle > 0) value = std::asinh(value / middle);
    square += value * value;
  }
  const double root = std::sqrt(square / static_cast<double>(values.size()));
  const double scale = root > 0 ? kComponentSpread / root : 0;
  for (int64_t gene = 0; gene < n_genes; ++gene) {
    for (int64_t j = 0; j < k; ++j) {
      out[gene * n + j] = static_cast<float>(scale * values[gene * k + j]);
    }
  }
  return out;
}

std::vector<float> gene_levels(const CellRows& cells) {
  const int64_t n_genes = cells.n_columns;
  // First the sum of (count - 1) of each gene, then the number of cells in
  // which each gene is found.
  std::vector<double> sums(2 * n_genes, 0);
  double* excess = sums.data();
  double* n = excess + n_genes;
  const auto visit = [&](const SparseRows& rows, int64_t) {
    for (size_t k = 0; k < rows.indices.size(); ++k) {
      if (!(rows.values[k] > 0)) continue;
      excess[rows.indices[k]] += rows.values[k] - 1;
      n[rows.indices[k]] += 1;
    }
    return true;
  };
  if (!for_each_block(*cells.source, cells.cancelled, visit, cells.first,
                      cells.end)) {
    return {};
  }
  cells.sum_of_all(sums.data(), 2 * n_genes);
  std::vector<float> out(n_genes);
  for (int64_t gene = 0; gene < n_genes; ++gene) {
    out[gene] =
        static_cast<float>(std::log((excess[gene] + 0.5) / (n[gene] + 1)));
  }
  return out;
}

bool start_from_cells(ExpresserModel& model, const CellSourcePtr& source,
                      const std::vector<int64_t>& cells, uint64_t seed,
                      const CancelCheck& cancelled, Exchange* exchange) {
  const int64_t n_genes = model.n_genes();
  const int64_t k = model.options().n_components();
  CellRows rows;
  rows.source = evenly_spaced(source, cells);
  rows.n_columns = n_genes;
  rows.cancelled = cancelled;
  share_rows(rows, exchange);
  std::vector<float> components, levels;
  if (k > 0) {
    components = gene_components(rows, k, derive_seed(seed, kSketchStream));
    if (components.empty()) return false;
  }
  if (model.options().expression == Expression::kCounts) {
    levels = gene_levels(rows);
    if (levels.empty()) return false;
  }
  const auto tensor = [](std::vector<float>& values,
                         std::vector<int64_t> shape) {
    return at::from_blob(values.data(), shape, at::kFloat);
  };
  model.start_at(tensor(components, {k > 0 ? n_genes : 0, k}),
                 tensor(levels, {n_of(levels)}));
  return true;
}

}  // namespace sailer
