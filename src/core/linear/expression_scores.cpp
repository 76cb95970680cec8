#include "expression_scores.h"

#include <utility>

#include "cell_rows.h"
#include "lsi_scores.h"

namespace sailer {

std::vector<float> expression_scores(const CellSourcePtr& source,
                                     const GeneWeights& readout,
                                     const CancelCheck& cancelled) {
  const auto n = static_cast<int64_t>(readout.offsets.size());
  const RowMatrix weights = Eigen::Map<const RowMatrix>(
      readout.weights.data(), source->n_features(), n);
  const Eigen::Map<const Eigen::RowVectorXd> offsets(readout.offsets.data(), n);
  CellRows cells;
  cells.source = source;
  cells.n_columns = source->n_features();
  cells.cancelled = cancelled;
  std::vector<float> out;
  out.reserve(static_cast<size_t>(source->n_cells() * n));
  const bool complete =
      expression_rows(std::move(cells))([&](const SparseRows& rows) {
        RowMatrix scores = scores_of(rows, weights);
        scores.rowwise() += offsets;
        out.insert(out.end(), scores.data(), scores.data() + scores.size());
      });
  if (!complete) return {};
  return out;
}

}  // namespace sailer
