// A reference as a linear map, against the same worked out densely.
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <random>

#include "../../src/core/linear/reference_map.h"
#include "catch.h"
#include "corpus_case.h"

using namespace sailer;
using namespace sailer_test;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// LSI has all of its 30 dimensions then, however exact the decomposition is.
constexpr int64_t kCells = 400, kPeaks = 31, kWidth = 5;

// Four kinds of cells, each with peaks of its own that are open more often.
Counts typed_counts() {
  Counts counts;
  counts.n_cells = kCells;
  counts.n_features = kPeaks;
  std::mt19937 engine(3);
  for (int64_t cell = 0; cell < kCells; ++cell) {
    for (int64_t p = 0; p < kPeaks; ++p) {
      const unsigned chance = p % 4 == cell % 4 ? 6 : 2;
      counts.values.push_back(engine() % 10 < chance || p == cell % kPeaks);
    }
  }
  return counts;
}

// Follows the kinds in three of its dimensions; a third of the cells have none.
Reference typed_reference() {
  Reference out;
  out.width = kWidth;
  std::mt19937 engine(4);
  std::normal_distribution<float> noise(0.1f, 0.6f);
  for (int64_t cell = 0; cell < kCells; ++cell) {
    for (int64_t j = 0; j < kWidth; ++j) {
      out.values.push_back(noise(engine) + (j < 3 && cell % 4 == j ? 2 : 0));
    }
    out.present.push_back(cell % 3 == 0 ? 0 : 1);
    out.weight.push_back(1);
  }
  return out;
}

// A case with every seventh cell left out.
struct Case {
  Counts counts = typed_counts();
  Reference reference = typed_reference();
  std::vector<float> weights;
  CellRows cells;

  Case() {
    cells.source = source_of(counts);
    cells.n_columns = kPeaks;
    for (int64_t p = 0; p < kPeaks; ++p) weights.push_back(1 + 0.02f * p);
    for (int64_t cell = 0; cell < kCells; ++cell) {
      cells.taken.push_back(cell % 7 != 0);
    }
  }

  std::vector<int64_t> rows(bool with_reference) const {
    std::vector<int64_t> out;
    for (int64_t cell = 0; cell < kCells; ++cell) {
      if (cells.taken[cell] == 0) continue;
      if (!with_reference || reference.present[cell] > 0) out.push_back(cell);
    }
    return out;
  }

  // Rows of length 1, or of TF-IDF.
  MatrixXd input(const std::vector<int64_t>& rows, bool unit) const {
    MatrixXd x(rows.size(), kPeaks);
    for (size_t i = 0; i < rows.size(); ++i) {
      double depth = 0;
      for (int64_t p = 0; p < kPeaks; ++p) {
        const bool open = counts.at(rows[i], p) > 0;
        x(i, p) = open ? weights[p] : 0;
        depth += open;
      }
      x.row(i) *= unit ? 1 / x.row(i).norm() : std::log1p(1e4 / depth);
    }
    return x;
  }

  MatrixXd values(const std::vector<int64_t>& rows) const {
    MatrixXd r(rows.size(), kWidth);
    for (size_t i = 0; i < rows.size(); ++i) {
      for (int64_t j = 0; j < kWidth; ++j) {
        r(i, j) = reference.values[rows[i] * kWidth + j];
      }
    }
    return r;
  }
};

MatrixXd matrix_of(const std::vector<float>& x, int64_t width) {
  return Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic,
                                        Eigen::RowMajor>>(
             x.data(), static_cast<Eigen::Index>(x.size()) / width, width)
      .cast<double>();
}

MatrixXd without_mean(const MatrixXd& x) {
  return x.rowwise() - x.colwise().mean();
}

// z of cells by their peaks.
MatrixXd by_peaks(const ReferenceMap& map, const MatrixXd& x) {
  const int64_t d = map.n_dimensions;
  return (x * matrix_of(map.loadings, d)).rowwise() +
         matrix_of(map.shift, d).row(0);
}

MatrixXd by_both(const ReferenceMap& map, const MatrixXd& x,
                 const MatrixXd& r) {
  MatrixXd seen(r.rows(), r.cols() + 1);
  seen << r, VectorXd::Ones(r.rows());
  return by_peaks(map, x) + seen * matrix_of(map.reference, map.n_dimensions);
}

}  // namespace

TEST_CASE("a reference map is the regression of the reference's axes on LSI") {
  const Case data;
  const auto rows = data.rows(true);
  const MatrixXd x = data.input(rows, true), r = data.values(rows);
  const auto n = static_cast<double>(rows.size());
  const Eigen::JacobiSVD<MatrixXd> lsi(data.input(data.rows(false), false),
                                       Eigen::ComputeThinV);
  const MatrixXd s = without_mean(x * lsi.matrixV().middleCols(1, 30));
  for (const int64_t d : {2, 5, 7}) {
    const auto map =
        reference_map(data.cells, data.weights, data.reference, d, 1);
    REQUIRE(map.has_value());
    const int64_t found = std::min(d, kWidth);
    const Eigen::JacobiSVD<MatrixXd> svd(r, Eigen::ComputeThinV);
    MatrixXd z = r * svd.matrixV().leftCols(found);
    z *= std::sqrt(n * static_cast<double>(found) / z.squaredNorm());

    const MatrixXd peaks = by_peaks(*map, x), both = by_both(*map, x, r);
    for (int64_t k = 0; k < found; ++k) {
      const VectorXd centred = without_mean(z.col(k));
      const VectorXd fit = s * s.colPivHouseholderQr().solve(centred);
      const double plain = fit.squaredNorm() / centred.squaredNorm();
      const double share = std::max(0.0, 1 - (1 - plain) * (n - 1) / (n - 31));
      VectorXd expected = fit * (share / plain) +
                          VectorXd::Constant(fit.size(), z.col(k).mean());
      const double sign = peaks.col(k).dot(expected) < 0 ? -1 : 1;
      INFO(d << " " << k << " " << share);
      REQUIRE((sign * peaks.col(k) - expected).cwiseAbs().maxCoeff() < 1e-3);
      expected += (1 - share) * centred;
      REQUIRE((sign * both.col(k) - expected).cwiseAbs().maxCoeff() < 1e-3);
    }
    for (int64_t k = found; k < d; ++k) {
      REQUIRE(both.col(k).cwiseAbs().maxCoeff() == 0);
    }
  }
}

TEST_CASE("what a cell without a reference has there changes nothing") {
  Case data;
  const auto map =
      reference_map(data.cells, data.weights, data.reference, 3, 1);
  for (int64_t cell = 0; cell < kCells; cell += 3) {
    data.reference.values[cell * kWidth] = 1e3f;
  }
  const auto same =
      reference_map(data.cells, data.weights, data.reference, 3, 1);
  REQUIRE(map->loadings == same->loadings);
  REQUIRE(map->shift == same->shift);
  REQUIRE(map->reference == same->reference);
}

TEST_CASE("where peaks tell no more than chance, the reference is all") {
  Case data;
  // Three cells with a reference: fewer than LSI has dimensions.
  std::fill(data.reference.present.begin(), data.reference.present.end(), 0.0f);
  for (const int64_t cell : {1, 2, 3}) data.reference.present[cell] = 1;
  const auto map =
      reference_map(data.cells, data.weights, data.reference, 3, 1);
  for (const float loading : map->loadings) REQUIRE(loading == 0);
  const MatrixXd r = data.values({1, 2, 3});
  const MatrixXd z = by_both(*map, data.input({1, 2, 3}, true), r);
  const MatrixXd g = r * r.transpose() * (9 / r.squaredNorm());
  REQUIRE((z * z.transpose() - g).norm() < 1e-4 * g.norm());
}

TEST_CASE("a reference map ends when it is stopped") {
  Case data;
  data.cells.cancelled = [] { return true; };
  REQUIRE_FALSE(reference_map(data.cells, data.weights, data.reference, 3, 1)
                    .has_value());
}
