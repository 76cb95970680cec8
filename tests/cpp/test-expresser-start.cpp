#include <algorithm>
#include <cmath>

#include "catch.h"
#include "core/data/readers/sources.h"
#include "core/training/expresser_start.h"
#include "expresser_helpers.h"
#include "torch_helpers.h"

namespace expresser_start_test {

using namespace sailer;
using namespace sailer_test;

namespace {

std::vector<int64_t> first_cells(int64_t n) {
  std::vector<int64_t> cells;
  for (int64_t i = 0; i < n; ++i) cells.push_back(i);
  return cells;
}

// The first n cells of the source.
CellRows rows_of(const CellSourcePtr& source, int64_t n) {
  Subset subset;
  subset.all_cells = false;
  subset.cells = first_cells(n);
  subset.n_features = source->n_features();
  CellRows rows;
  rows.source = choose(source, std::move(subset));
  rows.n_columns = source->n_features();
  return rows;
}

// Counts the cells that are read from another source.
class CountedSource final : public CellSource {
 public:
  explicit CountedSource(CellSourcePtr source) : source_(std::move(source)) {}
  int64_t n_cells() const override { return source_->n_cells(); }
  int64_t n_features() const override { return source_->n_features(); }
  int64_t n_entries(int64_t first, int64_t count) const override {
    return source_->n_entries(first, count);
  }
  std::string describe() const override { return source_->describe(); }

  int64_t n_read = 0;

 protected:
  void append(int64_t first, int64_t count, SparseRows& out) override {
    n_read += count;
    source_->read(first, count, out);
  }
  // Reads single cells like a store, not runs of cells.
  void append_cells(const int64_t* cells, int64_t n, bool,
                    SparseRows& out) override {
    for (int64_t k = 0; k < n; ++k) append(cells[k], 1, out);
  }

 private:
  CellSourcePtr source_;
};

// Log-normalised cells, dense.
at::Tensor dense_cells(CellSource& source, int64_t n) {
  at::Tensor out = at::zeros({n, source.n_features()}, doubles());
  for (int64_t i = 0; i < n; ++i) {
    SparseRows rows;
    source.read(i, 1, rows);
    NormalizedCell cell;
    normalize_cell(rows, 0, cell);
    for (size_t k = 0; k < cell.genes.size(); ++k) {
      out[i][cell.genes[k]] = cell.values[k];
    }
  }
  return out;
}

}  // namespace

TEST_CASE("components of genes are those of the centred cells") {
  const CellSourcePtr source = two_kinds(60, 24);
  const auto found = gene_components(rows_of(source, 50), 3, 1);
  const at::Tensor cells = dense_cells(*source, 50);
  // An independent decomposition with LAPACK.
  const auto [u, s, v] = at::svd(cells - cells.mean(0));
  at::Tensor expected = v.narrow(1, 0, 3) * s.narrow(0, 0, 3);
  const at::Tensor middle =
      std::get<0>(expected.abs().flatten().kthvalue(24 * 3 / 2 + 1));
  expected = (expected / middle).asinh();
  expected = expected * (0.5 / expected.square().mean().sqrt());
  for (int64_t j = 0; j < 3; ++j) {
    // The largest loading of each component is positive.
    const at::Tensor column = expected.select(1, j);
    const double top =
        column[column.abs().argmax()].item<double>() > 0 ? 1 : -1;
    for (int64_t gene = 0; gene < 24; ++gene) {
      const double value = found[static_cast<size_t>(gene * 3 + j)];
      REQUIRE(value == Approx(top * column[gene].item<double>()).margin(0.02));
    }
  }
}

TEST_CASE("the two kinds of genes differ in the first component") {
  const CellSourcePtr source = two_kinds(60, 24);
  const auto found = gene_components(rows_of(source, 60), 2, 1);
  for (int64_t gene = 2; gene < 24; ++gene) {
    REQUIRE((found[static_cast<size_t>(2 * gene)] > 0) ==
            (found[static_cast<size_t>(gene % 2 * 2)] > 0));
  }
}

TEST_CASE("fewer cells than components leave zeros") {
  const CellSourcePtr source = two_kinds(4, 24);
  const auto found = gene_components(rows_of(source, 4), 5, 1);
  REQUIRE(found.size() == 24 * 5);
  for (size_t gene = 0; gene < 24; ++gene) {
    REQUIRE(found[5 * gene] != 0);
    REQUIRE(found[5 * gene + 3] == 0);
    REQUIRE(found[5 * gene + 4] == 0);
  }
}

TEST_CASE("levels are the excess of mean counts over 1 in the given cells") {
  auto cells = std::make_shared<OwnedCells>();
  cells->genes = {0, 1, 0, 0};
  cells->counts = {3, 1, 6, 900};
  cells->offsets = {0, 2, 3, 4};
  const CellSourcePtr source = source_of(cells, 3);
  const auto found = gene_levels(rows_of(source, 2));
  REQUIRE(found[0] == Approx(std::log((2 + 5 + 0.5) / 3)));
  REQUIRE(found[1] == Approx(std::log(0.5 / 2)));
  REQUIRE(found[2] == Approx(std::log(0.5)));
}

TEST_CASE("the first predictions are the mean counts of the genes") {
  const CellSourcePtr source = two_kinds(40, 24);
  ExpresserModel model(tiny_expresser(), 24, 1);
  REQUIRE(start_from_cells(model, source, first_cells(40), 1, {}));
  const auto levels = gene_levels(rows_of(source, 40));
  SparseRows rows;
  source->read(3, 1, rows);
  NormalizedCell cell;
  normalize_cell(rows, 0, cell);
  HostTokens tokens;
  append_training_cell(cell, model.token_options(), 5, tokens);
  const HostTokens kept = tokens;
  const at::Tensor found =
      model.predict(to_batch(std::move(tokens), model.tensor_options()), false);
  for (size_t k = 0; k < kept.masked.size(); ++k) {
    const auto gene = static_cast<size_t>(kept.genes[kept.masked[k]]);
    const double count = 1 + std::exp(levels[gene]);
    REQUIRE(found[static_cast<int64_t>(k)].item<double>() ==
            Approx(std::log1p(cell.per_count * count)).epsilon(1e-5));
  }
}

TEST_CASE("components stay fixed in training; a random start has none") {
  ExpresserOptions options = tiny_expresser();
  ExpresserModel model(options, 24, 1);
  const CellSourcePtr source = two_kinds(40, 24);
  REQUIRE(start_from_cells(model, source, first_cells(40), 1, {}));
  const auto tensor_of = [](ExpresserModel& model, const std::string& name) {
    for (const NamedTensor& entry : model.parameters().tensors()) {
      if (entry.name == name) return entry.tensor.detach().clone();
    }
    return at::Tensor();
  };
  const at::Tensor components =
      tensor_of(model, ExpresserModel::kGeneComponents);
  const at::Tensor learned = tensor_of(model, ExpresserModel::kGeneEmbedding);
  REQUIRE(components.sizes() == at::IntArrayRef({24, 6}));
  REQUIRE(learned.sizes() == at::IntArrayRef({24, 2}));
  PretrainOptions train = brief_pretraining();
  ExpresserTask task(model, source, split_at(40, 0), train);
  Adam adam(model.parameters().parameters(), 0);
  task.start_epoch(0, 0);
  REQUIRE(task.next());
  adam.begin_step(0.01);
  task.step(adam, 0, 0, false);
  adam.finish_step();
  REQUIRE(
      at::equal(tensor_of(model, ExpresserModel::kGeneComponents), components));
  // The first step does not reach parameters behind weights that start at zero;
  // later steps do.
  REQUIRE(task.next());
  adam.begin_step(0.01);
  task.step(adam, 0, 8, false);
  adam.finish_step();
  REQUIRE_FALSE(
      at::equal(tensor_of(model, ExpresserModel::kGeneEmbedding), learned));

  options.token_start = TokenStart::kRandom;
  ExpresserModel random(options, 24, 1);
  REQUIRE_FALSE(tensor_of(random, ExpresserModel::kGeneComponents).defined());
  REQUIRE(start_from_cells(random, source, first_cells(40), 1, {}));
  REQUIRE(tensor_of(random, ExpresserModel::kGeneEmbedding).size(1) == 8);
}

TEST_CASE("a start can be cancelled") {
  const CellSourcePtr source = two_kinds(40, 24);
  ExpresserModel model(tiny_expresser(), 24, 1);
  REQUIRE_FALSE(
      start_from_cells(model, source, first_cells(40), 1, [] { return true; }));
}

TEST_CASE("a start reads at most a hundred thousand of the cells") {
  auto cells = std::make_shared<OwnedCells>();
  for (int32_t i = 0; i < 250000; ++i) {
    cells->genes.push_back(i % 7);
    cells->counts.push_back(1 + i % 3);
    cells->offsets.push_back(i + 1);
  }
  const auto source = std::make_shared<CountedSource>(source_of(cells, 7));
  ExpresserOptions options = tiny_expresser();
  options.token_start = TokenStart::kRandom;  // a single pass, for the levels
  ExpresserModel model(options, 7, 1);
  REQUIRE(start_from_cells(model, source, first_cells(240000), 1, {}));
  REQUIRE(source->n_read == 100000);
}

}  // namespace expresser_start_test
