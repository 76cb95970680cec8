// Cells as rows of a matrix, and their LSI, compared with dense computations.
#include <cmath>
#include <memory>
#include <numeric>

#include "../../src/core/data/readers/sources.h"
#include "../../src/core/linear/cell_rows.h"
#include "../../src/core/linear/eigen.h"
#include "../../src/core/linear/lsi.h"
#include "../../src/core/support/error.h"
#include "catch.h"
#include "data_files.h"

namespace linear_cell_rows_test {
using namespace sailer;
using namespace sailer_test;

namespace {

const std::vector<float> kOnes(15, 1.0f);

struct Slots {
  std::vector<int32_t> offsets{0};
  std::vector<int32_t> indices;
  std::vector<double> values;
};

// With an explicit zero, which some matrices have.
CellSourcePtr source_of(const Counts& counts) {
  const auto slots = std::make_shared<Slots>();
  for (int64_t cell = 0; cell < counts.n_cells; ++cell) {
    for (int64_t f = 0; f < counts.n_features; ++f) {
      if (counts.at(cell, f) == 0 && f != 0) continue;
      slots->indices.push_back(static_cast<int32_t>(f));
      slots->values.push_back(counts.at(cell, f));
    }
    slots->offsets.push_back(static_cast<int32_t>(slots->indices.size()));
  }
  const MatrixView view{slots->offsets.data(), slots->indices.data(),
                        slots->values.data(),  counts.n_features,
                        counts.n_cells,        n_of(slots->indices)};
  return matrix_source(view, slots);
}

// Selects the odd features in decreasing order, and two of every three cells.
struct Chosen {
  Counts counts = random_counts(120, 30);
  CellRows cells;
  std::vector<int64_t> taken;

  Chosen() {
    cells.source = source_of(counts);
    cells.n_columns = 15;
    for (int32_t f = 0; f < 30; ++f) {
      cells.map.push_back(f % 2 == 1 ? 14 - f / 2 : -1);
    }
    for (int64_t cell = 0; cell < 120; ++cell) {
      cells.taken.push_back(cell % 3 != 1);
      if (cell % 3 != 1) taken.push_back(cell);
    }
  }

  float count(int64_t row, int64_t column) const {
    return counts.at(taken[row], 2 * (14 - column) + 1);
  }
};

// All rows of a pass as a dense matrix. Fails if an entry occurs twice.
std::vector<std::vector<float>> collect(const RowPass& pass, int64_t width) {
  std::vector<std::vector<float>> out;
  REQUIRE(pass([&](const SparseRows& rows) {
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      out.emplace_back(width, 0.0f);
      for (int64_t k = rows.offsets[row]; k < rows.offsets[row + 1]; ++k) {
        REQUIRE(out.back().at(rows.indices[k]) == 0);
        out.back()[rows.indices[k]] = rows.values[k];
      }
    }
  }));
  return out;
}

}  // namespace

TEST_CASE("inverse document frequencies", "[linear]") {
  const std::vector<float> idf = inverse_document_frequency({0, 9, 99}, 100);
  REQUIRE(idf[0] == Approx(std::log(101.0)));
  REQUIRE(idf[1] == Approx(std::log(11.0)));
  REQUIRE(idf[2] == Approx(std::log(2.0)));
}

TEST_CASE("rows of accessibility are TF-IDF of length 1", "[linear]") {
  const Chosen chosen;
  REQUIRE(chosen.cells.n_rows() == 80);
  std::vector<float> weights;
  for (int k = 0; k < 15; ++k) weights.push_back(0.5f + 0.1f * k);
  const RowPass pass = accessibility_rows(chosen.cells, weights);
  const auto rows = collect(pass, 15);
  REQUIRE(rows.size() == 80);
  int n_empty = 0;
  for (int64_t row = 0; row < 80; ++row) {
    // Term frequency is relative to depth, but its scale cancels at length 1.
    double depth = 0, square = 0;
    for (int k = 0; k < 15; ++k) depth += chosen.count(row, k) > 0;
    for (int k = 0; k < 15; ++k) {
      const double tf = depth > 0 ? (chosen.count(row, k) > 0) / depth : 0;
      square += std::pow(tf * weights[k], 2);
    }
    n_empty += depth == 0;
    for (int k = 0; k < 15; ++k) {
      const double tf = depth > 0 ? (chosen.count(row, k) > 0) / depth : 0;
      const double expected =
          square > 0 ? tf * weights[k] / std::sqrt(square) : 0;
      REQUIRE(rows[row][k] == Approx(expected).margin(1e-12).epsilon(1e-6));
    }
  }
  REQUIRE(n_empty > 0);
  REQUIRE(collect(pass, 15) == rows);  // again
}

TEST_CASE("rows of expression are log-normalised by the total of all genes",
          "[linear]") {
  const Chosen chosen;
  const auto rows = collect(expression_rows(chosen.cells), 15);
  REQUIRE(rows.size() == 80);
  for (int64_t row = 0; row < 80; ++row) {
    double total = 0;
    for (int64_t f = 0; f < 30; ++f) {
      total += chosen.counts.at(chosen.taken[row], f);
    }
    for (int k = 0; k < 15; ++k) {
      const double count = chosen.count(row, k);
      const double expected = count > 0 ? std::log1p(1e4 * count / total) : 0;
      REQUIRE(rows[row][k] == Approx(expected).epsilon(1e-6));
    }
  }
}

TEST_CASE("without a map and a selection, rows are all cells", "[linear]") {
  const Counts counts = random_counts(40, 12);
  CellRows cells;
  cells.source = source_of(counts);
  cells.n_columns = 12;
  REQUIRE(cells.n_rows() == 40);
  const auto rows =
      collect(accessibility_rows(cells, std::vector<float>(12, 1.0f)), 12);
  REQUIRE(rows.size() == 40);
  for (int64_t cell = 0; cell < 40; ++cell) {
    for (int64_t f = 0; f < 12; ++f) {
      REQUIRE((rows[cell][f] > 0) == (counts.at(cell, f) > 0));
    }
  }
}

TEST_CASE("rows of TF-IDF keep each cell's own scale", "[linear]") {
  const Chosen chosen;
  const std::vector<float> weights(15, 2.0f);
  const auto rows =
      collect(accessibility_rows(chosen.cells, weights, RowScale::kTfIdf), 15);
  for (int64_t row = 0; row < 80; ++row) {
    int depth = 0;
    for (int64_t f = 0; f < 15; ++f) depth += chosen.count(row, f) > 0;
    for (int64_t f = 0; f < 15; ++f) {
      const double expected =
          chosen.count(row, f) > 0 ? 2 * std::log1p(1e4 / depth) : 0;
      REQUIRE(rows[row][f] == Approx(expected));
    }
  }
}

namespace {

// The rows of Chosen as dense matrices: TF-IDF, and scaled to length 1.
struct Dense {
  Eigen::MatrixXd tfidf, unit;
};

Dense dense_of(const Chosen& chosen, const std::vector<float>& weights,
               const std::vector<int64_t>& cells) {
  const auto n = static_cast<int64_t>(cells.size());
  Dense out{Eigen::MatrixXd::Zero(n, 15), Eigen::MatrixXd::Zero(n, 15)};
  for (int64_t row = 0; row < n; ++row) {
    int depth = 0;
    for (int64_t f = 0; f < 15; ++f) {
      if (chosen.counts.at(cells[row], 2 * (14 - f) + 1) == 0) continue;
      ++depth;
      out.unit(row, f) = weights[f];
    }
    if (depth == 0) continue;
    out.tfidf.row(row) = out.unit.row(row) * std::log1p(1e4 / depth);
    out.unit.row(row).normalize();
  }
  return out;
}

double variance_of(const Eigen::VectorXd& x) {
  return (x.array() - x.mean()).square().mean();
}

// Loadings of four components without the known confounders, and the variances.
struct Freed {
  Eigen::MatrixXd loadings;
  std::vector<double> variance;
};

Freed free_of(const ConfounderMatrix& known, const Chosen& chosen,
              bool strict = false) {
  LsiOptions options;
  options.n_components = 4;
  options.strict = strict;
  const auto lsi = fit_lsi(chosen.cells, chosen.cells, known, kOnes, options);
  REQUIRE(lsi.has_value());
  return {Eigen::Map<const RowMatrix>(lsi->loadings.data(), 15, 4),
          lsi->variance};
}

}  // namespace

TEST_CASE("LSI and its signal agree with dense matrices", "[linear]") {
  const Chosen chosen;
  std::vector<float> weights;
  for (int k = 0; k < 15; ++k) weights.push_back(0.5f + 0.1f * k);
  CellRows held_out = chosen.cells;
  std::vector<int64_t> others;
  for (int64_t cell = 0; cell < 120; ++cell) {
    held_out.taken[cell] = !chosen.cells.taken[cell];
    if (held_out.taken[cell]) others.push_back(cell);
  }
  LsiOptions options;
  options.n_components = 3;
  const auto lsi = fit_lsi(chosen.cells, held_out, {}, weights, options);
  REQUIRE(lsi.has_value());
  REQUIRE(lsi->n_components == 3);
  const Dense training = dense_of(chosen, weights, chosen.taken);
  const Dense unseen = dense_of(chosen, weights, others);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
      training.tfidf.transpose() * training.tfidf);
  int n_signal = 0;
  const LinearPosterior posterior = linear_posterior(*lsi, 3);
  for (int64_t k = 0; k < 3; ++k) {
    // The first component is dropped; eigenvalues are in increasing order.
    const Eigen::VectorXd v = solver.eigenvectors().col(15 - 2 - k);
    double noise = 0;
    for (int64_t p = 0; p < 15; ++p) {
      noise += v[p] * v[p] * variance_of(training.unit.col(p));
    }
    const double found = variance_of(unseen.unit * v);
    const double signal = std::max(0.0, 1 - noise / found);
    REQUIRE(lsi->signal[k] == Approx(signal).margin(1e-4));
    n_signal += found > noise * (1 + 3 * std::sqrt(2.0 / 40));
    const Eigen::VectorXd score = training.unit * v;
    REQUIRE(lsi->variance[k] == Approx(variance_of(score)).epsilon(1e-3));
    // The variance of the posterior mean is the signal.
    Eigen::VectorXd loading(15);
    for (int64_t p = 0; p < 15; ++p) loading[p] = posterior.loadings[p * 3 + k];
    const Eigen::VectorXd mean = (training.unit * loading).array() +
                                 static_cast<double>(posterior.shift[k]);
    REQUIRE(mean.mean() == Approx(0).margin(1e-5));
    REQUIRE(variance_of(mean) == Approx(signal).margin(1e-4));
    REQUIRE(std::exp(posterior.log_variance[k]) ==
            Approx(1 - signal).margin(1e-4));
  }
  REQUIRE(lsi->n_signal == n_signal);
}

TEST_CASE("what confounders explain is removed from the scores", "[linear]") {
  const Chosen chosen;
  const Freed plain = free_of({}, chosen);
  std::vector<int64_t> all(120);
  std::iota(all.begin(), all.end(), 0);
  const Eigen::MatrixXd unit = dense_of(chosen, kOnes, all).unit;
  const Eigen::MatrixXd before = unit * plain.loadings;
  // One confounder that is a direction of the scores, and one constant column.
  ConfounderMatrix known = confounders_of_numbers(2, {});
  for (int64_t cell = 0; cell < 120; ++cell) {
    known.numbers.push_back(
        static_cast<float>(2 * before(cell, 0) - before(cell, 1)));
    known.numbers.push_back(1);
  }
  const Freed freed = free_of(known, chosen);
  const Eigen::MatrixXd after = unit * freed.loadings;
  const auto covariance = [&](const Eigen::VectorXd& score) {
    double sum = 0, mean_score = 0, mean_known = 0;
    for (int64_t cell : chosen.taken) {
      sum += score[cell] * known.numbers[2 * cell] / 80;
      mean_score += score[cell] / 80;
      mean_known += known.numbers[2 * cell] / 80;
    }
    return sum - mean_score * mean_known;
  };
  REQUIRE(std::abs(covariance(before.col(0))) > 1e-3);
  for (int64_t k = 0; k < 4; ++k) {
    REQUIRE(covariance(after.col(k)) == Approx(0).margin(1e-7));
  }
  // The other components are unchanged: nothing in them is explained.
  REQUIRE((after.rightCols(2) - before.rightCols(2)).norm() <
          0.05 * before.rightCols(2).norm());
  REQUIRE(freed.variance[0] < plain.variance[0] / 2);
  known.numbers.assign(240, 1);
  const Eigen::MatrixXd same = unit * free_of(known, chosen).loadings;
  REQUIRE((same - before).norm() < 1e-6 * before.norm());
}

TEST_CASE("the kept part of a confounded direction, by hand", "[linear]") {
  const Chosen chosen;
  const Eigen::MatrixXd unit = dense_of(chosen, kOnes, chosen.taken).unit;
  const Eigen::MatrixXd v = free_of({}, chosen).loadings, scores = unit * v;
  const Eigen::MatrixXd s = scores.rowwise() - scores.colwise().mean();
  // Follows the first component, plus a larger part of something else.
  ConfounderMatrix known =
      confounders_of_numbers(1, std::vector<float>(120, 0));
  Eigen::VectorXd c(80);
  for (int64_t row = 0; row < 80; ++row) {
    const double other = row % 2 == 0 ? 1 : -1;
    c[row] = s(row, 0) / std::sqrt(variance_of(s.col(0))) + 5 * other;
    known.numbers[chosen.taken[row]] = static_cast<float>(c[row]);
  }
  const Eigen::VectorXd centred = c.array() - c.mean();
  const Eigen::VectorXd slope = s.colPivHouseholderQr().solve(centred);
  const Eigen::VectorXd fitted = s * slope;
  const double r2 = (fitted.squaredNorm() / centred.squaredNorm() - 1.0 / 80) /
                    (1 - 1.0 / 80);
  double noise = 0;
  const Eigen::VectorXd direction = v * slope;
  for (int64_t p = 0; p < 15; ++p) {
    noise += direction[p] * direction[p] * variance_of(unit.col(p));
  }
  const double signal = 1 - noise / (fitted.squaredNorm() / 80);
  REQUIRE(r2 > 0.02);
  REQUIRE(signal > 2 * r2 + 0.01);
  for (const bool strict : {false, true}) {
    const Freed freed = free_of(known, chosen, strict);
    const double kept = strict ? 1 - 2 * r2 / signal
                               : std::sqrt((signal - r2) / (1 - r2) / signal);
    const Eigen::MatrixXd expected = s - (1 - kept) * fitted *
                                             (fitted.transpose() * s) /
                                             fitted.squaredNorm();
    const Eigen::MatrixXd found = unit * freed.loadings;
    REQUIRE((found.rowwise() - found.colwise().mean() - expected).norm() <
            1e-4 * expected.norm());
  }
}

TEST_CASE("missing components start at the prior", "[linear]") {
  Chosen chosen;
  CellRows held_out = chosen.cells;
  chosen.cells.taken.assign(120, 0);
  for (int64_t cell : {3, 50, 90}) chosen.cells.taken[cell] = 1;
  const auto lsi = fit_lsi(chosen.cells, held_out, {}, kOnes, {});
  REQUIRE(lsi.has_value());
  REQUIRE(lsi->n_components == 2);
  const LinearPosterior posterior = linear_posterior(*lsi, 5);
  for (int64_t k = 2; k < 5; ++k) {
    REQUIRE(posterior.log_variance[k] == 0);
    REQUIRE(posterior.shift[k] == 0);
    for (int64_t p = 0; p < 15; ++p) {
      REQUIRE(posterior.loadings[p * 5 + k] == 0);
    }
  }
  for (const float value : posterior.loadings) REQUIRE(std::isfinite(value));
  // A single cell has no component, with or without confounders.
  chosen.cells.taken.assign(120, 0);
  chosen.cells.taken[7] = 1;
  const ConfounderMatrix known =
      confounders_of_numbers(1, std::vector<float>(120, 0.5f));
  const auto none = fit_lsi(chosen.cells, held_out, known, kOnes, {});
  REQUIRE(none.has_value());
  REQUIRE(none->n_components == 0);
  REQUIRE(none->n_signal == 0);
  REQUIRE(linear_posterior(*none, 2).log_variance == std::vector<float>{0, 0});
}

TEST_CASE("LSI can be stopped in each of its passes", "[linear]") {
  for (const int last : {2, 3, 10, 11}) {
    Chosen chosen;
    int n_asked = 0;
    chosen.cells.cancelled = [&] { return ++n_asked >= last; };
    REQUIRE_FALSE(fit_lsi(chosen.cells, chosen.cells, {}, kOnes, {}));
    REQUIRE(n_asked == last);  // immediately
  }
}

TEST_CASE("mismatched cells and features are refused", "[linear]") {
  Chosen chosen;
  REQUIRE_THROWS_WITH(
      accessibility_rows(chosen.cells, std::vector<float>(14, 1.0f)),
      contains("14 weights are given for 15 columns"));
  chosen.cells.taken.pop_back();
  REQUIRE_THROWS_WITH(accessibility_rows(chosen.cells, kOnes),
                      contains("has 119 entries"));
  REQUIRE_THROWS_AS(expression_rows(chosen.cells), Error);
  chosen = Chosen();
  chosen.cells.map[0] = 3;  // already used by another
  REQUIRE_THROWS_WITH(expression_rows(chosen.cells), contains("taken"));
  chosen.cells.map.clear();
  REQUIRE_THROWS_AS(expression_rows(chosen.cells), Error);
}
}  // namespace linear_cell_rows_test
