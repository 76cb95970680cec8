// The options of training and their defaults. Torch-free.
#pragma once

#include <cstdint>

#include "schedule.h"

namespace sailer {

struct TrainOptions {
  // Passes over the training cells, at most.
  int64_t epochs = 400;

  // Cells per step. Larger is faster per epoch and takes fewer steps; the
  // aggregate posterior of the penalty is estimated from this many cells.
  int64_t batch_size = 100;

  // Step size of Adam at the start; it shrinks by `learning_rate_decay` each
  // epoch.
  double learning_rate = 1e-3;
  double learning_rate_decay = 0.995;

  // Coupled L2 decay of all parameters.
  double weight_decay = 5e-4;

  // Epochs of reconstruction only, then the period of the annealing of beta.
  int64_t warmup = 10;
  int64_t period = 100;

  // Share of the cells kept back to measure the likelihood on.
  double validation = 0.1;

  // Stop after this many epochs without a better evidence lower bound on the
  // validation cells, and return to the best epoch; 0 trains to the end and
  // keeps the last epoch. The bound has the KL at its full weight, so epochs
  // compare whatever the annealing is at.
  int64_t patience = 0;

  uint64_t seed = 1;

  // Throws Error(kArgument) that names the option and says what it may be.
  void check() const;

  Schedule schedule() const;
};

}  // namespace sailer
