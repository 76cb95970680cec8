// The options of training and their defaults. Torch-free.
#pragma once

#include <cstdint>

#include "../models/compute_options.h"
#include "../models/sailer_options.h"
#include "run_options.h"
#include "schedule.h"

namespace sailer {

// With Preset::kThesis, automatic options take the thesis' values: 400 epochs
// of batches of 100, 10 of them warm-up, cycles of 100, a decay of 0.995, no
// patience.
struct TrainOptions {
  // Chosen by resolve(), depending on the number of cells and other options.
  static constexpr int64_t kAuto = kAutoOption;

  int64_t steps = kAuto;
  int64_t epochs = kAuto;
  int64_t batch_size = kAuto;
  double learning_rate = kAuto;
  double learning_rate_decay = kAuto;
  double weight_decay = kAuto;
  double frozen = kAuto;
  double warmup = kAuto;
  double period = kAuto;
  double validation = kAuto;
  int64_t patience = kAuto;
  uint64_t seed = 1;
  ComputeOptions compute;

  // Bytes of a device's memory that cells may occupy permanently: see
  // StreamOptions.
  int64_t resident_bytes = kAuto;

  // Throws Error(kArgument) that names the option and its allowed values.
  void check() const;

  // Returns these options with all automatic values filled in, for `n_cells`
  // cells and a model.
  TrainOptions resolve(int64_t n_cells, const SailerOptions& model) const;

  Schedule schedule() const;  // of resolved options
  RunOptions run() const;     // of resolved options
};

// Describes each option: its allowed values, and what it does, as R's help
// words it.
template <typename Visit>
void describe(TrainOptions& o, const Visit& option) {
  option("steps", o.steps, at_least(1).or_auto(), R"(
    Maximum number of optimiser steps, which decides how far a model is trained,
    regardless of the number of cells. Sets `epochs` if that is NULL. By default
    2,000 with minibatches of up to 100 cells and proportionally fewer with
    larger ones, down to 500; 2,000 for [sailerx()].)");
  option("epochs", o.epochs, at_least(1).or_auto(), R"(
    Maximum number of passes over the training cells. By default as many as
    `steps` take, and at least 4.)");
  option("batch_size", o.batch_size, at_least(2).or_auto(), R"(
    Cells per optimiser step, at least 2. Larger is faster per epoch and
    takes fewer steps. By default 100, and 400 from 10,000 cells on (for
    [sailerx()] from 100,000 on).)");
  option("learning_rate", o.learning_rate, above(0).or_auto(), R"(
    Step size of Adam at the start. By default 0.003 with minibatches of up to
    100 cells and proportionally more with larger ones, up to 0.012; 0.001 for
    [sailerx()] and under the thesis' preset (see [sailer()]).)");
  option("learning_rate_decay", o.learning_rate_decay,
         above(0).at_most(1).or_auto(), R"(
    Factor on the step size per epoch, applied gradually. By default such that
    the last step is a twentieth of the first.)");
  option("weight_decay", o.weight_decay, at_least(0).or_auto(), R"(
    Coupled L2 decay of all parameters. By default 4 over the number of training
    cells, a prior whose weight relative to the likelihood of all cells does not
    depend on their number; 5e-04 for [sailerx()] and under the thesis'
    preset.)");
  option("frozen", o.frozen, at_least(0).or_auto(), R"(
    Epochs at the start, fractions allowed, in which the encoder is frozen while
    the decoder adapts to it. By default a quarter of the epochs with a warm
    start (see [sailer()]), three quarters if it also reads a reference (see
    [sailerx()]), otherwise 0; 0 also if it has to follow a reference that it
    does not read (`joint = FALSE`).)");
  option("warmup", o.warmup, at_least(0).or_auto(), R"(
    Epochs at the start, fractions allowed, that fit only the reconstruction,
    without sampling. By default a twelfth of the epochs, at most 10.)");
  option("period", o.period, above(0).or_auto(), R"(
    Epochs of one annealing cycle, fractions allowed: the weight of the KL
    terms rises from 0 to 1 over its first half and stays there over its
    second. By default near 100, and such that the training ends with a
    cycle.)");
  option("validation", o.validation, at_least(0).less_than(1).or_auto(), R"(
    Share of the cells held out, on which the log-likelihood is measured
    after each epoch; 0 trains on all. By default 0.1, and at most 10,000
    cells.)");
  option("patience", o.patience, at_least(0).or_auto(), R"(
    Stop after this many epochs without a better evidence lower bound on the
    held-out cells, counted from where the KL terms have reached their full
    weight, and return to the best epoch. The bound has the KL at full weight,
    regardless of the annealing. 0 trains to the end and keeps the last
    epoch. By default a quarter of the epochs; 0 without validation, and for
    [sailerx()] with `joint = FALSE`, whose alignment the bound does not
    measure.)");
  option("seed", o.seed, at_least(0), R"(
    Whole number that decides every random draw; R's own generator is
    neither used nor changed. The same seed, data, thread count and machine
    give the same bits; variables that choose how matrices are multiplied
    there, such as `OPENBLAS_CORETYPE`, count as part of the machine.
    Default 1.)");
  option("precision", o.compute.precision, kAny, R"(
    `"float32"`, or `"bf16"`: large matrix products in half the width,
    parameters and sums still in float32. Faster on GPUs from Ampere on and
    on processors with AVX512-BF16 or AMX; elsewhere a warning says that
    float32 is used. On a GPU `"float32"` lets products of training round
    their factors to TF32; reported values are computed without TF32. Default
    `"float32"`.)");
  // For tests and benchmarks. They have no help text, so they are neither
  // documented nor returned.
  option("resident_bytes", o.resident_bytes, at_least(0).or_auto(), nullptr);
  option("engine", o.compute.engine, kAny, nullptr);
}

}  // namespace sailer
