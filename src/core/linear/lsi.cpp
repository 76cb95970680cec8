#include "lsi.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../support/error.h"
#include "eigen.h"
#include "truncated_svd.h"

namespace sailer {
namespace {

// A component is never taken to be all signal: the decoder has to learn.
constexpr double kMostSignal = 0.98;

using RowMatrix =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Means and covariances of scores, and of them with the confounders of their
// cells; on request variances of columns.
class Moments {
 public:
  Moments(const RowMatrix& loadings, const CellRows& cells,
          const ConfounderMatrix& confounders, bool of_columns)
      : loadings_(loadings), confounders_(confounders) {
    for (int64_t cell = 0; cell < cells.source->n_cells(); ++cell) {
      if (cells.taken.empty() || cells.taken[cell] != 0) {
        order_.push_back(cell);
      }
    }
    const int64_t width = loadings.cols() + confounders.width;
    sum_ = VectorXd::Zero(width);
    product_ = MatrixXd::Zero(width, width);
    if (of_columns) {
      column_sum_ = column_square_ = VectorXd::Zero(loadings.rows());
    }
  }

  void add(const SparseRows& rows) {
    RowMatrix values = RowMatrix::Zero(rows.n_rows(), sum_.size());
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      for (int64_t e = rows.offsets[row]; e < rows.offsets[row + 1]; ++e) {
        values.row(row).head(loadings_.cols()) +=
            static_cast<double>(rows.values[e]) *
            loadings_.row(rows.indices[e]);
      }
      add_confounders(order_[static_cast<size_t>(n_ + row)], values, row);
    }
    sum_ += values.colwise().sum().transpose();
    product_.noalias() += values.transpose() * values;
    n_ += rows.n_rows();
    if (column_sum_.size() > 0) add_columns(rows);
  }

  int64_t n() const { return n_; }
  VectorXd mean() const {
    return sum_.head(loadings_.cols()) / static_cast<double>(n_);
  }
  // Of the scores, followed by the confounders.
  MatrixXd covariance() const {
    const VectorXd mean = sum_ / static_cast<double>(n_);
    return product_ / static_cast<double>(n_) - mean * mean.transpose();
  }
  VectorXd column_variance() const {
    const auto n = static_cast<double>(n_);
    return (column_square_ / n - (column_sum_ / n).cwiseAbs2()).cwiseMax(0);
  }

 private:
  void add_confounders(int64_t cell, RowMatrix& values, int64_t row) {
    const int64_t width = confounders_.width;
    const float* known = confounders_.values.data() + cell * width;
    for (int64_t j = 0; j < width; ++j) {
      values(row, loadings_.cols() + j) = known[j];
    }
  }

  void add_columns(const SparseRows& rows) {
    for (size_t k = 0; k < rows.indices.size(); ++k) {
      const double value = rows.values[k];
      column_sum_[rows.indices[k]] += value;
      column_square_[rows.indices[k]] += value * value;
    }
  }

  const RowMatrix& loadings_;
  const ConfounderMatrix& confounders_;
  std::vector<int64_t> order_;  // cells, by row
  VectorXd sum_, column_sum_, column_square_;
  MatrixXd product_;
  int64_t n_ = 0;
};

bool add_pass(const CellRows& cells, const std::vector<float>& weights,
              Moments& out) {
  return accessibility_rows(cells, weights, RowScale::kUnit)(
      [&](const SparseRows& rows) { out.add(rows); });
}

// What takes out of `k` scores what the confounders explain, [k x k], from the
// covariance of both: see Lsi.
MatrixXd removal(const MatrixXd& covariance, int64_t k) {
  const int64_t width = covariance.rows() - k;
  if (width == 0) return MatrixXd::Identity(k, k);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> scores(
      covariance.topLeftCorner(k, k));
  const double least = 1e-12 * std::max(1e-300, scores.eigenvalues()[k - 1]);
  const VectorXd spread = scores.eigenvalues().cwiseMax(least).cwiseSqrt();
  const MatrixXd whiten =
      scores.eigenvectors() * spread.cwiseInverse().asDiagonal();
  const MatrixXd cross =
      whiten.transpose() * covariance.topRightCorner(k, width);
  // One-hot labels sum to one: their covariance has no inverse.
  const MatrixXd explained = cross * covariance.bottomRightCorner(width, width)
                                         .completeOrthogonalDecomposition()
                                         .solve(cross.transpose());
  const Eigen::SelfAdjointEigenSolver<MatrixXd> canonical(
      0.5 * (explained + explained.transpose()));
  const VectorXd left =
      (1 - canonical.eigenvalues().array()).max(0).min(1).sqrt();
  const MatrixXd& u = canonical.eigenvectors();
  return whiten * (u * left.asDiagonal() * u.transpose()) *
         spread.asDiagonal() * scores.eigenvectors().transpose();
}

// Drops the first of the components.
RowMatrix without_first(const TruncatedSvd& svd, int64_t n_columns) {
  const auto width = static_cast<int64_t>(svd.singular_values.size());
  return Eigen::Map<const RowMatrix>(svd.loadings.data(), n_columns, width)
      .rightCols(width - 1);
}

void fill_signal(const RowMatrix& loadings, const VectorXd& noise_of_columns,
                 const VectorXd& held_out, int64_t n_held_out, Lsi& lsi) {
  const double beyond = 1 + 3 * std::sqrt(2 / static_cast<double>(n_held_out));
  for (int64_t k = 0; k < lsi.n_components; ++k) {
    const double noise = loadings.col(k).cwiseAbs2().dot(noise_of_columns);
    const double found = held_out[k];
    const bool any = found > noise && noise > 0;
    lsi.signal.push_back(any ? std::min(kMostSignal, 1 - noise / found) : 0);
    lsi.n_signal += any && found > beyond * noise;
  }
}

std::vector<double> to_vector(const VectorXd& values) {
  return {values.data(), values.data() + values.size()};
}

}  // namespace

std::optional<Lsi> fit_lsi(const CellRows& training, const CellRows& held_out,
                           const ConfounderMatrix& confounders,
                           const std::vector<float>& weights,
                           const LsiOptions& options) {
  if (held_out.n_rows() < 1) {
    throw Error(ErrorKind::kArgument, "There are no held-out cells for LSI.");
  }
  const int64_t n_columns = training.n_columns;
  SvdOptions svd_options;
  // Components that converge slowly are noise among noise.
  svd_options.power_iterations = 8;
  svd_options.n_components =
      std::min({options.n_components + 1, n_columns, training.n_rows()});
  svd_options.seed = options.seed;
  const auto svd =
      truncated_svd(accessibility_rows(training, weights, RowScale::kTfIdf),
                    n_columns, svd_options);
  if (!svd.has_value()) return std::nullopt;
  Lsi out;
  out.n_columns = n_columns;
  out.n_components = svd_options.n_components - 1;
  RowMatrix loadings = without_first(*svd, n_columns);
  Moments seen(loadings, training, confounders, /*of_columns=*/true);
  if (!add_pass(training, weights, seen)) return std::nullopt;
  const MatrixXd covariance = seen.covariance();
  const MatrixXd kept = removal(covariance, out.n_components);
  const int64_t k = out.n_components;
  out.mean = to_vector(kept.transpose() * seen.mean());
  out.variance = to_vector(
      (kept.transpose() * covariance.topLeftCorner(k, k) * kept).diagonal());
  loadings = loadings * kept;
  Moments unseen(loadings, held_out, {}, /*of_columns=*/false);
  if (!add_pass(held_out, weights, unseen)) return std::nullopt;
  fill_signal(loadings, seen.column_variance(), unseen.covariance().diagonal(),
              unseen.n(), out);
  out.loadings.assign(loadings.data(), loadings.data() + loadings.size());
  return out;
}

LinearPosterior linear_posterior(const Lsi& lsi, int64_t n_dimensions) {
  std::vector<int64_t> order(static_cast<size_t>(lsi.n_components));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return lsi.signal[a] > lsi.signal[b];
  });
  order.resize(std::min(n_dimensions, lsi.n_components));
  std::sort(order.begin(), order.end());
  LinearPosterior out;
  out.n_dimensions = n_dimensions;
  out.loadings.assign(static_cast<size_t>(lsi.n_columns * n_dimensions), 0);
  out.shift.assign(static_cast<size_t>(n_dimensions), 0);
  out.log_variance = out.shift;
  for (size_t j = 0; j < order.size(); ++j) {
    const int64_t k = order[j];
    if (!(lsi.variance[k] > 0)) continue;
    const double scale = std::sqrt(lsi.signal[k] / lsi.variance[k]);
    for (int64_t p = 0; p < lsi.n_columns; ++p) {
      out.loadings[p * n_dimensions + j] =
          static_cast<float>(scale * lsi.loadings[p * lsi.n_components + k]);
    }
    out.shift[j] = static_cast<float>(-scale * lsi.mean[k]);
    out.log_variance[j] = static_cast<float>(std::log1p(-lsi.signal[k]));
  }
  return out;
}

}  // namespace sailer
