#include <cmath>
#include <vector>

#include "../../src/core/evaluation/dice.h"
#include "../../src/core/evaluation/mixing.h"
#include "../../src/core/support/error.h"
#include "catch.h"

namespace evaluation_mixing_test {

using sailer::Neighbors;
using sailer_test::Approx;
using sailer_test::contains;

namespace {

// Cells on a ring: from each cell the distances are 1, 1, 2, 2, ...
Neighbors ring(int n, int k) {
  Neighbors neighbors;
  neighbors.n_cells = static_cast<std::size_t>(n);
  neighbors.k = static_cast<std::size_t>(k);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < k; ++j) {
      const int step = j / 2 + 1;
      const int neighbor = j % 2 == 0 ? i + step : i - step;
      neighbors.index.push_back((neighbor + n) % n);
      neighbors.distance.push_back(step);
    }
  }
  return neighbors;
}

}  // namespace

TEST_CASE("batch proportions are normalised by batch size") {
  // Six cells, the first two in batch 0. The neighbours of cell 0 are 1, 5, 2,
  // 4.
  const std::vector<int> batch = {0, 0, 1, 1, 1, 1};
  const auto mixing = sailer::batch_mixing(ring(6, 4), batch, 2);
  // One of 2 cells and three of 4 cells: 0.5 to 0.75.
  REQUIRE(mixing.proportions[0] == Approx(0.4));
  REQUIRE(mixing.proportions[6] == Approx(0.6));
  REQUIRE(mixing.deviation[0] == Approx(0.1));
  // Counts 1 and 3; expected 4/3 and 8/3.
  REQUIRE(mixing.chi_square[0] ==
          Approx(1.0 / 9 / (4.0 / 3) + 1.0 / 9 / (8.0 / 3)));
  for (std::size_t i = 0; i < 6; ++i) {
    REQUIRE(mixing.proportions[i] + mixing.proportions[6 + i] == Approx(1.0));
  }
}

TEST_CASE("a separate batch deviates most, evenly mixed ones not at all") {
  Neighbors pairs;
  pairs.n_cells = 4;
  pairs.k = 1;
  pairs.index = {1, 0, 3, 2};
  const auto alone = sailer::batch_mixing(pairs, {0, 0, 1, 1}, 2);
  REQUIRE(alone.deviation == std::vector<double>(4, 0.5));
  const auto even =
      sailer::batch_mixing(ring(8, 2), {0, 0, 1, 1, 0, 0, 1, 1}, 2);
  REQUIRE(even.deviation == std::vector<double>(8, 0.0));
  REQUIRE(even.chi_square == std::vector<double>(8, 0.0));
}

TEST_CASE("mixing refuses mismatched neighbours and batches") {
  REQUIRE_THROWS_AS(sailer::batch_mixing(ring(6, 2), {0, 1}, 2), sailer::Error);
  REQUIRE_THROWS_AS(sailer::batch_mixing(ring(3, 2), {0, 1, 2}, 2),
                    sailer::Error);
  REQUIRE_THROWS_WITH(sailer::batch_mixing(ring(3, 2), {0, 0, 0}, 2),
                      contains("no cells"));
  Neighbors outside = ring(3, 2);
  outside.index[0] = 3;
  REQUIRE_THROWS_AS(sailer::batch_mixing(outside, {0, 1, 1}, 2), sailer::Error);
}

TEST_CASE("LISI weighs neighbours to the perplexity") {
  // Two distances, 1 and 2, in pairs: weights a, a, b, b with 2 (a + b) = 1.
  const auto neighbors = ring(12, 4);
  std::vector<int> labels(12, 0);
  labels[2] = 1;  // a far neighbour of cell 0
  sailer::LisiOptions options;
  options.perplexity = 3.0;
  options.tolerance = 1e-12;
  options.max_tries = 200;
  const double got = sailer::lisi(neighbors, labels, 2, options)[0];
  // Backwards: 1 / got = b^2 + (1 - b)^2 gives b, and b gives the entropy.
  const double b = 0.5 * (1 - std::sqrt(2 / got - 1));
  const double a = 0.5 - b;
  REQUIRE(b < a);
  REQUIRE(-2 * (a * std::log(a) + b * std::log(b)) ==
          Approx(std::log(3.0)).margin(1e-8));
}

TEST_CASE("LISI is 1 for one class and at most the number of classes") {
  sailer::LisiOptions options;
  options.perplexity = 4;
  const auto neighbors = ring(12, 8);
  const auto pure =
      sailer::lisi(neighbors, std::vector<int>(12, 0), 1, options);
  for (double v : pure) REQUIRE(v == Approx(1.0));
  const std::vector<int> even = {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
  for (double v : sailer::lisi(neighbors, even, 2, options)) {
    REQUIRE(v > 1.5);
    REQUIRE(v <= 2.0 + 1e-12);
  }
}

TEST_CASE("LISI stays finite for coinciding and for distant cells") {
  sailer::LisiOptions options;
  options.perplexity = 2;
  const double scale = GENERATE(0.0, 1e-9, 1e9);
  auto neighbors = ring(12, 6);
  for (double& d : neighbors.distance) d = scale * (1 + d);
  const std::vector<int> labels = {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1};
  for (double v : sailer::lisi(neighbors, labels, 2, options)) {
    REQUIRE(v >= 1.0);
    REQUIRE(v <= 2.0 + 1e-12);
  }
}

TEST_CASE("LISI names a perplexity out of its range") {
  sailer::LisiOptions options;
  options.perplexity = 7;
  const std::vector<int> labels(12, 0);
  REQUIRE_THROWS_WITH(sailer::lisi(ring(12, 6), labels, 1, options),
                      contains("`perplexity`"));
  auto no_distances = ring(12, 8);
  no_distances.distance.clear();
  REQUIRE_THROWS_WITH(sailer::lisi(no_distances, labels, 1, options),
                      contains("distance"));
}

TEST_CASE("the Dice score is equation 2.7") {
  const std::vector<int> truth = {0, 3, 4, 9};
  const std::vector<int> estimate = {3, 5, 9};
  const sailer::OpenPeaks a{truth.data(), truth.size()};
  const sailer::OpenPeaks b{estimate.data(), estimate.size()};
  const sailer::OpenPeaks none;
  // TP 2 (peaks 3 and 9), FP 1, FN 2.
  REQUIRE(sailer::dice_score(a, b) == Approx(4.0 / 7.0));
  REQUIRE(sailer::dice_score(b, a) == Approx(4.0 / 7.0));
  REQUIRE(sailer::dice_score(a, a) == 1.0);
  REQUIRE(sailer::dice_score(a, none) == 0.0);
  REQUIRE(sailer::dice_score(none, none) == 1.0);
}

}  // namespace evaluation_mixing_test
