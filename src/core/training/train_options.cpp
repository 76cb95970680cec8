#include "train_options.h"

#include <algorithm>
#include <cmath>

namespace sailer {

void TrainOptions::check() const {
  check_options(*this);
  require(patience <= 0 || validation != 0,
          "`patience` needs cells to validate on: set `validation` above 0.");
}

namespace {

template <typename Number>
void decide(Number& option, Number value) {
  if (option == TrainOptions::kAuto) option = value;
}

void take_from_thesis(TrainOptions& options) {
  decide<int64_t>(options.epochs, 400);
  decide<int64_t>(options.batch_size, 100);
  decide(options.learning_rate, 1e-3);
  decide(options.learning_rate_decay, 0.995);
  decide(options.weight_decay, 5e-4);
  decide(options.warmup, 10.0);
  decide(options.period, 100.0);
  decide<int64_t>(options.patience, 0);
}

}  // namespace

TrainOptions TrainOptions::resolve(int64_t n_cells,
                                   const SailerOptions& model) const {
  constexpr int64_t kManyCells = 10000, kManyAligned = 100000;
  constexpr int64_t kLeastEpochs = 4;
  constexpr double kMostValidation = 10000;
  constexpr double kUsualPeriod = 100, kLastRate = 0.05, kPriorStrength = 4;
  const auto n = static_cast<double>(n_cells);
  TrainOptions out = *this;
  if (model.preset == Preset::kThesis) take_from_thesis(out);
  const bool aligned = model.alignment > 0;
  // The same on a GPU: 2,000 steps of about 200 launches take only seconds
  // there, less time than LSI before them, and a run that is resumed on another
  // machine must get the same value.
  decide<int64_t>(out.batch_size,
                  n_cells < (aligned ? kManyAligned : kManyCells) ? 100 : 400);
  // With larger minibatches, steps are longer (the learning rate) and fewer.
  const double longer =
      aligned ? 1
              : std::clamp(static_cast<double>(out.batch_size) / 100, 1.0, 4.0);
  decide<int64_t>(out.steps, std::llround(2000 / longer));
  decide(out.validation, std::min(0.1, kMostValidation / n));
  const double steps_an_epoch =
      std::ceil(n * (1 - out.validation) / static_cast<double>(out.batch_size));
  const double enough =
      std::ceil(static_cast<double>(out.steps) / steps_an_epoch);
  decide(out.epochs, std::max(kLeastEpochs, static_cast<int64_t>(enough)));
  const auto all = static_cast<double>(out.epochs);
  decide(out.learning_rate, aligned ? 1e-3 : 3e-3 * longer);
  decide(out.weight_decay,
         aligned ? 5e-4 : kPriorStrength / (n * (1 - out.validation)));
  decide(out.learning_rate_decay, std::pow(kLastRate, 1 / all));
  // The evidence lower bound says nothing about how well an encoder that reads
  // only peaks follows a reference, which takes the whole training to learn.
  const bool follows = aligned && !model.joint;
  const double still = follows ? 0 : model.sees_reference() ? 0.75 : 0.25;
  decide(out.frozen, model.warm_start ? still * all : 0);
  decide(out.warmup, std::min(10.0, all / 12));
  const double annealed = std::max(1.0, all - out.warmup);
  const double cycles =
      std::max(1.0, std::floor(annealed / kUsualPeriod + 0.5));
  decide(out.period, annealed / cycles);
  decide(out.patience, out.validation > 0 && !follows
                           ? std::max<int64_t>(1, out.epochs / 4)
                           : 0);
  return out;
}

Schedule TrainOptions::schedule() const {
  return {frozen, warmup, period, learning_rate, learning_rate_decay};
}

RunOptions TrainOptions::run() const {
  return {epochs, patience, weight_decay, compute.engine};
}

}  // namespace sailer
