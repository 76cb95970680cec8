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

// The valid values of each option and its R help.
template <typename Visit>
void describe(TrainOptions& o, const Visit& option) {
  option("steps", o.steps, at_least(1).or_auto(), R"(
    Maximum number of optimiser steps, which limits training independently of
    the number of cells. Sets `epochs` if that is NULL. By default 2,000 with
    minibatches of up to 100 cells and proportionally fewer with larger ones,
    down to 500; 2,000 for [sailerx()].)");
  option("epochs", o.epochs, at_least(1).or_auto(), R"(
    Maximum number of passes over the training cells. By default the number that
    `steps` requires, and at least 4.)");
  option("batch_size", o.batch_size, at_least(2).or_auto(), R"(
    Cells per optimiser step, at least 2. Larger minibatches are faster per
    epoch and take fewer steps. By default 100, or 400 for at least 10,000 cells
    (for [sailerx()] at least 100,000).)");
  option("learning_rate", o.learning_rate, above(0).or_auto(), R"(
    Initial learning rate of Adam. By default 0.003 with minibatches of up to
    100 cells and proportionally more with larger ones, up to 0.012; 0.001 for
    [sailerx()] and with `preset = "thesis"` (see [sailer()]).)");
  option("learning_rate_decay", o.learning_rate_decay,
         above(0).at_most(1).or_auto(), R"(
    Factor on the learning rate per epoch, applied gradually. By default such
    that the last learning rate is a twentieth of the first.)");
  option("weight_decay", o.weight_decay, at_least(0).or_auto(), R"(
    Coupled L2 decay of all parameters. By default 4 divided by the number of
    training cells, a prior whose weight relative to the likelihood of all cells
    does not depend on their number; 5e-04 for [sailerx()] and with
    `preset = "thesis"`.)");
  option("frozen", o.frozen, at_least(0).or_auto(), R"(
    Number of epochs at the start, possibly fractional, in which the encoder is
    frozen while the decoder adapts to it. By default a quarter of the epochs
    with a warm start (see [sailer()]), or three quarters if the encoder also
    reads a reference (see [sailerx()]). The default is 0 without a warm start,
    and if the encoder has to follow a reference without reading it
    (`joint = FALSE`).)");
  option("warmup", o.warmup, at_least(0).or_auto(), R"(
    Number of epochs at the start, possibly fractional, that fit only the
    reconstruction, without sampling. By default a twelfth of the epochs, at
    most 10.)");
  option("period", o.period, above(0).or_auto(), R"(
    Number of epochs of one annealing cycle, possibly fractional: the weight of
    the KL terms rises from 0 to `beta` in the first half of the cycle and stays
    there in the second. By default about 100, such that training ends with a
    complete cycle.)");
  option("validation", o.validation, at_least(0).less_than(1).or_auto(), R"(
    Share of cells to hold out. The log-likelihood of the held-out cells is
    measured after each epoch; 0 trains on all cells. By default 0.1, but at
    most 10,000 cells.)");
  option("patience", o.patience, at_least(0).or_auto(), R"(
    Stop after this many epochs without a better evidence lower bound (ELBO) on
    the held-out cells, and return to the best epoch. Epochs count from when the
    KL terms have reached their full weight. The ELBO has the KL at weight 1,
    regardless of the annealing and `beta`. 0 trains to the end and keeps the
    last epoch. By default a quarter of the epochs; 0 without validation, and
    for [sailerx()] with `joint = FALSE`, whose alignment the ELBO does not
    measure.)");
  option("seed", o.seed, at_least(0), R"(
    Whole number that determines all random draws; R's own generator is neither
    used nor changed. The same seed, data, number of threads and machine give
    bit-identical results. Environment variables that choose how matrices are
    multiplied, such as `OPENBLAS_CORETYPE`, count as part of the machine.
    Default 1.)");
  option("precision", o.compute.precision, kAny, R"(
    `"float32"`, or `"bf16"`: large matrix products in bfloat16, with parameters
    and sums still in float32. It is faster on GPUs from Ampere on and on
    processors with AVX512-BF16 or AMX; elsewhere float32 is used, with a
    warning. On a GPU, `"float32"` allows matrix products in training to round
    their factors to TF32; reported values are computed without TF32. Default
    `"float32"`.)");
  // For tests and benchmarks. They have no help text, so they are neither
  // documented nor returned.
  option("resident_bytes", o.resident_bytes, at_least(0).or_auto(), nullptr);
  option("engine", o.compute.engine, kAny, nullptr);
}

}  // namespace sailer
