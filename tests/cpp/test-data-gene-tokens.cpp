#include <algorithm>
#include <cmath>
#include <set>

#include "catch.h"
#include "core/data/readers/sources.h"
#include "core/data/stream/gene_tokens.h"

namespace data_gene_tokens_test {

using namespace sailer;
using namespace sailer_test;

namespace {

NormalizedCell cell_of(const std::vector<float>& values) {
  NormalizedCell cell;
  for (size_t k = 0; k < values.size(); ++k) {
    cell.genes.push_back(static_cast<int32_t>(10 * k));
    cell.values.push_back(values[k]);
  }
  return cell;
}

NormalizedCell rising(int64_t n) {
  std::vector<float> values;
  for (int64_t k = 1; k <= n; ++k) values.push_back(static_cast<float>(k));
  return cell_of(values);
}

}  // namespace

TEST_CASE("counts are scaled to 10,000 and logarithms taken") {
  SparseRows rows;
  rows.offsets = {0, 2, 6};
  rows.indices = {1, 2, 4, 3, 0, 9};
  rows.values = {5, 5, 2, 0, 1, 1};
  NormalizedCell cell;
  normalize_cell(rows, 1, cell);
  REQUIRE(cell.genes == std::vector<int32_t>{0, 4, 9});  // without the zero
  REQUIRE(cell.values[0] == Approx(std::log(2501.0)));
  REQUIRE(cell.values[1] == Approx(std::log(5001.0)));
  REQUIRE(cell.per_count == 2500);
  // An observed gene keeps its count along with its bin.
  HostTokens tokens;
  append_query_cell(cell, {1, 0}, nullptr, 0, {}, tokens);
  REQUIRE(tokens.values == std::vector<float>{cell.values[1], cell.values[0]});
  REQUIRE(tokens.log_counts[0] == Approx(std::log(2.0)));
  REQUIRE(tokens.log_counts[1] == Approx(0).margin(1e-5));
}

TEST_CASE("the mean expression is that of counts above zero") {
  const std::vector<int32_t> offsets = {0, 2, 3, 3}, genes = {0, 2, 1};
  const std::vector<double> counts = {1, 3, 7};
  MatrixView view;
  view.offsets = offsets.data();
  view.indices = genes.data();
  view.values = counts.data();
  view.n_features = 3;
  view.n_cells = 3;
  view.n_entries = 3;
  const CellSourcePtr source = matrix_source(view, nullptr);
  const double expected =
      (std::log1p(2500.0) + std::log1p(7500.0) + std::log1p(10000.0)) / 3;
  REQUIRE(mean_expression(*source, {0, 1, 2}) == Approx(expected));
  REQUIRE(mean_expression(*source, {2}) == 0);
}

TEST_CASE("bins are intervals open below and closed above") {
  // 50 bins up to 5: the edges are multiples of 0.1.
  REQUIRE(bin_of(5, 5, 50) == 49);
  REQUIRE(bin_of(4.95, 5, 50) == 49);
  REQUIRE(bin_of(4.85, 5, 50) == 48);
  REQUIRE(bin_of(1e-9, 5, 50) == 0);
  REQUIRE(bin_of(0, 5, 50) == 0);
  REQUIRE(bin_of(7, 5, 50) == 49);  // above the largest observed value
  // Edges that are exact floating-point numbers belong to the bin below.
  REQUIRE(bin_of(0.25, 1, 4) == 0);
  REQUIRE(bin_of(0.5, 1, 4) == 1);
  REQUIRE(bin_of(std::nextafter(0.5, 1.0), 1, 4) == 2);
  REQUIRE(bin_of(3, 3, 1) == 0);
}

TEST_CASE("the share of masked genes is rounded, and one stays observed") {
  REQUIRE(n_masked(10, 0.3) == 3);
  REQUIRE(n_masked(1100, 0.3) == 330);
  REQUIRE(n_masked(2, 0.3) == 1);
  REQUIRE(n_masked(2, 0.99) == 1);
  REQUIRE(n_masked(3, 0.01) == 1);
  REQUIRE(n_masked(1, 0.3) == 0);
  REQUIRE(n_masked(0, 0.3) == 0);
}

TEST_CASE("a training cell is observed and masked in disjoint parts") {
  const NormalizedCell cell = rising(20);
  TokenOptions options;
  HostTokens tokens;
  REQUIRE(append_training_cell(rising(1), options, 1, tokens) == false);
  REQUIRE(tokens.n_cells() == 0);
  for (uint64_t seed = 0; seed < 3; ++seed) {
    REQUIRE(append_training_cell(cell, options, seed, tokens));
  }
  REQUIRE(tokens.token_starts == std::vector<int64_t>{0, 20, 40, 60});
  REQUIRE(tokens.observed_starts == std::vector<int64_t>{0, 14, 28, 42});
  REQUIRE(tokens.masked_starts == std::vector<int64_t>{0, 6, 12, 18});
  std::set<std::vector<int64_t>> masks;
  for (int64_t i = 0; i < 3; ++i) {
    std::set<int64_t> genes, places;
    float largest = 0;
    for (int64_t k = tokens.observed_starts[i];
         k < tokens.observed_starts[i + 1]; ++k) {
      const int64_t place = tokens.observed[k];
      places.insert(place);
      genes.insert(tokens.genes[place]);
      largest = std::max(largest, cell.values[tokens.genes[place] / 10]);
    }
    for (int64_t k = tokens.observed_starts[i];
         k < tokens.observed_starts[i + 1]; ++k) {
      const float value = cell.values[tokens.genes[tokens.observed[k]] / 10];
      REQUIRE(tokens.bins[k] == bin_of(value, largest, 50));
    }
    std::vector<int64_t> mask;
    for (int64_t k = tokens.masked_starts[i]; k < tokens.masked_starts[i + 1];
         ++k) {
      const int64_t place = tokens.masked[k], gene = tokens.genes[place];
      places.insert(place);
      genes.insert(gene);
      mask.push_back(gene);
      REQUIRE(tokens.targets[k] == cell.values[gene / 10]);
      REQUIRE(tokens.largest[k] == largest);
    }
    REQUIRE(genes.size() == 20);
    REQUIRE(places.size() == 20);
    REQUIRE(*places.begin() == 20 * i);
    masks.insert(mask);
  }
  REQUIRE(masks.size() == 3);
}

TEST_CASE("the largest value of all genes is used on request") {
  TokenOptions options;
  options.largest_from_masked = true;
  HostTokens tokens;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    append_training_cell(rising(10), options, seed, tokens);
  }
  for (float largest : tokens.largest) REQUIRE(largest == 10);
  options.largest_from_masked = false;
  HostTokens observed;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    append_training_cell(rising(10), options, seed, observed);
  }
  REQUIRE(*std::min_element(observed.largest.begin(), observed.largest.end()) <
          10);
}

TEST_CASE("each seed samples other genes of a cell with many genes") {
  const NormalizedCell cell = rising(1000);
  TokenOptions options;
  options.max_genes = 100;
  std::vector<int> seen(1000, 0);
  for (uint64_t seed = 0; seed < 200; ++seed) {
    HostTokens tokens;
    append_training_cell(cell, options, seed, tokens);
    REQUIRE(tokens.n_tokens() == 100);
    REQUIRE(tokens.masked.size() == 30);
    for (int64_t gene : tokens.genes) ++seen[gene / 10];
  }
  // Each gene 20 times on average, with a standard deviation of 4.2.
  REQUIRE(*std::min_element(seen.begin(), seen.end()) > 2);
  REQUIRE(*std::max_element(seen.begin(), seen.end()) < 42);
}

TEST_CASE("queries are masked tokens after the observed ones") {
  const NormalizedCell cell = rising(6);
  const std::vector<int32_t> queries = {77, 88};
  HostTokens tokens;
  append_query_cell(cell, {1, 3}, queries.data(), 2, TokenOptions(), tokens);
  REQUIRE(tokens.genes == std::vector<int64_t>{10, 30, 77, 88});
  REQUIRE(tokens.observed == std::vector<int64_t>{0, 1});
  REQUIRE(tokens.masked == std::vector<int64_t>{2, 3});
  REQUIRE(tokens.largest == std::vector<float>{4, 4});
  REQUIRE(tokens.bins == std::vector<int64_t>{24, 49});
}

}  // namespace data_gene_tokens_test
