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

// Calls `visit` with `cells` in order, without thinning or gradients, in blocks
// of a fixed size: a BLAS may round a row differently depending on the number
// of rows, and so the same cells give the same bits in every pass, regardless
// of the stream's minibatch size. Returns false if the monitor asked to stop,
// which it can after each block.
bool visit_cells(BatchStream& stream, const std::vector<int64_t>& cells,
                 Monitor& monitor,
                 const std::function<void(const SparseBatch&)>& visit);

// Means of SailerModel::evaluate() over `cells`; the noise is the same each
// time. With several shards, blocks are assigned to them in turn; the average
// of their means, weighted by `n_cells`, is what a single process would get.
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

// Posteriors of all cells of the stream's source, in its order; empty if the
// monitor asked to stop. With an exchange, each process computes a part of the
// blocks, and all get the same bits as a single process would; empty if any
// process was asked to stop.
CellPosteriors posteriors_of_cells(const SailerModel& model,
                                   BatchStream& stream, Monitor& monitor,
                                   Exchange* exchange = nullptr);

}  // namespace sailer
