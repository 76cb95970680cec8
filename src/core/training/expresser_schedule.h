// The options of Expresser training, their defaults, and the schedule (thesis
// 4.2.2 and methods). Torch-free.
#pragma once

#include <cstdint>
#include <optional>

#include "../models/compute_options.h"
#include "../models/expresser_options.h"
#include "run_options.h"

namespace sailer {

struct PretrainOptions {
  // Chosen by resolve(), depending on the number of cells.
  static constexpr int64_t kAuto = kAutoOption;

  int64_t epochs = kAuto;
  int64_t batch_size = kAuto;
  int64_t token_budget = kAuto;
  double learning_rate = kAuto;
  double final_share = 0.1;
  int64_t warmup = kAuto;
  double clip = 1;
  double weight_decay = 0;
  double validation = 0.05;
  int64_t patience = 5;
  uint64_t seed = 1;
  ComputeOptions compute;

  // Throws Error(kArgument) that names the option and its allowed values.
  void check() const { check_options(*this); }

  // Returns these options with all automatic values filled in. `free_bytes` is
  // the free memory of a device, or 0 if unknown; nullopt on the CPU.
  PretrainOptions resolve(int64_t n_cells, const ExpresserOptions& model,
                          std::optional<int64_t> free_bytes = {}) const;

  RunOptions run() const;  // of resolved options
};

// The valid values of each option and its R help.
template <typename Visit>
void describe(PretrainOptions& o, const Visit& option) {
  option("epochs", o.epochs, at_least(1).or_auto(), R"(
    Maximum number of passes over the training cells. By default 6; with fewer
    than 50,000 cells, enough to process 300,000 cells in total, at most
    100.)");
  option("batch_size", o.batch_size, at_least(1).or_auto(), R"(
    Cells per optimiser step. By default a hundredth of the cells, at least
    16 and at most 256.)");
  option("token_budget", o.token_budget, at_least(1).or_auto(), R"(
    Number of genes (tokens) to process at once: a step splits its cells into
    pieces of at most this size and sums their gradients. Larger pieces are
    faster on a GPU and take more memory; the result is the same up to rounding.
    By default 4,096 on a CPU; on a GPU the number that fits into its free
    memory, at least 4,096 and at most the tokens of a whole step. If memory
    still runs out, it is halved and the step repeated.)");
  option("learning_rate", o.learning_rate, above(0).or_auto(), R"(
    Maximum learning rate of Adam. By default 1e-4 for the full size and about
    1e-3 for the small one, in proportion to 1 / `n_embedding` squared.)");
  option("final_share", o.final_share, at_least(0).at_most(1), R"(
    Learning rate at the end, as a share of the maximum; it falls along half a
    cosine. Default 0.1.)");
  option("warmup", o.warmup, at_least(0).or_auto(), R"(
    Number of steps over which the learning rate rises from zero. By default
    2,000, at most a tenth of all steps.)");
  option("clip", o.clip, at_least(0), R"(
    Maximum Euclidean norm of the gradient of all parameters: larger gradients
    are scaled down to it. 0 turns clipping off. Default 1.)");
  option("weight_decay", o.weight_decay, at_least(0), R"(
    Coupled L2 decay of all parameters. Default 0.)");
  option("validation", o.validation, at_least(0).less_than(1), R"(
    Share of cells to hold out. Predictions for the held-out cells are measured
    after each epoch; 0 trains on all cells. Default 0.05.)");
  option("patience", o.patience, at_least(0), R"(
    Stop after this many epochs without a smaller loss on the held-out cells,
    and return to the best epoch. 0 trains to the end. Default 5.)");
  option("seed", o.seed, at_least(0), R"(
    As in [train_control()]. Default 1.)");
  option("precision", o.compute.precision, kAny, R"(
    `"float32"`, or `"bf16"`: matrix products of the layers, and on a GPU also
    the activations, in bfloat16; see [train_control()]. Default
    `"float32"`.)");
  // For tests. It has no help text, so it is neither documented nor returned.
  option("engine", o.compute.engine, kAny, nullptr);
}

// Learning rate of step `step` (from 0) of `n_steps`: a linear rise to
// `learning_rate` over `warmup` steps, then half a cosine down to the share
// `final_share` of it.
double cosine_rate(double learning_rate, double final_share, int64_t warmup,
                   int64_t n_steps, int64_t step);

}  // namespace sailer
