#include <cmath>

#include "catch.h"
#include "core/data/subset_source.h"
#include "core/training/expresser_passes.h"
#include "expresser_helpers.h"
#include "torch_helpers.h"

using namespace sailer;
using namespace sailer_test;

namespace {

constexpr int64_t kGenes = 40;

class Patient : public Monitor {};

class Impatient : public Monitor {
 public:
  bool keep_going(const Progress&) override { return false; }
};

GeneQueries queries_of(const std::vector<std::vector<int32_t>>& cells) {
  GeneQueries out;
  for (const auto& genes : cells) {
    out.genes.insert(out.genes.end(), genes.begin(), genes.end());
    out.starts.push_back(static_cast<int64_t>(out.genes.size()));
  }
  return out;
}

CellSourcePtr some_of(const CellSourcePtr& source,
                      const std::vector<int64_t>& cells) {
  Subset subset;
  subset.all_cells = false;
  subset.cells = cells;
  subset.n_features = source->n_features();
  return std::make_shared<SubsetSource>(source, subset);
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    worst = std::max(worst, static_cast<double>(std::abs(a[k] - b[k])));
  }
  return worst;
}

}  // namespace

TEST_CASE("one query of one cell is the model's prediction") {
  const ExpresserModel model(tiny_expresser(), kGenes, 1);
  const CellSourcePtr source = two_kinds(3, kGenes);
  SparseRows rows;
  source->read(1, 1, rows);
  NormalizedCell cell;
  normalize_cell(rows, 0, cell);
  const int32_t asked = cell.genes[4];
  std::vector<int64_t> observed;
  for (size_t k = 0; k < cell.genes.size(); ++k) {
    if (cell.genes[k] != asked) observed.push_back(static_cast<int64_t>(k));
  }
  HostTokens tokens;
  append_query_cell(cell, observed, &asked, 1, model.token_options(), tokens);
  const at::Tensor expected =
      model.predict(to_batch(std::move(tokens), model.tensor_options()), false);
  Patient monitor;
  const auto found = impute_expression(
      model, *source, queries_of({{}, {asked}, {}}), {}, monitor);
  REQUIRE(found.size() == 1);
  REQUIRE(found[0] == Approx(expected[0].item<float>()).epsilon(1e-6));
}

TEST_CASE("what a cell gives depends on its own counts and queries alone") {
  ExpresserOptions options = tiny_expresser();
  options.max_genes = 20;  // fewer than a cell has: several passes
  const ExpresserModel model(options, kGenes, 1);
  const CellSourcePtr source = two_kinds(4, kGenes);
  std::vector<int32_t> all;
  for (int32_t g = 0; g < kGenes; ++g) all.push_back(g);
  Patient monitor;
  PassOptions pass;
  const auto together = impute_expression(
      model, *source, queries_of({{1, 2}, {3}, {4, 5, 6, 7, 8, 9, 10}, {0}}),
      pass, monitor);
  pass.token_budget = 1;
  const auto alone =
      impute_expression(model, *some_of(source, {2}),
                        queries_of({{4, 5, 6, 7, 8, 9, 10}}), pass, monitor);
  REQUIRE(distance({together.begin() + 3, together.begin() + 10}, alone) <
          1e-6);
  // All genes of a cell asked for: nothing is left to predict from.
  const auto none = impute_expression(model, *some_of(source, {2}),
                                      queries_of({all}), pass, monitor);
  for (float value : none) REQUIRE(std::isnan(value));
  // Averages of several passes differ from one, and are as reproducible.
  pass.n_passes = 3;
  const auto averaged = [&] {
    return impute_expression(model, *some_of(source, {2}),
                             queries_of({{4, 5, 6, 7, 8, 9, 10}}), pass,
                             monitor);
  };
  REQUIRE(averaged() == averaged());
  REQUIRE(distance(averaged(), alone) > 0);
  Impatient hasty;
  REQUIRE(impute_expression(model, *source, queries_of({{1}, {}, {}, {}}), pass,
                            hasty)
              .empty());
}

TEST_CASE("a query's own count is not used") {
  const ExpresserModel model(tiny_expresser(), kGenes, 1);
  const auto impute_with = [&](double count) {
    auto cells = std::make_shared<OwnedCells>();
    cells->genes = {1, 5, 9, 12};
    // The others' shares stay: the total is the same.
    cells->counts = {10, 20, count, 70 - count};
    cells->offsets = {0, 4};
    Patient monitor;
    return impute_expression(model, *source_of(cells, kGenes),
                             queries_of({{9, 12}}), {}, monitor);
  };
  REQUIRE(distance(impute_with(5), impute_with(60)) < 1e-6);
}

TEST_CASE("embeddings of cells are means of tokens, alike in any company") {
  ExpresserOptions options = tiny_expresser();
  options.max_genes = 15;
  const ExpresserModel model(options, kGenes, 1);
  const CellSourcePtr source = two_kinds(5, kGenes);
  Patient monitor;
  PassOptions pass;
  pass.token_budget = 40;
  const auto all = embed_expression(model, *source, pass, monitor);
  REQUIRE(all.size() == 5 * 8);
  const auto alone =
      embed_expression(model, *some_of(source, {3}), pass, monitor);
  REQUIRE(distance({all.begin() + 24, all.begin() + 32}, alone) < 1e-6);
  auto empty = std::make_shared<OwnedCells>();
  empty->offsets = {0, 0};
  REQUIRE(embed_expression(model, *source_of(empty, kGenes), pass, monitor) ==
          std::vector<float>(8, 0.0f));
}
