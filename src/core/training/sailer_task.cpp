#include "sailer_task.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../support/error.h"
#include "../support/random.h"
#include "../support/tf32.h"
#include "passes.h"

namespace sailer {
namespace {

// The large parameters, for the layers that own them. A frozen input layer is
// also taken from the optimiser, but not updated.
SailerUpdates updates_from(Adam& adam) {
  return {adam.update_of(SailerModel::kInputWeight),
          adam.update_of(SailerModel::kOutputWeight),
          adam.update_of(SailerModel::kOutputBias)};
}

at::Tensor parts_of(const SailerLoss& loss) {
  const at::NoGradGuard no_grad;
  return at::stack({loss.total.detach(), loss.reconstruction.detach(),
                    loss.kl.detach(), loss.marginal.detach(),
                    loss.alignment.detach()});
}

}  // namespace

SailerTask::SailerTask(SailerModel& model, BatchStream& stream,
                       const Split& split, const TrainOptions& options,
                       Exchange* exchange)
    : model_(model),
      stream_(stream),
      cells_(split, options.seed),
      options_(options.resolve(stream.source().n_cells(), model.options())),
      schedule_(options_.schedule()),
      exchange_(exchange) {
  options_.check();
  check_batch_size(options_.batch_size, exchange);
}

RunColumns SailerTask::columns() const {
  return {{"beta", "learning_rate"},
          {"loss", "reconstruction", "kl", "marginal", "alignment"},
          {"validation_log_likelihood", "validation_kl", "validation_elbo",
           "validation_alignment"}};
}

double SailerTask::time_of(int64_t epoch, int64_t position) const {
  return static_cast<double>(epoch) +
         static_cast<double>(position) / static_cast<double>(n_training());
}

double SailerTask::beta(double time) const {
  return model_.options().beta * annealing(schedule_, time);
}

std::vector<double> SailerTask::settings_of(int64_t epoch) const {
  const auto time = static_cast<double>(epoch);
  return {beta(time), sailer::learning_rate(schedule_, time)};
}

double SailerTask::learning_rate(int64_t epoch, int64_t position) const {
  return sailer::learning_rate(schedule_, time_of(epoch, position));
}

void SailerTask::start_epoch(int64_t epoch, int64_t position) {
  const Shares& thinning = model_.options().thinning;
  stream_.set_thinning({thinning.min, thinning.max});
  stream_.start(cells_.order_of(epoch),
                epoch_seed(options_.seed, kThinStream, epoch), position);
}

void SailerTask::stop() {
  batch_ = {};
  stream_.stop();
}

// Every process makes the whole minibatch, ahead of its use, and keeps its own
// part, because what thinning hides in a cell depends on the cells before it.
bool SailerTask::next() {
  SparseBatch whole;
  if (!stream_.next(whole, /*at_least=*/2)) {
    batch_ = {};
    return false;
  }
  part_ = {};
  if (exchange_ != nullptr) {
    const Slice own = slice_of(whole.n_cells(), shard_of(exchange_));
    part_ = {exchange_, own.first, own.n, whole.n_cells()};
  }
  batch_ = part_of(whole, part_);
  return true;
}

StepLoss SailerTask::step(Adam& adam, int64_t epoch, int64_t position,
                          bool layers_may_step) {
  model_.start_step(derive_seed(epoch_seed(options_.seed, kStepStream, epoch),
                                static_cast<uint64_t>(position)));
  SailerUpdates updates;
  if (layers_may_step) updates = updates_from(adam);
  const AllowTf32 faster(device());
  const double time = time_of(epoch, position);
  const SailerLoss loss = model_.loss(batch_,
                                      {beta(time), is_warmup(schedule_, time),
                                       is_frozen(schedule_, time), part_},
                                      layers_may_step ? &updates : nullptr);
  if (exchange_ == nullptr && device().is_cpu() &&
      !std::isfinite(loss.total.item<double>())) {
    throw_error(ErrorKind::kNumeric, "The loss is not a finite number.");
  }
  loss.total.backward();
  return {parts_of(loss), static_cast<double>(n_cells())};
}

std::vector<double> SailerTask::measure() {
  if (!has_validation()) {
    return std::vector<double>(columns().measures.size(),
                               std::numeric_limits<double>::quiet_NaN());
  }
  const Evaluated held_out = evaluate_cells(
      model_, stream_, cells_.split().validation, shard_of(exchange_));
  measured_ = static_cast<double>(held_out.n_cells);
  const SailerModel::Evaluation& mean = held_out.mean;
  return {mean.log_likelihood, mean.kl, mean.elbo, mean.alignment};
}

// The best epoch before the KL terms reach their full weight says little about
// the end of training.
int64_t SailerTask::patience_from() const {
  const double full = schedule_.warmup + schedule_.period / 2;
  return static_cast<int64_t>(std::ceil(full));
}

}  // namespace sailer
