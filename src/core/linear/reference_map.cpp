#include "reference_map.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lsi_scores.h"

namespace sailer {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Moments over the cells with a reference of the LSI scores s, the reference r
// and the confounders c, side by side.
struct Known {
  int64_t n_scores = 0, width = 0, n_confounders = 0;
  double n = 0;
  VectorXd mean;
  MatrixXd covariance;

  VectorXd s() const { return mean.head(n_scores); }
  VectorXd r() const { return mean.segment(n_scores, width); }
  MatrixXd ss() const { return covariance.topLeftCorner(n_scores, n_scores); }
  MatrixXd sr() const { return covariance.block(0, n_scores, n_scores, width); }
  MatrixXd rr() const {
    return covariance.block(n_scores, n_scores, width, width);
  }
  // For the reference, followed by the confounders.
  MatrixXd rc() const {
    const int64_t both = width + n_confounders;
    return covariance.bottomRightCorner(both, both);
  }
};

// Returns nullopt if the pass was stopped.
std::optional<Known> known_of(const CellRows& cells,
                              const std::vector<float>& weights,
                              const RowMatrix& lsi, const Reference& reference,
                              const ConfounderMatrix& confounders) {
  CellRows known = cells;
  known.taken.resize(reference.present.size(), 1);
  for (size_t cell = 0; cell < known.taken.size(); ++cell) {
    if (!(reference.present[cell] > 0)) known.taken[cell] = 0;
  }
  Known out;
  out.n_scores = lsi.cols();
  out.width = reference.width;
  out.n_confounders = confounders.width;
  Moments moments(out.n_scores + out.width + out.n_confounders);
  const auto reference_row = [&](int64_t cell, float* row) {
    std::copy_n(reference.values.data() + cell * out.width, out.width, row);
  };
  const bool done =
      for_each_scores(known, weights, lsi,
                      {{out.width, reference_row}, numbers_of(confounders)},
                      [&](const SparseRows&, const RowMatrix& values) {
                        for (int64_t row = 0; row < values.rows(); ++row) {
                          moments.add(values.row(row));
                        }
                      });
  if (!done) return std::nullopt;
  moments.add_up(cells.sum_of_all);
  out.n = std::max(1.0, moments.n());
  out.mean = moments.mean();
  out.covariance = moments.covariance();
  return out;
}

// The matrix [r x r] that removes from the centred reference what the
// confounders explain.
MatrixXd freeing(const Known& known) {
  const int64_t w = known.width;
  if (w == 0 || known.n_confounders == 0) return MatrixXd::Identity(w, w);
  const Canonical canonical = canonical_directions(known.rc(), w, known.n);
  const VectorXd kept = canonical.explained.unaryExpr(&strictly_kept);
  // The transpose of the directions times the covariance is their inverse.
  const MatrixXd inverse = canonical.directions.transpose() * known.rr();
  return canonical.directions * (kept.asDiagonal() * inverse);
}

// [r, d]: the leading eigenvectors of the second moments, scaled.
MatrixXd axes_of(const MatrixXd& moments, int64_t d) {
  if (d == 0) return MatrixXd::Zero(moments.rows(), 0);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(moments);
  const double square = solver.eigenvalues().tail(d).sum();
  return solver.eigenvectors().rightCols(d).rowwise().reverse() *
         (square > 0 ? std::sqrt(static_cast<double>(d) / square) : 0);
}

// Least-squares fit of each y by all x, from their covariances.
struct Regression {
  MatrixXd slopes;  // [x, y]
  VectorXd fitted;  // variance of the fitted values
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

// Fits the axes by the LSI scores: slopes [scores, d], shrunk, and shares [d].
Regression fit_axes(const Known& known, const MatrixXd& axes) {
  const VectorXd variance =
      axes.cwiseProduct(known.rr() * axes).colwise().sum().transpose();
  Regression out = regress(known.ss(), known.sr() * axes, variance, known.n);
  for (int64_t k = 0; k < axes.cols(); ++k) {
    out.slopes.col(k) *=
        out.shares[k] > 0 ? out.shares[k] * variance[k] / out.fitted[k] : 0;
  }
  return out;
}

// LSI with only the signal that the reference does not explain.
Lsi beyond_reference(Lsi lsi, const Known& known) {
  const VectorXd variance = known.ss().diagonal();
  const VectorXd explained =
      regress(known.rr(), known.sr().transpose(), variance, known.n).shares;
  for (int64_t k = 0; k < lsi.n_components; ++k) {
    lsi.signal[k] *= 1 - explained[k];
  }
  return lsi;
}

// The given dimensions, followed by those of `rest`.
LinearPosterior side_by_side(const MatrixXd& loadings, const VectorXd& shift,
                             const LinearPosterior& rest) {
  const int64_t first = loadings.cols(), d = first + rest.n_dimensions;
  LinearPosterior out{d, {}, rest.shift, rest.log_variance};
  for (int64_t row = 0; row < loadings.rows(); ++row) {
    for (int64_t k = 0; k < d; ++k) {
      out.loadings.push_back(
          k < first ? static_cast<float>(loadings(row, k))
                    : rest.loadings[row * rest.n_dimensions + k - first]);
    }
  }
  out.shift.insert(out.shift.begin(), shift.data(), shift.data() + first);
  out.log_variance.insert(out.log_variance.begin(), first, 0.0f);
  return out;
}

std::vector<float> floats_of(const MatrixXd& x) {
  const RowMatrix rows = x;
  return {rows.data(), rows.data() + rows.size()};
}

}  // namespace

std::optional<ReferenceMap> reference_map(const CellRows& cells,
                                          const std::vector<float>& weights,
                                          const Reference& reference,
                                          const ConfounderMatrix& confounders,
                                          const Lsi& lsi,
                                          int64_t n_dimensions) {
  const RowMatrix loadings = Eigen::Map<const RowMatrix>(
      lsi.loadings.data(), lsi.n_columns, lsi.n_components);
  const auto known = known_of(cells, weights, loadings, reference, confounders);
  if (!known.has_value()) return std::nullopt;
  const VectorXd s = known->s(), r = known->r();
  const MatrixXd free = freeing(*known);
  const int64_t n_axes = std::min(reference.width, n_dimensions);
  const MatrixXd axes = axes_of(
      free.transpose() * known->rr() * free + r * r.transpose(), n_axes);
  const Regression fit = fit_axes(*known, free * axes);
  MatrixXd path = MatrixXd::Zero(reference.width + 1, n_dimensions);
  path.topLeftCorner(reference.width, n_axes) =
      free * axes * (VectorXd::Ones(n_axes) - fit.shares).asDiagonal();
  path.bottomRows(1) = -r.transpose() * path.topRows(reference.width);
  const LinearPosterior rest =
      linear_posterior(beyond_reference(lsi, *known), n_dimensions - n_axes);
  return ReferenceMap{
      side_by_side(loadings * fit.slopes,
                   axes.transpose() * r - fit.slopes.transpose() * s, rest),
      floats_of(path)};
}

}  // namespace sailer
