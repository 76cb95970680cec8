#include "reference_map.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lsi_scores.h"

namespace sailer {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

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

// [r, d]: the leading eigenvectors of the reference's second moments, scaled.
MatrixXd axes_of(const Moments& moments, int64_t d) {
  if (d == 0) return MatrixXd::Zero(moments.r.size(), 0);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(moments.rr / moments.n);
  const double square = solver.eigenvalues().tail(d).sum();
  return solver.eigenvectors().rightCols(d).rowwise().reverse() *
         (square > 0 ? std::sqrt(static_cast<double>(d) / square) : 0);
}

// Least squares of each y by all x, from their covariances.
struct Regression {
  MatrixXd slopes;  // [x, y]
  VectorXd fitted;  // variance of what is fitted
  VectorXd shares;  // R2 beyond chance
};

Regression regress(const MatrixXd& xx, const MatrixXd& xy, const VectorXd& yy,
                   double n) {
  Regression out{MatrixXd::Zero(xy.rows(), xy.cols()),
                 VectorXd::Zero(xy.cols()), VectorXd::Zero(xy.cols())};
  if (xy.size() == 0) return out;
  const auto solver = xx.completeOrthogonalDecomposition();
  out.slopes = solver.solve(xy);
  out.fitted = out.slopes.cwiseProduct(xy).colwise().sum();
  const double freedom = n - 1 - static_cast<double>(solver.rank());
  if (freedom <= 0) return out;
  for (int64_t k = 0; k < yy.size(); ++k) {
    if (!(yy[k] > 0)) continue;
    const double left = 1 - out.fitted[k] / yy[k];
    out.shares[k] = std::clamp(1 - left * (n - 1) / freedom, 0.0, 1.0);
  }
  return out;
}

// Of what is known of the cells, around their means.
struct Covariances {
  VectorXd s, r;  // the means
  MatrixXd ss, sr, rr;

  explicit Covariances(const Moments& sums)
      : s(sums.s / sums.n),
        r(sums.r / sums.n),
        ss(sums.ss / sums.n - s * s.transpose()),
        sr(sums.sr / sums.n - s * r.transpose()),
        rr(sums.rr / sums.n - r * r.transpose()) {}
};

// Of the axes by LSI scores: slopes [scores, d], shrunk, and shares [d].
Regression fit_axes(const Covariances& of, const MatrixXd& axes, double n) {
  const VectorXd variance =
      axes.cwiseProduct(of.rr * axes).colwise().sum().transpose();
  Regression out = regress(of.ss, of.sr * axes, variance, n);
  for (int64_t k = 0; k < axes.cols(); ++k) {
    out.slopes.col(k) *=
        out.shares[k] > 0 ? out.shares[k] * variance[k] / out.fitted[k] : 0;
  }
  return out;
}

// LSI with the signal alone that the reference does not explain.
Lsi beyond_reference(Lsi lsi, const Covariances& of, double n) {
  const VectorXd variance = of.ss.diagonal();
  const VectorXd explained =
      regress(of.rr, of.sr.transpose(), variance, n).shares;
  for (int64_t k = 0; k < lsi.n_components; ++k) {
    lsi.signal[k] *= 1 - explained[k];
  }
  return lsi;
}

// One after the other, dimension by dimension.
LinearPosterior side_by_side(const MatrixXd& loadings, const VectorXd& shift,
                             const LinearPosterior& rest) {
  const int64_t first = loadings.cols(), d = first + rest.n_dimensions;
  RowMatrix all(loadings.rows(), d);
  all.leftCols(first) = loadings;
  all.rightCols(rest.n_dimensions) =
      Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic,
                                     Eigen::RowMajor>>(
          rest.loadings.data(), loadings.rows(), rest.n_dimensions)
          .cast<double>();
  LinearPosterior out;
  out.n_dimensions = d;
  out.loadings.assign(all.data(), all.data() + all.size());
  out.shift.assign(shift.data(), shift.data() + first);
  out.shift.insert(out.shift.end(), rest.shift.begin(), rest.shift.end());
  out.log_variance.assign(static_cast<size_t>(first), 0);
  out.log_variance.insert(out.log_variance.end(), rest.log_variance.begin(),
                          rest.log_variance.end());
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
                                          const Lsi& lsi,
                                          int64_t n_dimensions) {
  const RowMatrix loadings = Eigen::Map<const RowMatrix>(
      lsi.loadings.data(), lsi.n_columns, lsi.n_components);
  Moments moments(lsi.n_components, reference.width);
  if (!add_cells(cells, weights, loadings, reference, moments)) {
    return std::nullopt;
  }
  moments.n = std::max(moments.n, 1.0);
  const int64_t n_axes = std::min(reference.width, n_dimensions);
  const MatrixXd axes = axes_of(moments, n_axes);
  const Covariances of(moments);
  const Regression fit = fit_axes(of, axes, moments.n);
  MatrixXd path = MatrixXd::Zero(reference.width + 1, n_dimensions);
  path.topLeftCorner(reference.width, n_axes) =
      axes * (VectorXd::Ones(n_axes) - fit.shares).asDiagonal();
  path.bottomRows(1) = -of.r.transpose() * path.topRows(reference.width);
  const LinearPosterior rest = linear_posterior(
      beyond_reference(lsi, of, moments.n), n_dimensions - n_axes);
  return ReferenceMap{
      side_by_side(loadings * fit.slopes,
                   axes.transpose() * of.r - fit.slopes.transpose() * of.s,
                   rest),
      floats_of(path)};
}

}  // namespace sailer
