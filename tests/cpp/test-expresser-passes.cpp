#include <algorithm>
#include <cmath>

#include "allocations.h"
#include "catch.h"
#include "core/data/readers/sources.h"
#include "core/training/expresser_passes.h"
#include "expresser_helpers.h"
#include "torch_helpers.h"

namespace expresser_passes_test {

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
  return choose(source, subset);
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
  const ExpresserModel model = stirred_expresser(kGenes);
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
  PassOptions pass;
  const auto found = impute_expression(
      model, *source, queries_of({{}, {asked}, {}}), pass, monitor);
  REQUIRE(found.size() == 1);
  REQUIRE(found[0] == Approx(expected[0].item<float>()).epsilon(1e-6));
}

TEST_CASE("the results of a cell depend only on its counts and queries") {
  ExpresserOptions options = tiny_expresser();
  options.max_genes = 20;  // fewer than a cell has: several passes
  const ExpresserModel model = stirred_expresser(kGenes, options);
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
  // If all genes of a cell are queried, nothing is left to predict from.
  const auto none = impute_expression(model, *some_of(source, {2}),
                                      queries_of({all}), pass, monitor);
  for (float value : none) REQUIRE(std::isnan(value));
  // Averages of several passes differ from a single pass, but are reproducible.
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
  const ExpresserModel model = stirred_expresser(kGenes);
  const auto impute_with = [&](double count) {
    auto cells = std::make_shared<OwnedCells>();
    cells->genes = {1, 5, 9, 12};
    // The shares of the other genes stay the same, because the total does.
    cells->counts = {10, 20, count, 70 - count};
    cells->offsets = {0, 4};
    Patient monitor;
    PassOptions pass;
    return impute_expression(model, *source_of(cells, kGenes),
                             queries_of({{9, 12}}), pass, monitor);
  };
  REQUIRE(distance(impute_with(5), impute_with(60)) < 1e-6);
}

TEST_CASE("embeddings of cells do not depend on the other cells") {
  ExpresserOptions options = tiny_expresser();
  options.max_genes = 15;
  const ExpresserModel model = stirred_expresser(kGenes, options);
  const CellSourcePtr source = two_kinds(5, kGenes);
  Patient monitor;
  PassOptions pass;
  pass.token_budget = 40;
  const bool expression = GENERATE(false, true);
  const auto all = embed_expression(model, *source, expression, pass, monitor);
  REQUIRE(all.size() == 5 * 8);
  const auto alone =
      embed_expression(model, *some_of(source, {3}), expression, pass, monitor);
  REQUIRE(distance({all.begin() + 24, all.begin() + 32}, alone) < 1e-6);
  auto empty = std::make_shared<OwnedCells>();
  empty->offsets = {0, 0};
  REQUIRE(embed_expression(model, *source_of(empty, kGenes), expression, pass,
                           monitor) == std::vector<float>(8, 0.0f));
}

TEST_CASE("contextual embeddings of genes are means over cells") {
  const ExpresserModel model = stirred_expresser(kGenes + 1);
  const CellSourcePtr all = two_kinds(6, kGenes);
  Subset subset;
  subset.n_features = kGenes + 1;  // the last gene is in no cell
  for (int32_t gene = 0; gene < kGenes; ++gene) subset.map.push_back(gene);
  const CellSourcePtr source = choose(all, subset);
  Patient monitor;
  PassOptions pass;
  pass.token_budget = 40;
  const auto found = embed_genes(model, *source, pass, monitor);
  REQUIRE(found.size() == (kGenes + 1) * 8);
  REQUIRE(std::isnan(found.back()));
  std::vector<double> sum(8, 0);
  double n = 0;
  for (int64_t i = 0; i < 6; ++i) {
    SparseRows rows;
    source->read(i, 1, rows);
    NormalizedCell cell;
    normalize_cell(rows, 0, cell);
    std::vector<int64_t> places;
    for (size_t k = 0; k < cell.genes.size(); ++k) {
      places.push_back(static_cast<int64_t>(k));
    }
    HostTokens tokens;
    append_query_cell(cell, places, nullptr, 0, model.token_options(), tokens);
    const at::Tensor encoded = model.encode(
        to_batch(std::move(tokens), model.tensor_options()), false);
    for (size_t k = 0; k < cell.genes.size(); ++k) {
      if (cell.genes[k] != 7) continue;
      n += 1;
      for (int64_t u = 0; u < 8; ++u) {
        sum[u] += encoded[static_cast<int64_t>(k)][u].item<double>();
      }
    }
  }
  REQUIRE(n > 1);
  for (size_t u = 0; u < 8; ++u) {
    REQUIRE(found[7 * 8 + u] == Approx(sum[u] / n).margin(1e-5));
  }
  Impatient none;
  pass.token_budget = 1;
  REQUIRE(embed_genes(model, *source, pass, none).empty());
}

TEST_CASE("predictions for a data set are shifted to its gene levels") {
  // A model that expects a single count of every gene, so its levels are low.
  ExpresserModel model(tiny_expresser(), kGenes, 1);
  model.start_at(at::zeros({kGenes, 6}), at::full({kGenes}, -20.0));
  auto cells = std::make_shared<OwnedCells>();
  for (int64_t i = 0; i < 30; ++i) {
    for (int32_t gene = 0; gene < kGenes; ++gene) {
      cells->genes.push_back(gene);
      cells->counts.push_back(gene == 5 ? 8 : 1);
    }
    cells->offsets.push_back(static_cast<int32_t>(cells->genes.size()));
  }
  const CellSourcePtr source = source_of(cells, kGenes);
  std::vector<std::vector<int32_t>> asked(30);
  asked[4] = {5, 6};
  const GeneQueries queries = queries_of(asked);
  Patient monitor;
  PassOptions pass;
  const auto shifts = gene_shifts(model, *source, queries, pass, monitor);
  const double per_count = 1e4 / (kGenes + 7);
  const double lacks = std::log1p(8 * per_count) - std::log1p(per_count);
  // Relative to what all genes lack on average. Gene 5 is queried in one cell.
  const double share = 29.0 / (30 * kGenes - 2);
  REQUIRE(shifts[5] == Approx(lacks * (1 - share)).epsilon(0.001));
  REQUIRE(shifts[6] == Approx(-lacks * share).epsilon(0.001));
  const auto alone = impute_expression(model, *source, queries, pass, monitor);
  pass.adapt = true;
  const auto moved = impute_expression(model, *source, queries, pass, monitor);
  REQUIRE(alone[0] == Approx(std::log1p(per_count)).epsilon(1e-4));
  REQUIRE(moved[0] == Approx(alone[0] + shifts[5]));
  REQUIRE(moved[1] == Approx(alone[1] + shifts[6]));
  // Queried values are no evidence: a gene that is queried in every cell is not
  // shifted.
  for (auto& genes : asked) genes = {5};
  const auto none =
      gene_shifts(model, *source, queries_of(asked), pass, monitor);
  REQUIRE(none[5] == Approx(0).margin(1e-4));
}

TEST_CASE("variation within genes alone does not shift predictions") {
  ExpresserModel model(tiny_expresser(), kGenes, 1);
  model.start_at(at::zeros({kGenes, 6}), at::full({kGenes}, 0.0));
  auto cells = std::make_shared<OwnedCells>();
  std::mt19937_64 engine(4);
  for (int64_t i = 0; i < 40; ++i) {
    for (int32_t gene = 0; gene < kGenes; ++gene) {
      cells->genes.push_back(gene);
      cells->counts.push_back(
          1 + 2 * static_cast<double>(uniform_below(engine, 2)));
    }
    cells->offsets.push_back(static_cast<int32_t>(cells->genes.size()));
  }
  const CellSourcePtr source = source_of(cells, kGenes);
  Patient monitor;
  PassOptions pass;
  const auto shifts = gene_shifts(
      model, *source, queries_of(std::vector<std::vector<int32_t>>(40)), pass,
      monitor);
  // What all genes lack equally is a shift. Differences between genes, with a
  // range of about 0.4 for plain means, are chance.
  const auto [low, high] = std::minmax_element(shifts.begin(), shifts.end());
  REQUIRE(*high - *low < 0.1);
}

TEST_CASE("if memory runs out, a pass continues in smaller pieces") {
  constexpr int64_t kCells = 50;
  ExpresserOptions wide = tiny_expresser();
  wide.n_embedding = 64;  // the cells themselves are small in comparison
  const ExpresserModel model = stirred_expresser(kGenes, wide);
  const CellSourcePtr source = two_kinds(kCells, kGenes);
  std::vector<std::vector<int32_t>> asked(kCells);
  for (int32_t i = 0; i < kCells; ++i) asked[i] = {i % 33, i % 33 + 7};
  const GeneQueries queries = queries_of(asked);
  Patient monitor;
  const int which = GENERATE(0, 1, 2);
  const auto pass = [&](PassOptions& options) {
    options.adapt = true;
    if (which == 0) {
      return embed_expression(model, *source, true, options, monitor);
    }
    if (which == 1) return embed_genes(model, *source, options, monitor);
    return impute_expression(model, *source, queries, options, monitor);
  };
  PassOptions plenty, few, halved;
  const std::vector<float> expected = pass(plenty);
  REQUIRE(plenty.token_budget == PassOptions().token_budget);
  few.token_budget = 300;
  const int64_t enough = watch_memory([&] { pass(few); })->peak() * 5 / 4;
  std::vector<float> found;
  const auto run = [&] { found = pass(halved); };
  REQUIRE(watch_memory(run, enough)->n_failed() >= 1);
  REQUIRE(distance(found, expected) < 1e-3);
  REQUIRE(halved.token_budget < 1000);
  REQUIRE(halved.token_budget > 100);
  // Once the size that fits is known, nothing fails any more.
  REQUIRE(watch_memory(run, enough)->n_failed() == 0);
  REQUIRE(distance(found, expected) < 1e-3);
}

TEST_CASE("a pass over a cell that is too large for memory is an error") {
  const ExpresserModel model = stirred_expresser(kGenes);
  const CellSourcePtr source = two_kinds(3, kGenes);
  Patient monitor;
  PassOptions pass;
  REQUIRE_THROWS_AS(
      watch_memory([&] { embed_genes(model, *source, pass, monitor); }, 9000),
      std::bad_alloc);
}

}  // namespace expresser_passes_test
