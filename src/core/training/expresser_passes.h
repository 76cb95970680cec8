// Passes of a trained Expresser over cells: embeddings and imputation.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "../data/cell_source.h"
#include "../models/expresser_model.h"
#include "../support/monitor.h"

namespace sailer {

struct PassOptions {
  int64_t token_budget = 8192;  // tokens that are computed at once
  // Passes whose predictions are averaged. Each sees other genes of cells that
  // have more than max_genes, and other queries side by side.
  int64_t n_passes = 1;
};

// Means of the contextual tokens of every cell of the source, row-major
// [cells x d]; zeros for a cell without genes. Of more than max_genes genes of
// a cell those are taken that a hash of its counts chooses. Empty when the
// monitor asked to stop.
std::vector<float> embed_expression(const ExpresserModel& model,
                                    CellSource& source,
                                    const PassOptions& options,
                                    Monitor& monitor);

// Genes whose expression is asked for: those of cell i are
// [starts[i], starts[i + 1]), each at most once.
struct GeneQueries {
  std::vector<int64_t> starts{0};
  std::vector<int32_t> genes;
};

// What the model expects of the queries, in their order, in units of
// log(1 + 10,000 share of the cell's counts); NaN in a cell that has no other
// gene. A query is masked whether its count is zero or not. In one pass queries
// are at most the share `mask_ratio` of the tokens, as in training: more of
// them take more passes. What a cell gives depends, but for rounding, on its
// own counts and queries alone. Empty when the monitor asked to stop.
std::vector<float> impute_expression(const ExpresserModel& model,
                                     CellSource& source,
                                     const GeneQueries& queries,
                                     const PassOptions& options,
                                     Monitor& monitor);

}  // namespace sailer
