// The options of training and their defaults. Torch-free.
#pragma once

#include <cstdint>

#include "../models/compute_options.h"
#include "../models/sailer_options.h"
#include "run_options.h"
#include "schedule.h"

namespace sailer {

// Under Preset::kThesis what is left open is the thesis': 400 epochs of batches
// of 100, 10 of them warm-up, cycles of 100, a decay of 0.995, no patience.
struct TrainOptions {
  // Chosen by resolve() for the number of cells and what else is chosen.
  static constexpr int64_t kAuto = -1;

  // Optimiser steps, at most: what counts for how far the model gets, however
  // many cells there are. Decides `epochs` where these are left open, of which
  // there are then at least 4. Larger trains longer; patience ends a run that
  // no longer gains.
  int64_t steps = 2000;

  // Passes over the training cells, at most. Auto: as `steps` say.
  int64_t epochs = kAuto;

  // Cells per step. Larger is faster per epoch and takes fewer steps; the
  // aggregate posterior of the penalty is estimated from this many cells. Auto:
  // 100, and 400 from 100,000 cells on.
  int64_t batch_size = kAuto;

  // Step size of Adam at the start (auto: 0.003, the thesis' 0.001 under its
  // preset); it shrinks by `learning_rate_decay` each
  // epoch, bit by bit. A decay of kAuto ends at a twentieth of the start.
  double learning_rate = kAuto;
  double learning_rate_decay = kAuto;

  // Coupled L2 decay of all parameters. Larger keeps weights nearer to 0. Auto:
  // 4 over the number of training cells, so that the prior that it amounts to
  // weighs the same beside the likelihood of all cells, however many.
  double weight_decay = kAuto;

  // Epochs at the start in which the encoder stands still and the decoder
  // learns to read it. Auto: a quarter of the epochs where the encoder starts
  // at the linear method's embedding, three quarters where it reads a reference
  // as well, none where it starts at random or is to follow a reference that it
  // does not read.
  double frozen = kAuto;

  // Epochs of reconstruction only at the start. Auto: a twelfth of the epochs,
  // at most 10.
  double warmup = kAuto;

  // Epochs of one cycle of the annealing of beta. Auto: near 100, and such that
  // the training ends with a cycle, beta at its full weight.
  double period = kAuto;

  // Share of the cells held out to measure the likelihood on. Auto: a tenth, at
  // most 10,000 cells.
  double validation = kAuto;

  // Stop after this many epochs without a better evidence lower bound on the
  // validation cells, and return to the best epoch; 0 trains to the end and
  // keeps the last epoch. The bound has the KL at its full weight, so epochs
  // compare whatever the annealing is at. Auto: a quarter of the epochs,
  // counted from where beta has first reached its full weight; 0 without
  // validation, and where the encoder is to follow a reference that it does not
  // read.
  int64_t patience = kAuto;

  uint64_t seed = 1;

  // How the numbers are computed.
  ComputeOptions compute;

  // Bytes of a device's memory that cells may take for good: see StreamOptions.
  int64_t resident_bytes = -1;

  // Throws Error(kArgument) that names the option and says what it may be.
  void check() const;

  // These options with everything decided for `n_cells` cells and a model.
  TrainOptions resolve(int64_t n_cells, const SailerOptions& model) const;

  Schedule schedule() const;  // of resolved options
  RunOptions run() const;     // of resolved options
};

}  // namespace sailer
