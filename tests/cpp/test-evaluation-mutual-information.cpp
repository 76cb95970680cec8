#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "../../src/core/evaluation/mutual_information.h"
#include "../../src/core/support/error.h"
#include "catch.h"

namespace evaluation_mutual_information_test {

using sailer::kth_neighbor_distances;
using sailer::mutual_information;
using sailer::MutualInformationOptions;
using sailer_test::Approx;
using sailer_test::contains;

namespace {

std::vector<double> normal(std::size_t n, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> draw;
  std::vector<double> values(n);
  for (double& v : values) v = draw(generator);
  return values;
}

std::vector<double> rounded(std::vector<double> values, double unit) {
  for (double& v : values) v = std::round(v / unit) * unit;
  return values;
}

// Computed by sorting all pairs.
std::vector<double> kth_distances_by_sorting(const std::vector<double>& x,
                                             const std::vector<double>& y,
                                             std::size_t k) {
  std::vector<double> result;
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::vector<double> distances;
    for (std::size_t j = 0; j < x.size(); ++j) {
      if (j == i) continue;
      distances.push_back(
          std::max(std::fabs(x[i] - x[j]), std::fabs(y[i] - y[j])));
    }
    std::sort(distances.begin(), distances.end());
    result.push_back(distances[k - 1]);
  }
  return result;
}

double digamma(double x) {
  double shift = 0.0;
  for (; x < 10; ++x) shift -= 1 / x;
  const double f = 1 / (x * x);
  return shift + std::log(x) - 0.5 / x -
         f * (1.0 / 12 - f * (1.0 / 120 - f / 252));
}

// Kraskov's first estimator according to its definition, over all pairs.
double kraskov_by_definition(const std::vector<double>& x,
                             const std::vector<double>& y, std::size_t k) {
  const auto radius = kth_distances_by_sorting(x, y, k);
  const auto n = static_cast<double>(x.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    int near_x = 0;
    int near_y = 0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      if (j == i) continue;
      near_x += std::fabs(x[i] - x[j]) < radius[i];
      near_y += std::fabs(y[i] - y[j]) < radius[i];
    }
    sum += digamma(near_x + 1) + digamma(near_y + 1);
  }
  return std::max(0.0, digamma(n) + digamma(static_cast<double>(k)) - sum / n);
}

// Ross' estimator according to its definition, for classes of more than k
// cells.
double ross_by_definition(const std::vector<double>& x,
                          const std::vector<int>& labels, std::size_t k) {
  const auto n = static_cast<double>(x.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::vector<double> own;
    for (std::size_t j = 0; j < x.size(); ++j) {
      if (j != i && labels[j] == labels[i]) {
        own.push_back(std::fabs(x[i] - x[j]));
      }
    }
    std::sort(own.begin(), own.end());
    int near = 0;
    for (std::size_t j = 0; j < x.size(); ++j) {
      near += std::fabs(x[i] - x[j]) < own[k - 1];
    }
    sum += digamma(static_cast<double>(own.size() + 1)) + digamma(near);
  }
  return std::max(0.0, digamma(n) + digamma(static_cast<double>(k)) - sum / n);
}

}  // namespace

TEST_CASE("the Chebyshev tree finds the distances of a full sort") {
  const std::size_t n = GENERATE(2, 5, 13, 40, 700);
  const double unit = GENERATE(1e-9, 0.5);  // the second makes many ties
  const auto x = rounded(normal(n, 1), unit);
  const auto y = rounded(normal(n, 2), unit);
  for (std::size_t k : {1, 3, 9}) {
    if (k >= n) continue;
    REQUIRE(kth_neighbor_distances(x, y, static_cast<int>(k)) ==
            kth_distances_by_sorting(x, y, k));
  }
}

TEST_CASE("the Chebyshev tree copes with points that all coincide") {
  const std::vector<double> same(1000, 2.5);
  const auto distances = kth_neighbor_distances(same, same, 3);
  REQUIRE(distances == std::vector<double>(1000, 0.0));
}

TEST_CASE("Kraskov's estimator equals its definition") {
  const auto x = normal(400, 3);
  auto y = normal(400, 4);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += x[i];
  MutualInformationOptions options;
  for (int k : {1, 3, 10}) {
    options.k = k;
    // The noise does not reorder distances of values without ties: equal
    // counts.
    const auto xs = sailer::scale_and_jitter(x, 1, 0);
    const auto ys = sailer::scale_and_jitter(y, 1, 7);
    const double expected =
        kraskov_by_definition(xs, ys, static_cast<std::size_t>(k));
    REQUIRE(expected > 0.1);
    REQUIRE(mutual_information(x, y, options) == Approx(expected).margin(1e-3));
  }
}

TEST_CASE("Ross' estimator equals its definition") {
  auto x = normal(400, 5);
  std::vector<int> labels(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    labels[i] = i % 10 < 6 ? 0 : (i % 10 < 9 ? 1 : 2);
    x[i] += labels[i];
  }
  MutualInformationOptions options;
  for (int k : {1, 3, 10}) {
    options.k = k;
    const double expected =
        ross_by_definition(x, labels, static_cast<std::size_t>(k));
    REQUIRE(expected > 0.1);
    REQUIRE(mutual_information(x, labels, options) ==
            Approx(expected).margin(1e-3));
  }
}

TEST_CASE("independent variables and constants have no information") {
  const auto x = normal(3000, 6);
  const auto y = normal(3000, 7);
  REQUIRE(mutual_information(x, y, {}) < 0.03);
  const std::vector<double> constant(3000, 1e6);
  REQUIRE(mutual_information(constant, y, {}) < 0.03);
  REQUIRE(mutual_information(x, constant, {}) < 0.03);
  REQUIRE(mutual_information(constant, constant, {}) < 0.03);
  REQUIRE(mutual_information(x, std::vector<int>(3000, 0), {}) < 1e-9);
}

TEST_CASE("classes with few cells use the neighbours they have") {
  std::vector<double> x = normal(50, 8);
  std::vector<int> labels(50, 0);
  labels[0] = 3;  // alone, so left out; classes 1 and 2 are empty
  labels[1] = labels[2] = 4;
  const double with_lone = mutual_information(x, labels, {});
  x.erase(x.begin());
  labels.erase(labels.begin());
  REQUIRE(std::isfinite(with_lone));
  REQUIRE(with_lone == Approx(mutual_information(x, labels, {})).margin(1e-9));
}

TEST_CASE("noise depends on its scale, seed and stream") {
  const std::vector<double> constant(2000, 4.0);
  const auto noisy = sailer::scale_and_jitter(constant, 1, 0);
  double squares = 0.0;
  for (double v : noisy) squares += (v - 4.0) * (v - 4.0);
  // 1e-10 times the mean of 4, in standard deviations.
  REQUIRE(std::sqrt(squares / 2000) == Approx(4e-10).epsilon(0.1));
  REQUIRE(sailer::scale_and_jitter(constant, 1, 0) == noisy);
  REQUIRE(sailer::scale_and_jitter(constant, 2, 0) != noisy);
  REQUIRE(sailer::scale_and_jitter(constant, 1, 1) != noisy);

  const auto scaled = sailer::scale_and_jitter({0.0, 10.0, 20.0, 30.0}, 1, 0);
  REQUIRE(scaled[1] == Approx(10 / std::sqrt(125.0)));
}

TEST_CASE("mutual information names what is wrong with its arguments") {
  const auto x = normal(10, 9);
  const auto short_one = normal(9, 9);
  MutualInformationOptions options;
  REQUIRE_THROWS_WITH(mutual_information(x, short_one, {}), contains("10"));
  options.k = 0;
  REQUIRE_THROWS_WITH(mutual_information(x, x, options), contains("`k`"));
  options.k = 10;
  REQUIRE_THROWS_WITH(mutual_information(x, x, options), contains("`k`"));
  const std::vector<int> lone = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  REQUIRE_THROWS_AS(mutual_information(x, lone, {}), sailer::Error);
  REQUIRE_THROWS_WITH(mutual_information(x, lone, {}), contains("single cell"));
}

}  // namespace evaluation_mutual_information_test
