// A reference as a linear map, compared with dense computations.
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "../../src/core/linear/reference_map.h"
#include "catch.h"
#include "corpus_case.h"

namespace linear_reference_map_test {

using namespace sailer;
using namespace sailer_test;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr int64_t kCells = 400, kPeaks = 31, kWidth = 5;

// Four kinds of cells, each with its own peaks that are open more often.
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

// Three of its dimensions follow the kinds; a third of the cells have none.
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

// A case in which every seventh cell is left out.
struct Case {
  Counts counts = typed_counts();
  Reference reference = typed_reference();
  std::vector<float> weights;
  CellRows cells;
  Lsi lsi;

  Case() {
    cells.source = source_of(counts);
    cells.n_columns = kPeaks;
    for (int64_t p = 0; p < kPeaks; ++p) weights.push_back(1 + 0.02f * p);
    for (int64_t cell = 0; cell < kCells; ++cell) {
      cells.taken.push_back(cell % 7 != 0);
    }
    CellRows held_out = cells;
    for (auto& taken : held_out.taken) taken = !taken;
    LsiOptions options;
    options.n_components = kPeaks - 1;
    lsi = *fit_lsi(cells, held_out, {}, weights, options);
  }

  auto map(int64_t d, const ConfounderMatrix& confounders = {}) const {
    return reference_map(cells, weights, reference, confounders, lsi, d);
  }

  std::vector<int64_t> rows(bool with_reference) const {
    std::vector<int64_t> out;
    for (int64_t cell = 0; cell < kCells; ++cell) {
      if (cells.taken[cell] == 0) continue;
      if (!with_reference || reference.present[cell] > 0) out.push_back(cell);
    }
    return out;
  }

  // Rows of length 1.
  MatrixXd input(const std::vector<int64_t>& rows) const {
    MatrixXd x(rows.size(), kPeaks);
    for (size_t i = 0; i < rows.size(); ++i) {
      for (int64_t p = 0; p < kPeaks; ++p) {
        x(i, p) = counts.at(rows[i], p) > 0 ? weights[p] : 0;
      }
      x.row(i).normalize();
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

MatrixXd lsi_loadings_of(const Lsi& lsi) {
  return Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic,
                                        Eigen::RowMajor>>(
      lsi.loadings.data(), lsi.n_columns, lsi.n_components);
}

MatrixXd without_mean(const MatrixXd& x) {
  return x.rowwise() - x.colwise().mean();
}

// z of the cells according to their peaks.
MatrixXd by_peaks(const ReferenceMap& map, const MatrixXd& x) {
  const int64_t d = map.peaks.n_dimensions;
  return (x * matrix_of(map.peaks.loadings, d)).rowwise() +
         matrix_of(map.peaks.shift, d).row(0);
}

MatrixXd by_both(const ReferenceMap& map, const MatrixXd& x,
                 const MatrixXd& r) {
  MatrixXd seen(r.rows(), r.cols() + 1);
  seen << r, VectorXd::Ones(r.rows());
  return by_peaks(map, x) +
         seen * matrix_of(map.reference, map.peaks.n_dimensions);
}

// The least-squares fit of y to x, both centred, and its adjusted R2.
struct Fit {
  VectorXd fitted;
  double plain, share;
};

Fit fit_of(const MatrixXd& x, const VectorXd& y) {
  Fit out;
  out.fitted = x * x.colPivHouseholderQr().solve(y);
  out.plain = out.fitted.squaredNorm() / y.squaredNorm();
  const auto n = static_cast<double>(y.size());
  const auto p = static_cast<double>(x.cols());
  out.share = std::max(0.0, 1 - (1 - out.plain) * (n - 1) / (n - 1 - p));
  return out;
}

// Compares the first dimensions of the map with the axes of `r`, computed
// densely.
void check_axes(const ReferenceMap& map, const MatrixXd& x, const MatrixXd& s,
                const MatrixXd& seen, const MatrixXd& r, int64_t found) {
  const Eigen::JacobiSVD<MatrixXd> svd(r, Eigen::ComputeThinV);
  MatrixXd z = r * svd.matrixV().leftCols(found);
  z *= std::sqrt(static_cast<double>(r.rows() * found) / z.squaredNorm());
  const MatrixXd peaks = by_peaks(map, x), both = by_both(map, x, seen);
  for (int64_t k = 0; k < found; ++k) {
    const VectorXd centred = without_mean(z.col(k));
    const Fit fit = fit_of(s, centred);
    VectorXd expected = fit.fitted * (fit.share / fit.plain) +
                        VectorXd::Constant(centred.size(), z.col(k).mean());
    const double sign = peaks.col(k).dot(expected) < 0 ? -1 : 1;
    INFO(found << " " << k << " " << fit.share);
    REQUIRE((sign * peaks.col(k) - expected).cwiseAbs().maxCoeff() < 1e-3);
    expected += (1 - fit.share) * centred;
    REQUIRE((sign * both.col(k) - expected).cwiseAbs().maxCoeff() < 1e-3);
    REQUIRE(map.peaks.log_variance[k] == 0);
  }
}

}  // namespace

TEST_CASE("a reference map is the regression of the reference's axes on LSI") {
  const Case data;
  const auto rows = data.rows(true);
  const MatrixXd x = data.input(rows), r = data.values(rows);
  const MatrixXd s = without_mean(x * lsi_loadings_of(data.lsi));
  for (const int64_t d : {2, 5, 7}) {
    const auto map = data.map(d);
    REQUIRE(map.has_value());
    check_axes(*map, x, s, r, r, std::min(d, kWidth));
  }
}

TEST_CASE("further axes are those of LSI unexplained by the reference") {
  const Case data;
  const auto rows = data.rows(true);
  const MatrixXd r = without_mean(data.values(rows));
  const MatrixXd s = without_mean(data.input(rows) * lsi_loadings_of(data.lsi));
  // Signal that the reference does not explain, and its component.
  std::vector<std::pair<double, int64_t>> left;
  double most_explained = 0;
  for (int64_t k = 0; k < data.lsi.n_components; ++k) {
    const double explained = fit_of(r, s.col(k)).share;
    most_explained = std::max(most_explained, explained);
    left.emplace_back(data.lsi.signal[k] * (1 - explained), k);
  }
  REQUIRE(most_explained > 0.2);
  std::sort(left.rbegin(), left.rend());
  std::vector<std::pair<int64_t, double>> best = {
      {left[0].second, left[0].first}, {left[1].second, left[1].first}};
  std::sort(best.begin(), best.end());
  const auto map = data.map(kWidth + 2);
  const auto all = data.rows(false);
  const MatrixXd x = data.input(all);
  const MatrixXd z = by_peaks(*map, x);
  const MatrixXd score = without_mean(x * lsi_loadings_of(data.lsi));
  for (int64_t j = 0; j < 2; ++j) {
    const auto [k, signal] = best[j];
    REQUIRE(signal > 0.05);
    const VectorXd expected =
        score.col(k) * std::sqrt(signal / data.lsi.variance[k]);
    REQUIRE((z.col(kWidth + j) - expected).cwiseAbs().maxCoeff() < 1e-3);
    REQUIRE(std::exp(map->peaks.log_variance[kWidth + j]) ==
            Approx(1 - signal).margin(1e-3));
    for (int64_t row = 0; row <= kWidth; ++row) {
      REQUIRE(map->reference[row * (kWidth + 2) + kWidth + j] == 0);
    }
  }
}

TEST_CASE("z starts without what confounders explain of the reference") {
  const bool strong = GENERATE(false, true);
  const float effect = strong ? 0.9f : 0.2f;
  Case data;
  ConfounderMatrix known = confounders_of_numbers(1, {});
  for (int64_t cell = 0; cell < kCells; ++cell) {
    known.numbers.push_back(cell % 5 < 2 ? 1 : -1);
    for (int64_t j = 0; j < kWidth; ++j) {
      data.reference.values[cell * kWidth + j] +=
          known.numbers.back() * (j < 2 ? effect : 0);
    }
  }
  const auto rows = data.rows(true);
  const auto n = static_cast<double>(rows.size());
  const MatrixXd x = data.input(rows), r = data.values(rows);
  const MatrixXd s = without_mean(x * lsi_loadings_of(data.lsi));
  VectorXd c(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) c[i] = known.numbers[rows[i]];
  const MatrixXd centred = without_mean(r);
  // The direction that predicts the confounder best: its least-squares fit.
  VectorXd told = fit_of(centred, without_mean(c)).fitted;
  const double plain = fit_of(centred, without_mean(c)).plain;
  const double explained = (plain - 1 / n) / (1 - 1 / n);
  REQUIRE((explained > 0.6) == strong);
  REQUIRE(explained > 0.05);
  const double taken = std::min(1.0, 2 * explained);
  told.normalize();
  const MatrixXd freed = r - taken * told * (told.transpose() * centred);
  for (const int64_t d : {2, 5}) {
    check_axes(*data.map(d, known), x, s, r, freed, d);
  }
  // A confounder that is constant leaves nothing to remove.
  known.numbers.assign(known.numbers.size(), 1);
  check_axes(*data.map(3, known), x, s, r, r, 3);
}

TEST_CASE("reference values of cells without a reference are ignored") {
  Case data;
  const auto map = data.map(3);
  for (int64_t cell = 0; cell < kCells; cell += 3) {
    data.reference.values[cell * kWidth] = 1e3f;
  }
  const auto same = data.map(3);
  REQUIRE(map->peaks.loadings == same->peaks.loadings);
  REQUIRE(map->peaks.shift == same->peaks.shift);
  REQUIRE(map->reference == same->reference);
}

TEST_CASE("if peaks predict no better than chance, only the reference counts") {
  Case data;
  // Three cells with a reference: fewer than the dimensions of LSI.
  std::fill(data.reference.present.begin(), data.reference.present.end(), 0.0f);
  for (const int64_t cell : {1, 2, 3}) data.reference.present[cell] = 1;
  const auto map = data.map(3);
  for (const float loading : map->peaks.loadings) REQUIRE(loading == 0);
  const MatrixXd r = data.values({1, 2, 3});
  const MatrixXd z = by_both(*map, data.input({1, 2, 3}), r);
  const MatrixXd g = r * r.transpose() * (9 / r.squaredNorm());
  REQUIRE((z * z.transpose() - g).norm() < 1e-4 * g.norm());
}

TEST_CASE("a reference map can be stopped") {
  Case data;
  data.cells.cancelled = [] { return true; };
  REQUIRE_FALSE(data.map(3).has_value());
}

}  // namespace linear_reference_map_test
