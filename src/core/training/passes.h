// Passes over cells without gradients: validation, embedding, likelihoods.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "../data/stream/batch_stream.h"
#include "../models/sailer_model.h"
#include "../support/exchange.h"
#include "../support/monitor.h"
#include "sampler.h"

namespace sailer {

// Calls `visit` with `cells` in their order, without thinning and gradients, in
// blocks of one size: a BLAS may round a row by how many rows there are, so
// equal cells give equal bits in every pass, whatever the stream's minibatches
// are. False when the monitor asked to stop, as it may after each block.
bool visit_cells(BatchStream& stream, const std::vector<int64_t>& cells,
                 Monitor& monitor,
                 const std::function<void(const SparseBatch&)>& visit);

// Means of SailerModel::evaluate() over `cells`; the noise is the same each
// time. Of a shard the blocks are dealt out in turn: means weighted by
// `n_cells` are those of one process.
struct Evaluated {
  SailerModel::Evaluation mean;
  int64_t n_cells = 0;
};
Evaluated evaluate_cells(SailerModel& model, BatchStream& stream,
                         const std::vector<int64_t>& cells,
                         const Shard& shard = {});

// q(z | x) of cells, both row-major [cells x n_latent].
struct CellPosteriors {
  std::vector<float> mean;  // their embedding
  std::vector<float> log_variance;
};

// Of all cells of the stream's source in its order; empty when the monitor
// asked to stop. With an exchange each process computes a part of the blocks,
// and all get the bits that one would; empty when any was asked to stop.
CellPosteriors posteriors_of_cells(const SailerModel& model,
                                   BatchStream& stream, Monitor& monitor,
                                   Exchange* exchange = nullptr);

}  // namespace sailer
