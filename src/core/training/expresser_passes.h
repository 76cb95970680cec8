// Passes of a trained Expresser over cells: embeddings and imputation.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "../data/readers/cell_source.h"
#include "../models/expresser_model.h"
#include "../support/monitor.h"

namespace sailer {

struct PassOptions {
  // Tokens that are computed at once. Where memory runs out the passes below
  // halve it, and go on.
  int64_t token_budget = 8192;
  // Passes whose predictions are averaged. Each sees other genes of cells that
  // have more than max_genes, and other queries side by side.
  int64_t n_passes = 1;
  // Imputation: gene_shifts() of the same cells are added to predictions.
  bool adapt = false;
};

// Means of the contextual tokens of every cell of the source, row-major
// [cells x d]; zeros for a cell without genes. Of more than max_genes genes of
// a cell those are taken that a hash of its counts chooses. Empty when the
// monitor asked to stop.
// With `expression` the tokens know how much there is of each gene: see
// ExpresserModel::embed().
std::vector<float> embed_expression(const ExpresserModel& model,
                                    CellSource& source, bool expression,
                                    PassOptions& options, Monitor& monitor);

// Means of the contextual tokens of each gene over the cells of the source in
// which it was looked at: [genes x d] row-major, NaN for a gene that never was.
// Genes of a cell are chosen as above. Empty when the monitor asked to stop.
std::vector<float> embed_genes(const ExpresserModel& model, CellSource& source,
                               PassOptions& options, Monitor& monitor);

// Genes whose expression is asked for: those of cell i are
// [starts[i], starts[i + 1]), each at most once.
struct GeneQueries {
  std::vector<int64_t> starts{0};
  std::vector<int32_t> genes;
};

// How much higher or lower, in units of the predictions, each gene is in these
// cells than the model expects: data sets differ in what their chemistry finds,
// and the model cannot know that of one it never saw. Each gene of a cell is
// masked once, as many together as in training, and predicted; queries are left
// out. Of what predictions of a gene lack on average, beyond what those of all
// genes do (which is how cells are normalised, not how genes differ), the share
// n w / (v + n w) is taken where n cells showed it: v is its variance within
// genes, w that between them, both estimated from all genes, so that no gene is
// moved in cells that are as the model expects. Of more than some 2,000 cells
// so many, evenly spaced. Empty when the monitor asked to stop.
std::vector<float> gene_shifts(const ExpresserModel& model, CellSource& source,
                               const GeneQueries& queries, PassOptions& options,
                               Monitor& monitor);

// What the model expects of the queries, in their order, in units of
// log(1 + 10,000 share of the cell's counts); NaN in a cell that has no other
// gene. A query is masked whether its count is zero or not. In one pass queries
// are at most the share `mask_ratio` of the tokens, as in training: more of
// them take more passes. Without `adapt` what a cell gives depends, but for
// rounding, on its own counts and queries alone. Empty when the monitor asked
// to stop.
std::vector<float> impute_expression(const ExpresserModel& model,
                                     CellSource& source,
                                     const GeneQueries& queries,
                                     PassOptions& options, Monitor& monitor);

}  // namespace sailer
