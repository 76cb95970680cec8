#include "truncated_svd.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "../support/error.h"
#include "../support/kernels.h"
#include "../support/shuffle.h"
#include "eigen.h"

namespace sailer {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

void check_components(int64_t n_components, int64_t n, const char* what) {
  require(n_components >= 1 && n_components <= n, "Between 1 and ", n,
          " components can be found in a matrix of ", n, " ", what, ", not ",
          n_components, ".");
}

// The number of vectors to iterate with.
int64_t sketch_width(const SvdOptions& options, int64_t n_columns) {
  constexpr int64_t kLanes = 8;
  const int64_t wanted = options.n_components + options.oversampling;
  return std::min(n_columns, (wanted + kLanes - 1) / kLanes * kLanes);
}

void check_options(const SvdOptions& options, int64_t n_columns) {
  check_components(options.n_components, n_columns, "columns");
  require(
      n_of(options.start) % n_columns == 0 &&
          n_of(options.start) / n_columns <= sketch_width(options, n_columns),
      "`start` must have up to as many vectors as are iterated with.");
  require(options.oversampling >= 0, "`oversampling` must not be negative.");
  require(options.power_iterations >= 1,
          "`power_iterations` must be 1 or more.");
}

// Returns an orthonormal basis of the given vectors and random ones.
RowMatrix start_of(const SvdOptions& options, int64_t n_columns) {
  const int64_t width = sketch_width(options, n_columns);
  MatrixXd start(n_columns, width);
  std::mt19937_64 engine(derive_seed(options.seed, kSketchStream));
  for (int64_t k = 0; k < start.size(); ++k) {
    start.data()[k] = 2 * uniform_unit(engine) - 1;
  }
  const int64_t n_given = n_of(options.start) / n_columns;
  start.leftCols(n_given) =
      Eigen::Map<const RowMatrix>(options.start.data(), n_columns, n_given);
  return Eigen::HouseholderQR<MatrixXd>(start).householderQ() *
         MatrixXd::Identity(n_columns, width);
}

// Multiplies by A'A, where A is the streamed matrix, with its column means
// subtracted if `center`.
class GramProduct {
 public:
  GramProduct(const RowPass& pass, int64_t n_columns, bool center,
              const SumOfAll& sum_of_all)
      : pass_(pass),
        sum_of_all_(sum_of_all),
        center_(center),
        means_(VectorXd::Zero(n_columns)) {}

  // out = A'(A q), in one pass over the rows. Returns false if it was stopped.
  bool multiply(const RowMatrix& q, RowMatrix& out) {
    out.setZero(q.rows(), q.cols());
    const bool sum = center_ && n_rows_ == 0;
    double n_rows = 0;
    const bool whole = pass_([&](const SparseRows& rows) {
      kernels::add_gram_rows(out.data(), q.data(), q.cols(),
                             rows.offsets.data(), rows.indices.data(),
                             rows.values.data(), rows.n_rows());
      if (sum) add_columns(rows);
      n_rows += static_cast<double>(rows.n_rows());
    });
    if (!whole) return false;
    sum_of_all_(&n_rows, 1);
    sum_of_all_(out.data(), out.size());
    if (sum) sum_of_all_(means_.data(), means_.size());
    n_rows_ = static_cast<int64_t>(n_rows);
    if (sum) means_ /= std::max(1.0, n_rows);
    if (center_) {
      const Eigen::RowVectorXd row = means_.transpose() * q;
      out.noalias() -= (n_rows * means_) * row;
    }
    return true;
  }

  int64_t n_rows() const { return n_rows_; }
  const VectorXd& means() const { return means_; }

 private:
  void add_columns(const SparseRows& rows) {
    for (size_t k = 0; k < rows.indices.size(); ++k) {
      means_[rows.indices[k]] += rows.values[k];
    }
  }

  const RowPass& pass_;
  const SumOfAll& sum_of_all_;
  bool center_;
  VectorXd means_;  // sums during the first pass
  int64_t n_rows_ = 0;
};

MatrixXd symmetric_product(const RowMatrix& q, const RowMatrix& z) {
  const MatrixXd product = q.transpose() * z;
  return 0.5 * (product + product.transpose());
}

// Returns a bound that all wanted eigenvalues of A'A exceed: the smallest one
// within the span of `q`, which is no larger than the true one of the same
// rank. 0 if it is noise.
double lower_bound(const RowMatrix& q, const RowMatrix& z) {
  constexpr double kNoise = 1e-9;
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(symmetric_product(q, z),
                                                       Eigen::EigenvaluesOnly);
  const auto& values = solver.eigenvalues();
  const double least = values[0], largest = values[values.size() - 1];
  return least > kNoise * largest ? least : 0;
}

// Chebyshev polynomials on [0, bound] stay within 1 there and grow fastest
// beyond. Their recurrence computes the next basis from the current one and the
// one before it. The next basis is made orthonormal, and the current one, which
// it replaces, is transformed in the same way.
class Chebyshev {
 public:
  // `z` is A'A q and is overwritten. `q` becomes the next basis.
  void step(double bound, RowMatrix& q, RowMatrix& z) {
    z -= (bound / 2) * q;
    if (previous_.size() > 0) z -= (bound * bound / 16) * previous_;
    const Eigen::HouseholderQR<MatrixXd> qr(z);
    previous_.resize(0, 0);
    if (bound > 0) {
      previous_ = q;
      qr.matrixQR()
          .topRows(q.cols())
          .triangularView<Eigen::Upper>()
          .solveInPlace<Eigen::OnTheRight>(previous_);
    }
    q = qr.householderQ() * MatrixXd::Identity(q.rows(), q.cols());
  }

 private:
  RowMatrix previous_;
};

void fix_signs(MatrixXd& loadings) {
  for (int64_t k = 0; k < loadings.cols(); ++k) {
    Eigen::Index largest = 0;
    loadings.col(k).cwiseAbs().maxCoeff(&largest);
    if (loadings(largest, k) < 0) loadings.col(k) *= -1;
  }
}

// Rayleigh-Ritz: the best that the span of `q` holds, with `z` = A'A q.
TruncatedSvd decompose(const RowMatrix& q, const RowMatrix& z,
                       int64_t n_components) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(symmetric_product(q, z));
  // The eigenvalues are in increasing order.
  MatrixXd loadings =
      q * solver.eigenvectors().rightCols(n_components).rowwise().reverse();
  fix_signs(loadings);
  TruncatedSvd out;
  out.loadings.resize(static_cast<size_t>(loadings.size()));
  Eigen::Map<RowMatrix>(out.loadings.data(), loadings.rows(), loadings.cols()) =
      loadings;
  for (int64_t k = 0; k < n_components; ++k) {
    out.singular_values.push_back(
        std::sqrt(std::max(0.0, solver.eigenvalues()[q.cols() - 1 - k])));
  }
  return out;
}

}  // namespace

std::optional<TruncatedSvd> truncated_svd(const RowPass& pass,
                                          int64_t n_columns,
                                          const SvdOptions& options,
                                          const SumOfAll& sum_of_all) {
  check_options(options, n_columns);
  GramProduct gram(pass, n_columns, options.center, sum_of_all);
  RowMatrix q = start_of(options, n_columns);
  RowMatrix z;
  Chebyshev filter;
  for (int64_t k = 0; k < options.power_iterations; ++k) {
    if (!gram.multiply(q, z)) return std::nullopt;
    if (k == 0) check_components(options.n_components, gram.n_rows(), "rows");
    if (k == 0 && !z.allFinite()) {
      throw_error(ErrorKind::kNumeric,
                  "A matrix to be decomposed has a value that is not finite.");
    }
    filter.step(lower_bound(q, z), q, z);
  }
  if (!gram.multiply(q, z)) return std::nullopt;
  TruncatedSvd out = decompose(q, z, options.n_components);
  out.n_rows = gram.n_rows();
  if (options.center) {
    out.column_means.assign(gram.means().data(),
                            gram.means().data() + n_columns);
  }
  return out;
}

}  // namespace sailer
