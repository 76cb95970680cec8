// Compares the streamed SVD with Eigen's dense one.
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "../../src/core/linear/truncated_svd.h"
#include "../../src/core/support/error.h"
#include "catch.h"

namespace linear_svd_test {

using namespace sailer;
using namespace sailer_test;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// The non-zero entries of rows [first, end).
SparseRows rows_of(const MatrixXd& a, int64_t first, int64_t end) {
  SparseRows rows;
  for (int64_t i = first; i < end; ++i) {
    for (int64_t p = 0; p < a.cols(); ++p) {
      if (a(i, p) == 0) continue;
      rows.indices.push_back(static_cast<int32_t>(p));
      rows.values.push_back(static_cast<float>(a(i, p)));
    }
    rows.offsets.push_back(static_cast<int64_t>(rows.indices.size()));
  }
  return rows;
}

RowPass in_blocks(const MatrixXd& a, int64_t size) {
  return [&a, size](const RowVisitor& visit) {
    for (int64_t i = 0; i < a.rows(); i += size) {
      visit(rows_of(a, i, std::min<int64_t>(i + size, a.rows())));
    }
    return true;
  };
}

// Rounded to the precision in which rows are streamed.
MatrixXd to_float(const MatrixXd& a) { return a.cast<float>().cast<double>(); }

MatrixXd random_matrix(int64_t n, int64_t p, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal;
  return MatrixXd::NullaryExpr(n, p, [&] { return normal(engine); });
}

// A tenth of the entries are non-zero; the columns' scales decrease, which
// separates the singular values.
MatrixXd sparse_matrix(int64_t n, int64_t p, unsigned seed) {
  MatrixXd a = random_matrix(n, p, seed);
  std::mt19937 engine(seed + 1);
  for (int64_t k = 0; k < a.size(); ++k) {
    if (engine() % 10 != 0) a.data()[k] = 0;
  }
  for (int64_t k = 0; k < p; ++k) a.col(k) *= std::pow(0.93, k);
  return to_float(a);
}

// A matrix with these singular values.
MatrixXd with_values(int64_t n, int64_t p, const VectorXd& d) {
  const auto basis = [](const MatrixXd& a) -> MatrixXd {
    return Eigen::HouseholderQR<MatrixXd>(a).householderQ() *
           MatrixXd::Identity(a.rows(), a.cols());
  };
  return basis(random_matrix(n, d.size(), 3)) * d.asDiagonal() *
         basis(random_matrix(p, d.size(), 4)).transpose();
}

// A matrix of rank r with the singular values 2^-1 ... 2^-r.
MatrixXd of_rank(int64_t n, int64_t p, int64_t r) {
  return with_values(n, p, VectorXd::NullaryExpr(r, [](Eigen::Index k) {
                       return std::pow(0.5, k + 1);
                     }));
}

SvdOptions of(int64_t n_components) {
  SvdOptions options;
  options.n_components = n_components;
  return options;
}

MatrixXd loadings_of(const TruncatedSvd& svd, int64_t p) {
  using Rows =
      Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  return Eigen::Map<const Rows>(
      svd.loadings.data(), p, static_cast<int64_t>(svd.singular_values.size()));
}

// The sine of the largest angle between two subspaces with orthonormal bases.
double largest_sine(const MatrixXd& a, const MatrixXd& b) {
  const MatrixXd rest = b - a * (a.transpose() * b);
  return Eigen::JacobiSVD<MatrixXd>(rest).singularValues()[0];
}

void check_orthonormal(const MatrixXd& v) {
  REQUIRE((v.transpose() * v - MatrixXd::Identity(v.cols(), v.cols()))
              .cwiseAbs()
              .maxCoeff() < 1e-12);
}

// `values`: relative error of the singular values. `sine`: that of the subspace
// and of each component.
void check_against_dense(const TruncatedSvd& svd, const MatrixXd& a,
                         double values, double sine) {
  const Eigen::JacobiSVD<MatrixXd> dense(a, Eigen::ComputeThinV);
  const auto k = static_cast<int64_t>(svd.singular_values.size());
  const MatrixXd loadings = loadings_of(svd, a.cols());
  REQUIRE(svd.n_rows == a.rows());
  check_orthonormal(loadings);
  for (int64_t j = 0; j < k; ++j) {
    const double expected = dense.singularValues()[j];
    REQUIRE(std::abs(svd.singular_values[j] / expected - 1) < values);
    REQUIRE(largest_sine(dense.matrixV().col(j), loadings.col(j)) < sine);
    Eigen::Index largest = 0;
    loadings.col(j).cwiseAbs().maxCoeff(&largest);
    REQUIRE(loadings(largest, j) > 0);
  }
  REQUIRE(largest_sine(dense.matrixV().leftCols(k), loadings) < sine);
}

}  // namespace

TEST_CASE("the streamed SVD equals the dense one", "[linear]") {
  const MatrixXd a = to_float(of_rank(90, 70, 30));
  const auto svd = truncated_svd(in_blocks(a, 90), 70, of(8));
  check_against_dense(*svd, a, 1e-10, 1e-9);
  REQUIRE(svd->column_means.empty());
}

TEST_CASE("the streamed SVD of sparse rows equals the dense one", "[linear]") {
  const MatrixXd a = sparse_matrix(400, 120, 5);
  check_against_dense(*truncated_svd(in_blocks(a, 64), 120, of(6)), a, 1e-6,
                      1e-3);
  SvdOptions more = of(6);
  more.power_iterations = 25;
  check_against_dense(*truncated_svd(in_blocks(a, 64), 120, more), a, 1e-10,
                      1e-7);
  // Fewer rows than the start has vectors.
  const MatrixXd wide = a.topRows(14);
  check_against_dense(*truncated_svd(in_blocks(wide, 5), 120, of(6)), wide,
                      1e-10, 1e-7);
}

TEST_CASE("components that fill two pieces of the kernel", "[linear]") {
  const MatrixXd a = sparse_matrix(400, 120, 5);
  check_against_dense(*truncated_svd(in_blocks(a, 64), 120, of(45)), a, 1e-6,
                      1e-3);
}

TEST_CASE("close singular values are separated in few passes", "[linear]") {
  // Without Chebyshev polynomials the sine is 0.5.
  const MatrixXd a = to_float(
      with_values(200, 150, VectorXd::LinSpaced(100, 1.0, 1.0 - 99 * 0.005)));
  const Eigen::JacobiSVD<MatrixXd> dense(a, Eigen::ComputeThinV);
  const auto svd = truncated_svd(in_blocks(a, 64), 150, of(4));
  REQUIRE(largest_sine(dense.matrixV().leftCols(4), loadings_of(*svd, 150)) <
          0.05);
  for (int64_t k = 0; k < 4; ++k) {
    REQUIRE(svd->singular_values[k] ==
            Approx(dense.singularValues()[k]).epsilon(1e-4));
  }
}

TEST_CASE("all components of a small matrix are exact", "[linear]") {
  const MatrixXd a = to_float(of_rank(20, 9, 9));
  check_against_dense(*truncated_svd(in_blocks(a, 20), 9, of(9)), a, 1e-7,
                      1e-7);
  const MatrixXd turned = a.transpose();
  check_against_dense(*truncated_svd(in_blocks(turned, 20), 20, of(9)), turned,
                      1e-7, 1e-7);
}

TEST_CASE("the centred SVD is that of the centred matrix", "[linear]") {
  MatrixXd a = sparse_matrix(300, 80, 7);
  for (int64_t p = 0; p < 80; ++p) a.col(p).array() += 0.5 + 0.01 * p;
  a = to_float(a);
  const VectorXd means = a.colwise().mean();
  const MatrixXd centred = a.rowwise() - means.transpose();
  SvdOptions options = of(5);
  options.center = true;
  options.power_iterations = 12;
  const auto svd = truncated_svd(in_blocks(a, 50), 80, options);
  check_against_dense(*svd, centred, 1e-9, 1e-6);
  for (int64_t p = 0; p < 80; ++p) {
    REQUIRE(svd->column_means[p] == Approx(means[p]).epsilon(1e-12));
  }
}

TEST_CASE("the bits of the SVD depend on the seed, not on blocks", "[linear]") {
  const MatrixXd a = sparse_matrix(200, 50, 9);
  SvdOptions options = of(4);
  options.center = true;
  const auto whole = truncated_svd(in_blocks(a, 200), 50, options);
  for (const int64_t size : {1, 7, 199}) {
    const auto cut = truncated_svd(in_blocks(a, size), 50, options);
    REQUIRE(cut->loadings == whole->loadings);
    REQUIRE(cut->singular_values == whole->singular_values);
    REQUIRE(cut->column_means == whole->column_means);
  }
  options.seed = 2;
  const auto other = truncated_svd(in_blocks(a, 200), 50, options);
  REQUIRE(other->loadings != whole->loadings);
  REQUIRE(largest_sine(loadings_of(*other, 50), loadings_of(*whole, 50)) <
          1e-3);
}

TEST_CASE("components beyond the rank have singular values of 0", "[linear]") {
  const MatrixXd a =
      to_float(random_matrix(60, 3, 1)) * to_float(random_matrix(3, 40, 2));
  const auto svd = truncated_svd(in_blocks(a, 60), 40, of(6));
  check_orthonormal(loadings_of(*svd, 40));
  for (size_t k = 3; k < 6; ++k) {
    REQUIRE(svd->singular_values[k] < 1e-6 * svd->singular_values[0]);
  }
  REQUIRE(svd->singular_values[2] > 1e-2 * svd->singular_values[0]);

  const auto none =
      truncated_svd(in_blocks(MatrixXd::Zero(30, 20), 8), 20, of(3));
  REQUIRE(none->singular_values == std::vector<double>(3, 0.0));
  check_orthonormal(loadings_of(*none, 20));
}

TEST_CASE("rows of zeros count as rows and change nothing else", "[linear]") {
  const MatrixXd a = sparse_matrix(100, 40, 3);
  MatrixXd longer = MatrixXd::Zero(150, 40);
  longer.topRows(100) = a;
  const auto without = truncated_svd(in_blocks(a, 30), 40, of(4));
  const auto with = truncated_svd(in_blocks(longer, 30), 40, of(4));
  REQUIRE(with->loadings == without->loadings);
  REQUIRE(with->n_rows == 150);
}

TEST_CASE("an SVD takes a fixed number of passes, and can stop in any",
          "[linear]") {
  const MatrixXd a = sparse_matrix(100, 40, 3);
  SvdOptions options = of(4);
  options.power_iterations = 3;
  int n_passes = 0, last = 100;
  const RowPass pass = [&](const RowVisitor& visit) {
    return ++n_passes < last && in_blocks(a, 10)(visit);
  };
  REQUIRE(truncated_svd(pass, 40, options).has_value());
  REQUIRE(n_passes == 4);
  for (last = 1; last <= 4; ++last) {
    n_passes = 0;
    REQUIRE_FALSE(truncated_svd(pass, 40, options).has_value());
    REQUIRE(n_passes == last);
  }
}

TEST_CASE("two iterations suffice from vectors of a part of the rows",
          "[linear]") {
  // 40 slowly decreasing values after 6 large ones, as is typical for cells.
  const int64_t n = 2000, p = 120, k = 6;
  VectorXd d(46);
  for (int64_t j = 0; j < 46; ++j) d[j] = j < k ? 20.0 - j : 10 - 0.02 * j;
  const MatrixXd a = to_float(with_values(n, p, d));
  const MatrixXd part = MatrixXd::NullaryExpr(
      n / 4, p, [&](Eigen::Index i, Eigen::Index j) { return a(4 * i, j); });
  SvdOptions options = of(k);
  options.power_iterations = 2;
  const auto cold = truncated_svd(in_blocks(a, 300), p, options);
  options.power_iterations = 8;
  const auto some = truncated_svd(in_blocks(part, 300), p, options);
  options.power_iterations = 2;
  options.start = some->loadings;
  const auto warm = truncated_svd(in_blocks(a, 300), p, options);
  check_against_dense(*warm, a, 1e-3, 0.05);
  const MatrixXd exact =
      Eigen::JacobiSVD<MatrixXd>(a, Eigen::ComputeThinV).matrixV().leftCols(k);
  REQUIRE(largest_sine(exact, loadings_of(*warm, p)) <
          0.2 * largest_sine(exact, loadings_of(*cold, p)));
  options.start.pop_back();
  REQUIRE_THROWS_WITH(truncated_svd(in_blocks(a, 300), p, options),
                      contains("`start`"));
}

TEST_CASE("invalid input of an SVD is refused", "[linear]") {
  MatrixXd a = sparse_matrix(5, 40, 3);
  const auto refuse = [&](const SvdOptions& options, const std::string& what) {
    REQUIRE_THROWS_WITH(truncated_svd(in_blocks(a, 10), 40, options),
                        contains(what));
  };
  refuse(of(0), "Between 1 and 40 components");
  refuse(of(41), "40 columns, not 41");
  refuse(of(6), "5 rows, not 6");
  SvdOptions options = of(2);
  options.power_iterations = 0;
  refuse(options, "power_iterations");
  options = of(2);
  options.oversampling = -1;
  refuse(options, "oversampling");
  a(3, 3) = std::numeric_limits<double>::quiet_NaN();
  refuse(of(2), "not finite");
}

}  // namespace linear_svd_test
