#include "cell_rows.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "../data/stream/gene_tokens.h"
#include "../support/error.h"

namespace sailer {
namespace {

void check_rows(const CellRows& cells) {
  const CellSource& source = *cells.source;
  check_feature_map(cells.map, source.n_features(), cells.n_columns,
                    source.describe());
  require(cells.taken.empty() || n_of(cells.taken) == source.n_cells(),
          "The choice of cells has ", cells.taken.size(), " entries, but ",
          source.describe(), " has ", source.n_cells(), " cells.");
}

// Returns a pass in which append(map, rows, row, out) turns a cell into its row
// of the matrix.
template <typename Append>
RowPass pass_over(CellRows given, Append append) {
  check_rows(given);
  const auto cells = std::make_shared<const CellRows>(std::move(given));
  return [cells, append](const RowVisitor& visit) mutable {
    SparseRows out;
    return for_each_block(
        *cells->source, cells->cancelled,
        [&](const SparseRows& rows, int64_t first) {
          out.clear();
          for (int64_t row = 0; row < rows.n_rows(); ++row) {
            if (!cells->taken.empty() && cells->taken[first + row] == 0) {
              continue;
            }
            append(cells->map, rows, row, out);
            out.offsets.push_back(n_of(out.indices));
          }
          visit(out);
          return true;
        },
        cells->first, cells->end);
  };
}

int32_t column_of(const FeatureMap& map, int32_t feature) {
  return map.empty() ? feature : map[feature];
}

}  // namespace

int64_t CellRows::n_rows() const {
  return taken.empty()
             ? source->n_cells()
             : n_of(taken) - std::count(taken.begin(), taken.end(), 0);
}

std::vector<float> inverse_document_frequency(const std::vector<int64_t>& cells,
                                              int64_t n) {
  std::vector<float> out;
  out.reserve(cells.size());
  for (const int64_t count : cells) {
    out.push_back(static_cast<float>(
        std::log1p(static_cast<double>(n) / (1 + static_cast<double>(count)))));
  }
  return out;
}

RowPass accessibility_rows(CellRows cells, std::vector<float> weights,
                           RowScale row_scale) {
  require(n_of(weights) == cells.n_columns, weights.size(),
          " weights are given for ", cells.n_columns, " columns.");
  return pass_over(std::move(cells), [weights = std::move(weights), row_scale](
                                         const FeatureMap& map,
                                         const SparseRows& rows, int64_t row,
                                         SparseRows& out) {
    const size_t begin = out.values.size();
    double square = 0;
    for (int64_t k = rows.offsets[row]; k < rows.offsets[row + 1]; ++k) {
      const int32_t column = column_of(map, rows.indices[k]);
      if (column < 0 || !(rows.values[k] > 0)) continue;
      const float weight = weights[column];
      out.indices.push_back(column);
      out.values.push_back(weight);
      square += static_cast<double>(weight) * weight;
    }
    const auto depth = static_cast<double>(out.values.size() - begin);
    if (depth == 0) return;
    const double scale = row_scale == RowScale::kUnit ? 1 / std::sqrt(square)
                                                      : std::log1p(1e4 / depth);
    for (size_t k = begin; k < out.values.size(); ++k) {
      out.values[k] = static_cast<float>(out.values[k] * scale);
    }
  });
}

RowPass expression_rows(CellRows cells) {
  return pass_over(
      std::move(cells),
      [cell = NormalizedCell()](const FeatureMap& map, const SparseRows& rows,
                                int64_t row, SparseRows& out) mutable {
        normalize_cell(rows, row, cell);
        for (size_t k = 0; k < cell.genes.size(); ++k) {
          const int32_t column = column_of(map, cell.genes[k]);
          if (column < 0) continue;
          out.indices.push_back(column);
          out.values.push_back(cell.values[k]);
        }
      });
}

}  // namespace sailer
