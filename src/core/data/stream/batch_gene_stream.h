// The stream of the Expresser: cells of a store, in a given order, as
// minibatches of gene tokens on the device.
//
// A minibatch comes in pieces of a limited number of tokens, so that memory
// does not depend on its size. One thread makes pieces ahead of their use.
// Which genes of a cell are chosen and masked depends only on the seed and the
// cell, not on the pieces or on neighbouring cells.
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
  int64_t batch_size = 256;     // cells per minibatch
  int64_t token_budget = 8192;  // per piece, unless a single cell has more
  TokenOptions tokens;
  at::Device device = at::kCPU;
  at::ScalarType type = at::kFloat;  // or kDouble
  size_t prefetch = 2;               // minibatches made ahead; 0: none
};

class GeneStream {
 public:
  // A source that is not a store is packed first.
  GeneStream(const CellSourcePtr& source, const GeneStreamOptions& options);

  // Starts serving `cells` in this order, beginning with the one at `position`.
  void start(std::vector<int64_t> cells, uint64_t seed, int64_t position = 0);

  // Sets the token budget per piece. Stops reading ahead first, since the
  // thread reads the budget: call start() afterwards.
  void set_token_budget(int64_t tokens) {
    stop();
    options_.token_budget = tokens;
  }

  // Stops reading ahead; nothing is served until start() is called again.
  void stop() { batches_.stop(); }

  // Gets the next minibatch; returns false at the end. Cells with fewer than 2
  // genes are skipped, so a minibatch may have no pieces. Rethrows what the
  // source threw.
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
  // Declared last because its thread uses the other members.
  OrderedBatches<std::vector<GeneBatch>> batches_;
};

}  // namespace sailer
