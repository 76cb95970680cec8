// The options of the Expresser's training, their defaults and its schedule
// (thesis 4.2.2 and methods). Torch-free.
#pragma once

#include <cstdint>

#include "../models/compute_options.h"

namespace sailer {

struct PretrainOptions {
  // Chosen by resolve() for the number of cells.
  static constexpr int64_t kAuto = -1;
  static constexpr double kAutoRate = -1;

  // Passes over the training cells, at most. Auto: 6, and on small data so many
  // that 300,000 cells are seen in all, at most 100.
  int64_t epochs = kAuto;

  // Cells of a step. Auto: 256, and fewer on small data, which need more steps.
  int64_t batch_size = kAuto;

  // Tokens that are computed at once: a step goes through its cells in pieces
  // of at most so many and adds up their gradients. Larger is faster on a GPU
  // and takes more memory; the result is the same. Auto: 4,096 on a CPU,
  // 131,072 on a GPU.
  int64_t token_budget = kAuto;

  // Largest step size of Adam. Auto: 1e-4 for the full size, more for models of
  // fewer numbers.
  double learning_rate = kAutoRate;

  // Step size that the cosine ends at, as a share of the largest.
  double final_share = 0.1;

  // Steps of linear rise. Auto: 2,000, at most a tenth of all steps.
  int64_t warmup = kAuto;

  // Gradients are scaled so that their length is at most this; 0: never.
  double clip = 1;

  double weight_decay = 0;
  double validation = 0.05;  // share of the cells kept back
  int64_t patience = 5;      // epochs, see TrainOptions
  uint64_t seed = 1;
  ComputeOptions compute;

  // Throws Error(kArgument) that names the option and says what it may be.
  void check() const;

  // These options with everything decided.
  PretrainOptions resolve(int64_t n_cells, int64_t n_embedding,
                          bool on_cpu) const;
};

// Step size of step `step` of `n_steps`, from 0: a linear rise over `warmup`
// steps, then half a cosine down to final_share of it.
double cosine_rate(double learning_rate, double final_share, int64_t warmup,
                   int64_t n_steps, int64_t step);

}  // namespace sailer
