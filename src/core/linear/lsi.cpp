#include "lsi.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../support/error.h"
#include "truncated_svd.h"

namespace sailer {
namespace {

// A component is never taken to be all signal: the decoder has to learn.
constexpr double kMostSignal = 0.98;

// Variances of scores and, if asked for, of columns.
class Moments {
 public:
  Moments(int64_t width, int64_t n_columns, bool of_columns)
      : width_(width),
        sum_(width),
        square_(width),
        score_(width),
        column_sum_(of_columns ? n_columns : 0),
        column_square_(column_sum_) {}

  // Of loadings [columns x width].
  void add(const SparseRows& rows, const std::vector<double>& loadings) {
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      std::fill(score_.begin(), score_.end(), 0);
      for (int64_t e = rows.offsets[row]; e < rows.offsets[row + 1]; ++e) {
        add_entry(rows.indices[e], rows.values[e], loadings);
      }
      for (int64_t k = 0; k < width_; ++k) {
        sum_[k] += score_[k];
        square_[k] += score_[k] * score_[k];
      }
    }
    n_ += static_cast<double>(rows.n_rows());
  }

  double n() const { return n_; }
  double mean(int64_t k) const { return sum_[k] / n_; }
  double variance(int64_t k) const {
    return std::max(0.0, square_[k] / n_ - mean(k) * mean(k));
  }
  double column_variance(int64_t p) const {
    const double mean = column_sum_[p] / n_;
    return std::max(0.0, column_square_[p] / n_ - mean * mean);
  }

 private:
  void add_entry(int64_t column, double value,
                 const std::vector<double>& loadings) {
    const double* line = loadings.data() + column * width_;
    for (int64_t k = 0; k < width_; ++k) score_[k] += value * line[k];
    if (column_sum_.empty()) return;
    column_sum_[column] += value;
    column_square_[column] += value * value;
  }

  int64_t width_;
  std::vector<double> sum_, square_, score_;
  std::vector<double> column_sum_, column_square_;
  double n_ = 0;
};

bool add_pass(const CellRows& cells, const std::vector<float>& weights,
              const std::vector<double>& loadings, Moments& out) {
  return accessibility_rows(cells, weights, RowScale::kUnit)(
      [&](const SparseRows& rows) { out.add(rows, loadings); });
}

// Drops the first of the components.
std::vector<double> without_first(const std::vector<double>& loadings,
                                  int64_t n_columns, int64_t width) {
  std::vector<double> out;
  out.reserve(static_cast<size_t>(n_columns * (width - 1)));
  for (int64_t p = 0; p < n_columns; ++p) {
    const auto line = loadings.begin() + p * width;
    out.insert(out.end(), line + 1, line + width);
  }
  return out;
}

void fill_signal(const Moments& training, const Moments& held_out, Lsi& lsi) {
  const double beyond = 1 + 3 * std::sqrt(2 / held_out.n());
  for (int64_t k = 0; k < lsi.n_components; ++k) {
    lsi.mean.push_back(training.mean(k));
    lsi.variance.push_back(training.variance(k));
    double noise = 0;
    for (int64_t p = 0; p < lsi.n_columns; ++p) {
      const double loading = lsi.loadings[p * lsi.n_components + k];
      noise += loading * loading * training.column_variance(p);
    }
    const double found = held_out.variance(k);
    const bool any = found > noise && noise > 0;
    lsi.signal.push_back(any ? std::min(kMostSignal, 1 - noise / found) : 0);
    lsi.n_signal += any && found > beyond * noise;
  }
}

}  // namespace

std::optional<Lsi> fit_lsi(const CellRows& training, const CellRows& held_out,
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
  out.loadings =
      without_first(svd->loadings, n_columns, svd_options.n_components);
  Moments seen(out.n_components, n_columns, /*of_columns=*/true);
  Moments unseen(out.n_components, n_columns, /*of_columns=*/false);
  if (!add_pass(training, weights, out.loadings, seen) ||
      !add_pass(held_out, weights, out.loadings, unseen)) {
    return std::nullopt;
  }
  fill_signal(seen, unseen, out);
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
