// What the Expresser sees of a cell (thesis 4.2.1): its non-zero genes, their
// binned normalised expression, and which of them are masked. Torch-free, pure
// functions of the counts and a seed.
#pragma once

#include <cstdint>
#include <vector>

#include "../readers/cell_source.h"

namespace sailer {

struct TokenOptions {
  int64_t n_bins = 50;
  double mask_ratio = 0.3;
  int64_t max_genes = 1100;          // per cell
  bool largest_from_masked = false;  // L includes masked genes
};

// Genes of one cell with counts above zero, ascending, and their values
// log(1 + 10,000 count / total), where the total is over these genes.
struct NormalizedCell {
  std::vector<int32_t> genes;
  std::vector<float> values;
  float per_count = 1;  // 10,000 / total: the scaled value of one count
};

void normalize_cell(const SparseRows& rows, int64_t row, NormalizedCell& out);

// Returns the cells with at least 2 entries: one to observe and one to mask.
std::vector<int64_t> usable_cells(const CellSource& source);

// Returns the normalised expression of `genes` in all cells, cell by cell.
std::vector<float> log_normalized(CellSource& source,
                                  const std::vector<int64_t>& genes);

// Returns the mean of the non-zero normalised expressions of several hundred
// cells, evenly spaced among `cells`.
double mean_expression(CellSource& source, const std::vector<int64_t>& cells);

// Cells one after another. A token is a gene of a cell; each cell has its
// observed tokens first, then its masked ones.
struct HostTokens {
  std::vector<int64_t> genes;  // of each token
  std::vector<int64_t> token_starts{0};
  std::vector<int64_t> observed;  // indices of observed tokens, cell by cell
  std::vector<int64_t> bins;      // of each observed token, from 0
  std::vector<float> values;      // expression of each observed token
  std::vector<float> log_counts;  // log of its count
  std::vector<int64_t> observed_starts{0};
  std::vector<int64_t> masked;   // indices of masked tokens, cell by cell
  std::vector<float> targets;    // expression of each masked token
  std::vector<float> largest;    // L of the cell of each masked token
  std::vector<float> per_count;  // of the cell of each masked token
  std::vector<int64_t> masked_starts{0};

  int64_t n_cells() const { return n_of(token_starts) - 1; }
  int64_t n_tokens() const { return n_of(genes); }
};

// Returns the bin ceil(value * n_bins / largest) - 1 of 0 < value <= largest.
int64_t bin_of(double value, double largest, int64_t n_bins);

// Returns how many of n genes are masked: the rounded share, but at least 1 and
// at most n - 1; 0 for fewer than 2 genes.
int64_t n_masked(int64_t n_genes, double mask_ratio);

// Appends a cell for training: at most max_genes of its genes, chosen and
// masked at random. Returns false, appending nothing, if it has fewer than 2
// genes.
bool append_training_cell(const NormalizedCell& cell,
                          const TokenOptions& options, uint64_t seed,
                          HostTokens& out);

// Appends a cell for predicting its expression of the genes `queries`, which
// are masked. `observed` holds the indices in `cell` of the observed genes, at
// least one.
void append_query_cell(const NormalizedCell& cell,
                       const std::vector<int64_t>& observed,
                       const int32_t* queries, int64_t n_queries,
                       const TokenOptions& options, HostTokens& out);

// Returns `count` different numbers of [0, n) in random order.
std::vector<int64_t> choose(int64_t n, int64_t count, uint64_t seed);

}  // namespace sailer
