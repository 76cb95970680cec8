// Small corpora and models for the tests of the Expresser.
#pragma once

#include <cmath>
#include <memory>
#include <vector>

#include "core/data/readers/sources.h"
#include "core/models/expresser_model.h"
#include "core/support/random.h"
#include "core/training/expresser_task.h"

namespace sailer_test {

// A source in memory that owns its entries.
struct OwnedCells {
  std::vector<int32_t> offsets{0}, genes;
  std::vector<double> counts;
};

inline sailer::CellSourcePtr source_of(std::shared_ptr<const OwnedCells> cells,
                                       int64_t n_genes) {
  sailer::MatrixView view;
  view.offsets = cells->offsets.data();
  view.indices = cells->genes.data();
  view.values = cells->counts.data();
  view.n_features = n_genes;
  view.n_cells = static_cast<int64_t>(cells->offsets.size()) - 1;
  view.n_entries = static_cast<int64_t>(cells->genes.size());
  return sailer::matrix_source(view, cells);
}

// Two kinds of cells: the genes of one half of the vocabulary are high together
// in one kind and low in the other, so that genes predict each other.
inline sailer::CellSourcePtr two_kinds(int64_t n_cells, int64_t n_genes,
                                       uint64_t seed = 1) {
  auto cells = std::make_shared<OwnedCells>();
  std::mt19937_64 engine(seed);
  for (int64_t i = 0; i < n_cells; ++i) {
    for (int64_t g = 0; g < n_genes; ++g) {
      const bool high = (g % 2 == 0) == (i % 2 == 0);
      if (sailer::uniform_unit(engine) < 0.2) continue;
      cells->genes.push_back(static_cast<int32_t>(g));
      cells->counts.push_back(
          1 + static_cast<double>(sailer::uniform_below(engine, 2)) +
          (high ? 20 : 0));
    }
    cells->offsets.push_back(static_cast<int32_t>(cells->genes.size()));
  }
  return source_of(cells, n_genes);
}

inline sailer::ExpresserOptions tiny_expresser() {
  sailer::ExpresserOptions options;
  options.n_embedding = 8;
  options.n_layers = 1;
  options.n_heads = 2;
  options.n_bins = 10;
  options.dropout = 0;
  options.max_genes = 100;
  return options;
}

// A model none of whose parameters has a value that would hide a mistake: the
// predictions of a newly made model do not depend on the rest of the cell.
inline sailer::ExpresserModel stirred_expresser(
    int64_t n_genes, const sailer::ExpresserOptions& options = tiny_expresser(),
    at::ScalarType type = at::kFloat) {
  sailer::ExpresserModel model(options, n_genes, 1, at::kCPU, type);
  at::NoGradGuard no_grad;
  const at::Generator generator = sailer::make_generator(at::kCPU, 9);
  for (const sailer::NamedTensor& entry : model.parameters().tensors()) {
    at::Tensor parameter = entry.tensor;
    parameter.add_(at::empty_like(parameter).normal_(0, 0.3, generator));
  }
  return model;
}

// Holds out the last `n_validation` cells for validation.
inline sailer::Split split_at(int64_t n_cells, int64_t n_validation) {
  sailer::Split split;
  for (int64_t i = 0; i < n_cells; ++i) {
    (i < n_cells - n_validation ? split.training : split.validation)
        .push_back(i);
  }
  return split;
}

inline sailer::PretrainOptions brief_pretraining() {
  sailer::PretrainOptions options;
  options.epochs = 30;
  options.batch_size = 8;
  options.token_budget = 60;
  options.learning_rate = 0.01;
  options.warmup = 10;
  return options;
}

}  // namespace sailer_test
