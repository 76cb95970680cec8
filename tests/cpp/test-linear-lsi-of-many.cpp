// LSI of so many cells that its decomposition starts with a part of them.
#include <Eigen/SVD>
#include <memory>
#include <random>

#include "../../src/core/data/readers/sources.h"
#include "../../src/core/linear/eigen.h"
#include "../../src/core/linear/lsi.h"
#include "catch.h"

namespace linear_lsi_of_many_test {

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kManyCells = 220000, kPeaks = 60, kTypes = 5;

struct Slots {
  std::vector<int32_t> offsets{0}, indices;
};

// About 6 open peaks per cell, mostly those of its type.
CellSourcePtr many_cells() {
  const auto slots = std::make_shared<Slots>();
  std::mt19937 engine(1);
  for (int64_t cell = 0; cell < kManyCells; ++cell) {
    const auto type = static_cast<int64_t>(engine() % kTypes);
    for (int32_t p = 0; p < kPeaks; ++p) {
      if (engine() % 100 < (p % kTypes == type ? 30u : 6u)) {
        slots->indices.push_back(p);
      }
    }
    slots->offsets.push_back(static_cast<int32_t>(slots->indices.size()));
  }
  const MatrixView view{slots->offsets.data(),
                        slots->indices.data(),
                        nullptr,
                        kPeaks,
                        kManyCells,  //
                        n_of(slots->indices)};
  return matrix_source(view, slots);
}

}  // namespace

TEST_CASE("LSI of very many cells agrees with an exact decomposition",
          "[linear]") {
  CellRows cells;
  cells.source = many_cells();
  cells.n_columns = kPeaks;
  const std::vector<float> ones(kPeaks, 1.0f);
  // There are few enough columns to sum all their products.
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(kPeaks, kPeaks);
  accessibility_rows(cells, ones,
                     RowScale::kTfIdf)([&](const SparseRows& rows) {
    for (int64_t row = 0; row < rows.n_rows(); ++row) {
      for (int64_t i = rows.offsets[row]; i < rows.offsets[row + 1]; ++i) {
        for (int64_t j = rows.offsets[row]; j < rows.offsets[row + 1]; ++j) {
          gram(rows.indices[i], rows.indices[j]) +=
              static_cast<double>(rows.values[i]) * rows.values[j];
        }
      }
    }
  });
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram);
  // After the first component, which is depth, in increasing order.
  const Eigen::MatrixXd exact =
      solver.eigenvectors().rightCols(kTypes).leftCols(kTypes - 1);
  LsiOptions options;
  options.n_components = kTypes - 1;
  const auto distance = [&](const CellRows& rows) {
    const auto lsi = fit_lsi(rows, rows, {}, ones, options);
    REQUIRE(lsi->n_signal == kTypes - 1);
    const Eigen::MatrixXd found = Eigen::Map<const RowMatrix>(
        lsi->loadings.data(), kPeaks, lsi->n_components);
    return (found - exact * (exact.transpose() * found)).norm();
  };
  CellRows part = cells;
  for (int64_t cell = 0; cell < kManyCells; ++cell) {
    part.taken.push_back(cell % 4 == 0);
  }
  REQUIRE(distance(cells) < 0.005);
  REQUIRE(distance(cells) < 0.3 * distance(part));
}

}  // namespace linear_lsi_of_many_test
