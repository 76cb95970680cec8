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

bool for_each_scores(const CellRows& cells, const std::vector<float>& weights,
                     const RowMatrix& loadings,
                     const std::vector<CellNumbers>& beside,
                     const ScoreVisitor& visit) {
  int64_t width = loadings.cols();
  for (const CellNumbers& numbers : beside) width += numbers.width;
  int64_t cell = -1;  // of the last row
  const auto add = [&](const SparseRows& rows) {
    RowMatrix values = RowMatrix::Zero(rows.n_rows(), width);
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      auto scores = values.row(row).head(loadings.cols());
      for (int64_t e = rows.offsets[row]; e < rows.offsets[row + 1]; ++e) {
        scores +=
            static_cast<double>(rows.values[e]) * loadings.row(rows.indices[e]);
      }
      do {
        ++cell;
      } while (!cells.taken.empty() && cells.taken[cell] == 0);
      int64_t at = loadings.cols();
      for (const CellNumbers& numbers : beside) {
        for (int64_t j = 0; j < numbers.width; ++j) {
          values(row, at++) = numbers.values[cell * numbers.width + j];
        }
      }
    }
    visit(rows, values);
  };
  return accessibility_rows(cells, weights)(add);
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
