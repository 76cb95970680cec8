#include "reference_map.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lsi_scores.h"

namespace sailer {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Of LSI that axes of the reference are fitted by: more than the embedding may
// have, for what tells the cells' types apart need not come first in LSI.
constexpr int64_t kLsiDimensions = 30;

// Sums over cells with a reference: of LSI scores s, of the reference r, and of
// their products.
struct Moments {
  Moments(int64_t n_scores, int64_t width)
      : s(VectorXd::Zero(n_scores)),
        r(VectorXd::Zero(width)),
        ss(MatrixXd::Zero(n_scores, n_scores)),
        sr(MatrixXd::Zero(n_scores, width)),
        rr(MatrixXd::Zero(width, width)) {}

  void add(const VectorXd& score, const VectorXd& reference) {
    n += 1;
    s += score;
    r += reference;
    ss.noalias() += score * score.transpose();
    sr.noalias() += score * reference.transpose();
    rr.noalias() += reference * reference.transpose();
  }

  double n = 0;
  VectorXd s, r;
  MatrixXd ss, sr, rr;
};

// False when the pass was stopped.
bool add_cells(const CellRows& cells, const std::vector<float>& weights,
               const RowMatrix& lsi, const Reference& reference, Moments& out) {
  CellRows known = cells;
  known.taken.resize(reference.present.size(), 1);
  for (size_t cell = 0; cell < known.taken.size(); ++cell) {
    if (!(reference.present[cell] > 0)) known.taken[cell] = 0;
  }
  const std::vector<int64_t> order = cells_by_row(known);
  auto next = order.begin();
  return accessibility_rows(std::move(known),
                            weights)([&](const SparseRows& rows) {
    const RowMatrix scores = scores_of(rows, lsi);
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      const float* values = reference.values.data() + *next++ * reference.width;
      out.add(scores.row(row),
              Eigen::Map<const Eigen::VectorXf>(values, reference.width)
                  .cast<double>());
    }
  });
}

// [r, d]: the leading eigenvectors of the reference's second moments, scaled;
// zeros where there are no more.
MatrixXd axes_of(const Moments& moments, int64_t n_dimensions) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(moments.rr / moments.n);
  const int64_t width = moments.r.size(), d = std::min(width, n_dimensions);
  MatrixXd out = MatrixXd::Zero(width, n_dimensions);
  out.leftCols(d) = solver.eigenvectors().rightCols(d).rowwise().reverse();
  const double square = solver.eigenvalues().tail(d).sum();
  return out * (square > 0 ? std::sqrt(static_cast<double>(d) / square) : 0);
}

// Of each axis' variance, the share that `fitted` explains of it beyond chance.
VectorXd explained_shares(const VectorXd& fitted, const VectorXd& variance,
                          double n, int64_t n_scores) {
  VectorXd out = VectorXd::Zero(fitted.size());
  const double freedom = n - 1 - static_cast<double>(n_scores);
  if (freedom <= 0) return out;
  for (int64_t k = 0; k < out.size(); ++k) {
    if (!(variance[k] > 0)) continue;
    const double left = 1 - fitted[k] / variance[k];
    out[k] = std::clamp(1 - left * (n - 1) / freedom, 0.0, 1.0);
  }
  return out;
}

// Of the axes by LSI scores: slopes [scores, d], shrunk, and shares [d].
struct PeakFit {
  MatrixXd slopes;
  VectorXd shares;
};

PeakFit fit_axes(const Moments& moments, const MatrixXd& axes) {
  const VectorXd s = moments.s / moments.n, r = moments.r / moments.n;
  const MatrixXd ss = moments.ss / moments.n - s * s.transpose();
  const MatrixXd sz = (moments.sr / moments.n - s * r.transpose()) * axes;
  const MatrixXd rr = moments.rr / moments.n - r * r.transpose();
  const auto solver = ss.completeOrthogonalDecomposition();
  PeakFit out;
  out.slopes = solver.solve(sz);
  const VectorXd fitted = out.slopes.cwiseProduct(sz).colwise().sum();
  const VectorXd variance = axes.cwiseProduct(rr * axes).colwise().sum();
  out.shares = explained_shares(fitted, variance, moments.n, solver.rank());
  for (int64_t k = 0; k < axes.cols(); ++k) {
    out.slopes.col(k) *=
        out.shares[k] > 0 ? out.shares[k] * variance[k] / fitted[k] : 0;
  }
  return out;
}

std::vector<float> floats_of(const MatrixXd& x) {
  const RowMatrix rows = x;
  std::vector<float> out(rows.data(), rows.data() + rows.size());
  return out;
}

}  // namespace

std::optional<ReferenceMap> reference_map(const CellRows& cells,
                                          const std::vector<float>& weights,
                                          const Reference& reference,
                                          int64_t n_dimensions, uint64_t seed) {
  SvdOptions options;
  options.n_components = kLsiDimensions;
  options.seed = seed;
  const auto lsi = lsi_loadings(cells, weights, options);
  if (!lsi.has_value()) return std::nullopt;
  Moments moments(lsi->cols(), reference.width);
  if (!add_cells(cells, weights, *lsi, reference, moments)) {
    return std::nullopt;
  }
  moments.n = std::max(moments.n, 1.0);
  const MatrixXd axes = axes_of(moments, n_dimensions);
  const PeakFit fit = fit_axes(moments, axes);
  const VectorXd s = moments.s / moments.n, r = moments.r / moments.n;
  MatrixXd path(reference.width + 1, n_dimensions);
  path.topRows(reference.width) =
      axes * (VectorXd::Ones(n_dimensions) - fit.shares).asDiagonal();
  path.bottomRows(1) = -r.transpose() * path.topRows(reference.width);
  return ReferenceMap{
      n_dimensions, floats_of(*lsi * fit.slopes),
      floats_of(axes.transpose() * r - fit.slopes.transpose() * s),
      floats_of(path)};
}

}  // namespace sailer
