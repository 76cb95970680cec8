// A batch that the model has not seen: how likely its cells are under the
// decoder when a vector stands in place of the batch's one-hot, and a vector
// learned for them. Nothing of the model moves.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "../data/stream/batch_stream.h"
#include "../models/sailer_model.h"
#include "../support/monitor.h"

namespace sailer {

// Mean over the cells of -log p(x | z, c) of the plain Bernoulli model (omega
// divided out), at the posterior mean, with `vector` [width] in place of the
// columns [first, first + width) of c. Differentiable with respect to `vector`
// alone: the model's own parameters get no gradient from
// torch::autograd::grad() with it as the only input.
at::Tensor label_loss(const SailerModel& model, const SparseBatch& batch,
                      int64_t first, const at::Tensor& vector);

// Mean log-likelihood per cell of `cells` with each row of `vectors`
// [R, width]; empty when the monitor asked to stop.
std::vector<double> label_likelihoods(const SailerModel& model,
                                      BatchStream& stream,
                                      const std::vector<int64_t>& cells,
                                      int64_t first, const at::Tensor& vectors,
                                      Monitor& monitor);

struct AdaptOptions {
  int64_t steps = 200;         // minibatches, at most
  double learning_rate = 0.1;  // falls to 0 over these steps
  int64_t patience = 50;       // steps without a better held-out likelihood
  uint64_t seed = 1;           // of the order of the cells

  void check() const;
};

struct Adapted {
  std::vector<double> vector;
  // Mean log-likelihood per held-out cell: of the start, and after each pass
  // over the cells that are learned from.
  std::vector<double> history;
  double likelihood = 0;  // with the vector: the highest of these
  bool stopped = false;   // by the monitor: the vector is the best so far
};

// Adam on label_loss() over minibatches of `training`, from `start` on. What is
// returned is the vector under which the cells held out are likeliest, `start`
// itself among them.
Adapted adapt_label(const SailerModel& model, BatchStream& stream,
                    const std::vector<int64_t>& training,
                    const std::vector<int64_t>& held_out, int64_t first,
                    const std::vector<double>& start,
                    const AdaptOptions& options, Monitor& monitor);

}  // namespace sailer
