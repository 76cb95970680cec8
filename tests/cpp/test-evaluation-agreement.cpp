#include <cmath>
#include <random>
#include <vector>

#include "../../src/core/evaluation/agreement.h"
#include "../../src/core/support/error.h"
#include "catch.h"

using sailer::count_pairs;
using sailer_test::Approx;
using Labels = std::vector<int>;

namespace {

double ari(const Labels& a, const Labels& b) {
  return sailer::adjusted_rand_index(count_pairs(a, b));
}

double nmi(const Labels& a, const Labels& b) {
  return sailer::normalized_mutual_information(count_pairs(a, b));
}

Labels draw(std::size_t n, int n_classes, unsigned seed) {
  std::mt19937 generator(seed);
  Labels labels(n);
  for (int& label : labels) {
    label = static_cast<int>(generator() % static_cast<unsigned>(n_classes));
  }
  return labels;
}

// The adjusted index from the four kinds of pairs, counted one by one.
double ari_by_pairs(const Labels& a, const Labels& b) {
  double both = 0, first = 0, second = 0, neither = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const bool in_a = a[i] == a[j];
      const bool in_b = b[i] == b[j];
      (in_a ? (in_b ? both : first) : (in_b ? second : neither)) += 1;
    }
  }
  return 2 * (both * neither - first * second) /
         ((both + first) * (first + neither) +
          (both + second) * (second + neither));
}

}  // namespace

TEST_CASE("the adjusted Rand index equals a count of all pairs") {
  const auto a = draw(300, 4, 1);
  auto b = draw(300, 6, 2);
  REQUIRE(ari(a, b) == Approx(ari_by_pairs(a, b)).margin(1e-12));
  for (std::size_t i = 0; i < 200; ++i) b[i] = a[i];
  REQUIRE(ari(a, b) > 0.3);
  REQUIRE(ari(a, b) == Approx(ari_by_pairs(a, b)).margin(1e-12));
  REQUIRE(ari(a, b) == Approx(ari(b, a)).margin(1e-15));
}

TEST_CASE("normalised mutual information is as computed by hand") {
  // A table of 2, 1 / 0, 1 over 4 cells.
  const Labels a = {0, 0, 0, 1};
  const Labels b = {0, 0, 1, 1};
  const double h_a = -(0.75 * std::log(0.75) + 0.25 * std::log(0.25));
  const double h_b = std::log(2.0);
  const double h_ab = -(0.5 * std::log(0.5) + 0.5 * std::log(0.25));
  REQUIRE(nmi(a, b) == Approx((h_a + h_b - h_ab) / (0.5 * (h_a + h_b))));
}

TEST_CASE("partitions agree at their corners") {
  const Labels one(5, 0);
  const Labels all = {0, 1, 2, 3, 4};
  const Labels renamed = {7, 3, 9, 0, 1};
  for (auto measure : {ari, nmi}) {
    REQUIRE(measure(one, one) == 1.0);
    REQUIRE(measure(one, Labels(5, 2)) == 1.0);  // classes 0 and 1 are empty
    REQUIRE(measure(all, renamed) == Approx(1.0));
    REQUIRE(measure(one, all) == 0.0);
    REQUIRE(measure({0}, {0}) == 1.0);
  }
  REQUIRE(ari({0, 0, 1, 1}, {0, 1, 0, 1}) == Approx(-0.5));
  REQUIRE(nmi({0, 0, 1, 1}, {0, 1, 0, 1}) == 0.0);
}

TEST_CASE("many cells do not overflow the counts of pairs") {
  Labels a(400000), b(400000);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = i < 200000 ? 0 : 1;
    b[i] = i < 100000 ? 2 : a[i];
  }
  // From the sizes: 1e5, 1e5, 2e5; pairs are n (n - 1) / 2.
  const double together = (1e5 * 99999 * 2 + 2e5 * 199999) / 2;
  const double in_a = 2e5 * 199999;
  const double chance = in_a * together / (4e5 * 399999 / 2);
  REQUIRE(ari(a, b) ==
          Approx((together - chance) / (0.5 * (in_a + together) - chance)));
}

TEST_CASE("tables refuse labels that do not fit together") {
  REQUIRE_THROWS_AS(count_pairs({0, 1}, {0}), sailer::Error);
  REQUIRE_THROWS_AS(count_pairs({}, {}), sailer::Error);
  REQUIRE_THROWS_AS(count_pairs({0, -1}, {0, 0}), sailer::Error);
}
