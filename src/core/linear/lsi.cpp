#include "lsi.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../support/error.h"
#include "lsi_scores.h"

namespace sailer {
namespace {

// A component is never taken to be all signal: the decoder has to learn.
constexpr double kMostSignal = 0.98;

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Means and covariances of scores, and of them with the confounders of their
// cells; on request variances of columns.
class Moments {
 public:
  Moments(const RowMatrix& loadings, const CellRows& cells,
          const ConfounderMatrix& confounders, bool of_columns)
      : loadings_(loadings),
        confounders_(confounders),
        order_(cells_by_row(cells)) {
    const int64_t width = loadings.cols() + confounders.width;
    sum_ = VectorXd::Zero(width);
    product_ = MatrixXd::Zero(width, width);
    if (of_columns) {
      column_sum_ = column_square_ = VectorXd::Zero(loadings.rows());
    }
  }

  void add(const SparseRows& rows) {
    RowMatrix values(rows.n_rows(), sum_.size());
    values.leftCols(loadings_.cols()) = scores_of(rows, loadings_);
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
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
    known_.resize(static_cast<size_t>(confounders_.width));
    confounders_.write_row(cell, known_.data());
    std::copy(known_.begin(), known_.end(),
              values.row(row).data() + loadings_.cols());
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
  std::vector<float> known_;    // confounders of one cell
  VectorXd sum_, column_sum_, column_square_;
  MatrixXd product_;
  int64_t n_ = 0;
};

bool add_pass(const CellRows& cells, const std::vector<float>& weights,
              Moments& out) {
  return accessibility_rows(cells, weights, RowScale::kUnit)(
      [&](const SparseRows& rows) { out.add(rows); });
}

// Covariances of scores: of the training cells, followed by those with the
// confounders; of the held-out cells; and of independent peaks.
struct Spreads {
  MatrixXd training, held_out, noise;
};

double signal_of(double held_out, double noise) {
  return held_out > noise && noise > 0 ? 1 - noise / held_out : 0;
}

// How far scores along a direction are shrunk: see Lsi.
double kept_share(double signal, double explained, bool strict) {
  if (explained == 0) return 1;
  if (explained >= signal) return 0;
  if (strict) return strictly_kept(explained / signal);
  return std::sqrt((signal - explained) / (1 - explained) / signal);
}

// What takes out of `k` scores what the confounders explain, [k x k]: see Lsi.
MatrixXd removal(const Spreads& spreads, int64_t k, double n, bool strict) {
  if (k == 0 || spreads.training.rows() == k) return MatrixXd::Identity(k, k);
  const Canonical canonical = canonical_directions(spreads.training, k, n);
  const MatrixXd& a = canonical.directions;
  VectorXd kept(k);
  for (int64_t j = 0; j < k; ++j) {
    const double signal = signal_of(a.col(j).dot(spreads.held_out * a.col(j)),
                                    a.col(j).dot(spreads.noise * a.col(j)));
    kept[j] = kept_share(signal, canonical.explained[j], strict);
  }
  // a' times the covariance is the inverse of a.
  return a * kept.asDiagonal() * a.transpose() *
         spreads.training.topLeftCorner(k, k);
}

std::vector<double> to_vector(const VectorXd& values) {
  return {values.data(), values.data() + values.size()};
}

// The variance that is left of each component has its share of the signal.
void fill_signal(const Spreads& spreads, const MatrixXd& kept,
                 int64_t n_held_out, Lsi& lsi) {
  const double beyond = 1 + 3 * std::sqrt(2 / static_cast<double>(n_held_out));
  const int64_t k = lsi.n_components;
  const MatrixXd scores = spreads.training.topLeftCorner(k, k);
  const VectorXd left = (kept.transpose() * scores * kept).diagonal();
  lsi.variance = to_vector(left);
  for (int64_t j = 0; j < k; ++j) {
    const double share = scores(j, j) > 0 ? left[j] / scores(j, j) : 0;
    const double signal =
        share * signal_of(spreads.held_out(j, j), spreads.noise(j, j));
    lsi.signal.push_back(std::min(kMostSignal, signal));
    lsi.n_signal += signal > 1 - 1 / beyond;
  }
}

}  // namespace

std::optional<Lsi> fit_lsi(const CellRows& training, const CellRows& held_out,
                           const ConfounderMatrix& confounders,
                           const std::vector<float>& weights,
                           const LsiOptions& options) {
  if (held_out.n_rows() < 1) {
    throw Error(ErrorKind::kArgument, "There are no held-out cells for LSI.");
  }
  SvdOptions svd_options;
  // Components that converge slowly are noise among noise.
  svd_options.power_iterations = 8;
  svd_options.n_components = options.n_components;
  svd_options.seed = options.seed;
  const auto found = lsi_loadings(training, weights, svd_options);
  if (!found.has_value()) return std::nullopt;
  const RowMatrix& loadings = *found;
  const int64_t k = loadings.cols();
  Lsi out;
  out.n_columns = training.n_columns;
  out.n_components = k;
  Moments seen(loadings, training, confounders, /*of_columns=*/true);
  const ConfounderMatrix none;
  Moments unseen(loadings, held_out, none, /*of_columns=*/false);
  if (!add_pass(training, weights, seen) ||
      !add_pass(held_out, weights, unseen)) {
    return std::nullopt;
  }
  const Spreads spreads{
      seen.covariance(), unseen.covariance(),
      loadings.transpose() * seen.column_variance().asDiagonal() * loadings};
  const MatrixXd kept =
      removal(spreads, k, static_cast<double>(seen.n()), options.strict);
  out.mean = to_vector(kept.transpose() * seen.mean());
  fill_signal(spreads, kept, unseen.n(), out);
  const RowMatrix freed = loadings * kept;
  out.loadings.assign(freed.data(), freed.data() + freed.size());
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
