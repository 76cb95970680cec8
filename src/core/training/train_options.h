// The options of training and their defaults. Torch-free.
#pragma once

#include <cstdint>

#include "../models/compute_options.h"
#include "run_options.h"
#include "schedule.h"

namespace sailer {

struct TrainOptions {
  // Chosen by resolve() for the number of cells and of epochs.
  static constexpr int64_t kAuto = -1;

  // Passes over the training cells, at most. Small data need more of them:
  // what counts is the number of steps. Auto: 400,000 cells in all, but at
  // least 60 and at most 400 epochs.
  int64_t epochs = kAuto;

  // Cells per step. Larger is faster per epoch and takes fewer steps; the
  // aggregate posterior of the penalty is estimated from this many cells.
  int64_t batch_size = 100;

  // Step size of Adam at the start; it shrinks by `learning_rate_decay` each
  // epoch.
  double learning_rate = 1e-3;
  double learning_rate_decay = 0.995;

  // Coupled L2 decay of all parameters.
  double weight_decay = 5e-4;

  // Epochs of reconstruction only at the start. Auto: a sixth of the epochs, at
  // most 10.
  int64_t warmup = kAuto;

  // Epochs of one cycle of the annealing of beta. Auto: near 100, and such that
  // the training ends with a cycle, beta at its full weight.
  int64_t period = kAuto;

  // Share of the cells kept back to measure the likelihood on.
  double validation = 0.1;

  // Stop after this many epochs without a better evidence lower bound on the
  // validation cells, and return to the best epoch; 0 trains to the end and
  // keeps the last epoch. The bound has the KL at its full weight, so epochs
  // compare whatever the annealing is at.
  int64_t patience = 0;

  uint64_t seed = 1;

  // How the numbers are computed: precision, exact or sampled likelihood.
  ComputeOptions compute;

  // Bytes of a device's memory that cells may take for good: see StreamOptions.
  int64_t resident_bytes = -1;

  // Throws Error(kArgument) that names the option and says what it may be.
  void check() const;

  // These options with everything decided for `n_cells` cells.
  TrainOptions resolve(int64_t n_cells) const;

  Schedule schedule() const;  // of resolved options
  RunOptions run() const;     // of resolved options
};

}  // namespace sailer
