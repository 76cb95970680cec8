// The stream of the Expresser: cells of a store, in a given order, as
// minibatches of gene tokens on the device.
//
// A minibatch comes in pieces of a limited number of tokens, so that memory
// does not depend on its size. Pieces are made ahead of their use by one
// thread. What is chosen and masked of a cell depends on the seed and the cell
// alone, neither on the pieces nor on the cells beside it.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "../store/store.h"
#include "batch_genes.h"
#include "gene_tokens.h"
#include "ordered_batches.h"

namespace sailer {

struct GeneStreamOptions {
  int64_t batch_size = 256;     // cells of a minibatch
  int64_t token_budget = 8192;  // of a piece, but for a cell that has more
  TokenOptions tokens;
  at::Device device = at::kCPU;
  at::ScalarType type = at::kFloat;  // or kDouble
  size_t prefetch = 2;               // minibatches made ahead; 0: none
};

class GeneStream {
 public:
  // A source that is no store is packed first.
  GeneStream(const CellSourcePtr& source, const GeneStreamOptions& options);

  // Serves `cells` from now on, in this order, from the one at `position` on.
  void start(std::vector<int64_t> cells, uint64_t seed, int64_t position = 0);

  // Of pieces, from the next start() on.
  void set_token_budget(int64_t tokens) { options_.token_budget = tokens; }

  // Ends reading ahead; nothing is served until start() is called again.
  void stop() { batches_.stop(); }

  // The next minibatch; false at the end. Cells with fewer than 2 genes take no
  // part: a minibatch may have no pieces. Throws what the source threw.
  bool next(std::vector<GeneBatch>& pieces);

  // The cells of the minibatch that next() served last.
  const std::vector<int64_t>& cells() const { return batches_.cells(); }

 private:
  void make(const int64_t* cells, int64_t n, uint64_t seed,
            std::vector<GeneBatch>& pieces);

  CellSourcePtr store_;
  GeneStreamOptions options_;
  SparseRows rows_;
  NormalizedCell cell_;
  // Last: its thread uses the others.
  OrderedBatches<std::vector<GeneBatch>> batches_;
};

}  // namespace sailer
