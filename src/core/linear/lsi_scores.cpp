#include "lsi_scores.h"

#include <algorithm>

namespace sailer {

std::optional<RowMatrix> lsi_loadings(const CellRows& cells,
                                      const std::vector<float>& weights,
                                      SvdOptions options) {
  options.n_components =
      std::min({options.n_components + 1, cells.n_columns, cells.n_rows()});
  const auto svd =
      truncated_svd(accessibility_rows(cells, weights, RowScale::kTfIdf),
                    cells.n_columns, options);
  if (!svd.has_value()) return std::nullopt;
  const int64_t width = options.n_components;
  return RowMatrix(
      Eigen::Map<const RowMatrix>(svd->loadings.data(), cells.n_columns, width)
          .rightCols(width - 1));
}

RowMatrix scores_of(const SparseRows& rows, const RowMatrix& loadings) {
  RowMatrix out = RowMatrix::Zero(rows.n_rows(), loadings.cols());
  for (int64_t row = 0; row < rows.n_rows(); ++row) {
    for (int64_t e = rows.offsets[row]; e < rows.offsets[row + 1]; ++e) {
      out.row(row) +=
          static_cast<double>(rows.values[e]) * loadings.row(rows.indices[e]);
    }
  }
  return out;
}

std::vector<int64_t> cells_by_row(const CellRows& cells) {
  std::vector<int64_t> out;
  for (int64_t cell = 0; cell < cells.source->n_cells(); ++cell) {
    if (cells.taken.empty() || cells.taken[cell] != 0) out.push_back(cell);
  }
  return out;
}

Canonical canonical_directions(const Eigen::MatrixXd& covariance, int64_t k,
                               double n) {
  using Eigen::MatrixXd;
  const int64_t width = covariance.rows() - k;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> scores(
      covariance.topLeftCorner(k, k));
  const double least = 1e-12 * std::max(1e-300, scores.eigenvalues()[k - 1]);
  const MatrixXd whiten = scores.eigenvectors() * scores.eigenvalues()
                                                      .cwiseMax(least)
                                                      .cwiseSqrt()
                                                      .cwiseInverse()
                                                      .asDiagonal();
  const MatrixXd cross =
      whiten.transpose() * covariance.topRightCorner(k, width);
  // One-hot labels sum to one: their covariance has no inverse.
  const auto known = covariance.bottomRightCorner(width, width)
                         .completeOrthogonalDecomposition();
  const MatrixXd explained = cross * known.solve(cross.transpose());
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(
      0.5 * (explained + explained.transpose()));
  const double chance =
      std::min(0.5, static_cast<double>(known.rank()) / std::max(1.0, n));
  return {
      whiten * solver.eigenvectors(),
      ((solver.eigenvalues().array() - chance) / (1 - chance)).max(0).min(1)};
}

double strictly_kept(double explained) {
  return std::max(0.0, 1 - 2 * explained);
}

}  // namespace sailer
