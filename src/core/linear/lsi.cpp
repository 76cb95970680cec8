#include "lsi.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "../support/error.h"
#include "lsi_scores.h"

namespace sailer {

CellNumbers numbers_of(const ConfounderMatrix& confounders) {
  return {confounders.width, [&confounders](int64_t cell, float* row) {
            confounders.write_row(cell, row);
          }};
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

bool for_each_scores(const CellRows& cells, const std::vector<float>& weights,
                     const RowMatrix& loadings,
                     const std::vector<CellNumbers>& beside,
                     const ScoreVisitor& visit) {
  int64_t width = loadings.cols();
  for (const CellNumbers& numbers : beside) width += numbers.width;
  int64_t cell = cells.first - 1;  // that of the last row
  std::vector<float> one;          // its numbers
  const auto add = [&](const SparseRows& rows) {
    RowMatrix values(rows.n_rows(), width);
    values.leftCols(loadings.cols()) = scores_of(rows, loadings);
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      do {
        ++cell;
      } while (!cells.taken.empty() && cells.taken[cell] == 0);
      int64_t at = loadings.cols();
      for (const CellNumbers& numbers : beside) {
        one.resize(static_cast<size_t>(numbers.width));
        numbers.write(cell, one.data());
        for (const float number : one) values(row, at++) = number;
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

namespace {

// No component counts as all signal, because the decoder has to learn.
constexpr double kMostSignal = 0.98;

using Eigen::MatrixXd;
using Eigen::VectorXd;

// From this many cells on, the decomposition starts from that of every
// kEvery-th cell.
constexpr int64_t kManyCells = 200000, kEvery = 4;

CellRows part_of(CellRows cells) {
  if (cells.taken.empty()) cells.taken.assign(cells.n_rows(), 1);
  int64_t k = 0;  // index among the taken cells
  for (uint8_t& taken : cells.taken) taken = taken != 0 && k++ % kEvery == 0;
  return cells;
}

std::optional<TruncatedSvd> decompose_tf_idf(const CellRows& cells,
                                             const std::vector<float>& weights,
                                             SvdOptions options) {
  const auto decompose = [&](const CellRows& rows) {
    return truncated_svd(accessibility_rows(rows, weights, RowScale::kTfIdf),
                         rows.n_columns, options, rows.sum_of_all);
  };
  // Components that converge slowly are noise anyway.
  options.power_iterations = 8;
  if (cells.n_rows() < kManyCells) return decompose(cells);
  auto of_part = decompose(part_of(cells));
  if (!of_part.has_value()) return std::nullopt;
  options.start = std::move(of_part->loadings);
  options.power_iterations = 2;
  return decompose(cells);
}

// Covariances: of the scores of the training cells, followed by their
// confounders; of the scores of the held-out cells; and of the scores if peaks
// were independent.
struct Spreads {
  MatrixXd training, held_out, noise;
};

double signal_of(double held_out, double noise) {
  return held_out > noise && noise > 0 ? 1 - noise / held_out : 0;
}

// The factor by which scores along a direction are shrunk: see Lsi.
double kept_share(double signal, double explained, bool strict) {
  if (explained == 0) return 1;
  if (explained >= signal) return 0;
  if (strict) return strictly_kept(explained / signal);
  return std::sqrt((signal - explained) / (1 - explained) / signal);
}

// The matrix [k x k] that removes from `k` scores what the confounders explain:
// see Lsi.
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

// Each component keeps the same share of its signal as of its variance.
void fill_signal(const Spreads& spreads, const MatrixXd& kept,
                 double n_held_out, Lsi& lsi) {
  const double beyond = 1 + 3 * std::sqrt(2 / n_held_out);
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
  require(held_out.n_rows() > 0, "There are no held-out cells for LSI.");
  SvdOptions svd_options;
  svd_options.n_components = std::min(
      {options.n_components + 1, training.n_columns, training.n_rows()});
  svd_options.seed = options.seed;
  const auto svd = decompose_tf_idf(training, weights, svd_options);
  if (!svd.has_value()) return std::nullopt;
  const int64_t k = svd_options.n_components - 1;
  const RowMatrix loadings =
      Eigen::Map<const RowMatrix>(svd->loadings.data(), training.n_columns,
                                  k + 1)
          .rightCols(k);
  Lsi out;
  out.n_columns = training.n_columns;
  out.n_components = k;
  Moments seen(k + confounders.width), unseen(k);
  VectorXd sum = VectorXd::Zero(out.n_columns), square = sum;  // of columns
  const auto add = [&](const SparseRows& rows, const RowMatrix& values) {
    seen.add(values);
    for (size_t e = 0; e < rows.indices.size(); ++e) {
      const double value = rows.values[e];
      sum[rows.indices[e]] += value;
      square[rows.indices[e]] += value * value;
    }
  };
  if (!for_each_scores(training, weights, loadings, {numbers_of(confounders)},
                       add) ||
      !for_each_scores(held_out, weights, loadings, {},
                       [&](const SparseRows&, const RowMatrix& values) {
                         unseen.add(values);
                       })) {
    return std::nullopt;
  }
  seen.add_up(training.sum_of_all);
  unseen.add_up(training.sum_of_all);
  training.sum_of_all(sum.data(), sum.size());
  training.sum_of_all(square.data(), square.size());
  const VectorXd variance =
      (square / seen.n() - (sum / seen.n()).cwiseAbs2()).cwiseMax(0);
  const Spreads spreads{
      seen.covariance(), unseen.covariance(),
      loadings.transpose() * variance.asDiagonal() * loadings};
  const MatrixXd kept = removal(spreads, k, seen.n(), options.strict);
  out.mean = to_vector(kept.transpose() * seen.mean().head(k));
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
