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
  // Tokens computed at once. If memory runs out, the passes below halve it and
  // continue.
  int64_t token_budget = 8192;
  // Passes whose predictions are averaged. They differ in which genes are used
  // of cells that have more than fit into a pass, and in which queries are
  // masked together.
  int64_t n_passes = 1;
  // Imputation: adds gene_shifts() of the same cells to the predictions.
  bool adapt = false;
};

// Means of the contextual tokens of every cell of the source, row-major
// [cells x d]; zeros for a cell without genes. If a cell has more than
// max_genes genes, a hash of its expression chooses which are used. Empty if
// the monitor asked to stop.
// With `expression` the tokens also reflect how much each gene is expressed:
// see ExpresserModel::embed().
std::vector<float> embed_expression(const ExpresserModel& model,
                                    CellSource& source, bool expression,
                                    PassOptions& options, Monitor& monitor);

// Means of the contextual tokens of each gene over the cells of the source in
// which the gene was used: [genes x d] row-major, NaN for a gene that never
// was. The genes of a cell are chosen as above. Empty if the monitor asked to
// stop.
std::vector<float> embed_genes(const ExpresserModel& model, CellSource& source,
                               PassOptions& options, Monitor& monitor);

// Genes whose expression is to be predicted: those of cell i are at
// [starts[i], starts[i + 1]) in `genes`, each at most once.
struct GeneQueries {
  std::vector<int64_t> starts{0};
  std::vector<int32_t> genes;
};

// How much higher or lower each gene is in these cells than the model predicts,
// in units of the predictions: data sets differ in what their chemistry
// detects, and the model cannot know this for one it has never seen. Each gene
// of a cell, up to max_genes of them, is masked once, as many together as in
// training, and predicted; queries are left out. The shift of a gene is its
// mean residual minus the mean residual of all genes (which reflects how cells
// are normalised, not how genes differ), times n w / (v + n w) if the gene was
// predicted in n cells. v is the variance of residuals within genes and w that
// between genes, both estimated from all genes, so that no gene is shifted in
// cells that match the model. Of 4,000 or more cells, only 2,000 to 3,000,
// evenly spaced, are used. Empty if the monitor asked to stop.
std::vector<float> gene_shifts(const ExpresserModel& model, CellSource& source,
                               const GeneQueries& queries, PassOptions& options,
                               Monitor& monitor);

// Predicted expression of the queries, in their order, in units of
// log(1 + 10,000 share of the cell's counts); NaN in a cell that has no other
// gene. A query is masked whether or not its count is zero. In one forward pass
// at most the share `mask_ratio` of the tokens are queries, as in training:
// more queries take more forward passes. Without `adapt` the predictions for a
// cell depend only on its own counts and queries, except for rounding. Empty if
// the monitor asked to stop.
std::vector<float> impute_expression(const ExpresserModel& model,
                                     CellSource& source,
                                     const GeneQueries& queries,
                                     PassOptions& options, Monitor& monitor);

}  // namespace sailer
