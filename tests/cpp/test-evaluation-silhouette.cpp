#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "../../src/core/evaluation/silhouette.h"
#include "../../src/core/support/error.h"
#include "catch.h"

using sailer::EmbeddingView;
using sailer::Silhouette;
using sailer_test::Approx;
using sailer_test::contains;
using Labels = std::vector<int>;

namespace {

struct Cells {
  std::vector<double> values;  // column-major
  std::size_t n, d;
  EmbeddingView view() const { return {values.data(), n, d}; }
  double distance(std::size_t i, std::size_t j) const {
    double sum = 0;
    for (std::size_t k = 0; k < d; ++k) {
      sum += std::pow(values[k * n + i] - values[k * n + j], 2);
    }
    return std::sqrt(sum);
  }
};

Cells draw(std::size_t n, std::size_t d) {
  std::mt19937 generator(11);
  std::normal_distribution<double> normal;
  Cells cells{std::vector<double>(n * d), n, d};
  for (double& v : cells.values) v = normal(generator);
  return cells;
}

std::vector<double> widths(const Cells& cells, const Labels& labels) {
  Silhouette silhouette(cells.view(), labels);
  silhouette.compute(0, cells.n);
  return silhouette.widths();
}

double width_by_definition(const Cells& cells, const Labels& labels,
                           std::size_t i) {
  const int n_classes = *std::max_element(labels.begin(), labels.end()) + 1;
  double own = 0;
  double nearest = std::numeric_limits<double>::infinity();
  for (int c = 0; c < n_classes; ++c) {
    double sum = 0;
    double size = 0;
    for (std::size_t j = 0; j < cells.n; ++j) {
      if (labels[j] != c || j == i) continue;
      sum += cells.distance(i, j);
      ++size;
    }
    if (size == 0 && c == labels[i]) return 0;
    if (size == 0) continue;
    if (c == labels[i]) own = sum / size;
    if (c != labels[i]) nearest = std::min(nearest, sum / size);
  }
  return (nearest - own) / std::max(own, nearest);
}

}  // namespace

TEST_CASE("silhouette widths equal their definition") {
  // Sizes around a tile and a class number that no cell has.
  const std::size_t n = GENERATE(5, 33, 200);
  const Cells cells = draw(n, 3);
  Labels labels(n);
  for (std::size_t i = 0; i < n; ++i) labels[i] = i % 7 == 0 ? 3 : i % 2;
  labels[1] = 5;  // alone in its class
  const auto got = widths(cells, labels);
  for (std::size_t i = 0; i < n; ++i) {
    REQUIRE(got[i] ==
            Approx(width_by_definition(cells, labels, i)).margin(1e-12));
  }
  REQUIRE(got[1] == 0.0);
}

TEST_CASE("blocks of cells give the widths of one pass") {
  const Cells cells = draw(100, 4);
  Labels labels(100);
  for (std::size_t i = 0; i < 100; ++i) labels[i] = static_cast<int>(i % 3);
  Silhouette silhouette(cells.view(), labels);
  for (std::size_t i = 0; i < 100; i += 30) {
    silhouette.compute(i, std::min<std::size_t>(100, i + 30));
  }
  REQUIRE(silhouette.widths() == widths(cells, labels));
}

TEST_CASE("cells that all coincide have width 0") {
  const Cells cells{std::vector<double>(8, 1.5), 4, 2};
  REQUIRE(widths(cells, {0, 0, 1, 1}) == std::vector<double>(4, 0.0));
}

TEST_CASE("the silhouette refuses labels without a choice of classes") {
  const Cells cells = draw(4, 2);
  REQUIRE_THROWS_WITH(widths(cells, {1, 1, 1, 1}), contains("`labels`"));
  REQUIRE_THROWS_WITH(widths(cells, {0, 1, 2, 3}), contains("`labels`"));
  REQUIRE_THROWS_AS(widths(cells, {0, 1, 1}), sailer::Error);
}
