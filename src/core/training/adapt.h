// Adapts to a batch that the model has not seen: computes how likely its cells
// are under the decoder if a vector replaces the batch's one-hot, and learns
// such a vector. The model itself does not change.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "../data/stream/batch_stream.h"
#include "../models/sailer_model.h"
#include "../support/monitor.h"

namespace sailer {

// Mean over the cells of -log p(x | z, c) under the plain Bernoulli model
// (omega divided out), at the posterior mean, with `vector` [width] in place of
// the columns [first, first + width) of c. To be differentiated with respect to
// `vector` only: torch::autograd::grad() with `vector` as the only input gives
// the model's parameters no gradient.
at::Tensor label_loss(const SailerModel& model, const SparseBatch& batch,
                      int64_t first, const at::Tensor& vector);

// Mean log-likelihood per cell of `cells` for each row of `vectors`
// [R, width]; empty if the monitor asked to stop.
std::vector<double> label_likelihoods(const SailerModel& model,
                                      BatchStream& stream,
                                      const std::vector<int64_t>& cells,
                                      int64_t first, const at::Tensor& vectors,
                                      Monitor& monitor);

struct AdaptOptions {
  int64_t steps = 200;         // minibatches, at most
  double learning_rate = 0.1;  // falls to 0 over these steps
  int64_t patience = 50;       // steps without a better held-out likelihood
  uint64_t seed = 1;           // for the order of the cells

  void check() const;
};

struct Adapted {
  std::vector<double> vector;
  // Mean log-likelihood per held-out cell: at the start, and after each pass
  // over the training cells.
  std::vector<double> history;
  double likelihood = 0;  // of `vector`: the highest in `history`
  bool stopped = false;   // by the monitor: `vector` is the best so far
};

// Minimises label_loss() with Adam over minibatches of `training`, starting at
// `start`. Returns the vector under which the held-out cells are most likely,
// out of `start` and the vectors after each pass.
Adapted adapt_label(const SailerModel& model, BatchStream& stream,
                    const std::vector<int64_t>& training,
                    const std::vector<int64_t>& held_out, int64_t first,
                    const std::vector<double>& start,
                    const AdaptOptions& options, Monitor& monitor);

}  // namespace sailer
