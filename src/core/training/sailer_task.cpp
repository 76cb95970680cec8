#include "sailer_task.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../support/error.h"
#include "../support/random.h"
#include "../support/tf32.h"
#include "exchange.h"
#include "passes.h"

namespace sailer {
namespace {

// The large parameters, for the layers that own them. A frozen input layer is
// taken from the optimiser as well, and not moved.
SailerUpdates updates_from(Adam& adam) {
  return {adam.update_of(SailerModel::kInputWeight),
          adam.update_of(SailerModel::kOutputWeight),
          adam.update_of(SailerModel::kOutputBias)};
}

at::Tensor parts_of(const SailerLoss& loss) {
  const at::NoGradGuard no_grad;
  return at::stack({loss.total.detach(), loss.reconstruction.detach(),
                    loss.kl.detach(), loss.marginal.detach(),
                    loss.alignment.detach()})
      .to(at::kDouble);
}

}  // namespace

SailerTask::SailerTask(SailerModel& model, BatchStream& stream,
                       const Split& split, const TrainOptions& options,
                       const Shard& shard)
    : model_(model),
      stream_(stream),
      cells_(split, shard, options.seed),
      options_(options.resolve(stream.source().n_cells(), model.options())),
      schedule_(options_.schedule()) {
  options_.check();
  if (shard.size == 1) return;
  if (options_.batch_size < 2 * shard.size) {
    throw_error(ErrorKind::kArgument, "`batch_size` (", options_.batch_size,
                ") leaves fewer than 2 cells to each of ", shard.size,
                " processes: make it at least ", 2 * shard.size, ".");
  }
  options_.batch_size /= shard.size;
  stream_.set_batch_size(options_.batch_size);
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
                epoch_seed(cells_.noise_seed(), kThinStream, epoch), position);
}

void SailerTask::stop() {
  batch_ = {};
  stream_.stop();
}

bool SailerTask::next() {
  if (stream_.next(batch_, /*at_least=*/2)) return true;
  batch_ = {};
  return false;
}

StepLoss SailerTask::step(Adam& adam, int64_t epoch, int64_t position,
                          bool layers_may_step) {
  model_.start_step(
      derive_seed(epoch_seed(cells_.noise_seed(), kStepStream, epoch),
                  static_cast<uint64_t>(position)));
  SailerUpdates updates;
  if (layers_may_step) updates = updates_from(adam);
  const AllowTf32 faster(device());
  const double time = time_of(epoch, position);
  const SailerLoss loss = model_.loss(
      batch_,
      {beta(time), is_warmup(schedule_, time), is_frozen(schedule_, time)},
      layers_may_step ? &updates : nullptr);
  if (device().is_cpu() && !std::isfinite(loss.total.item<double>())) {
    throw_error(ErrorKind::kNumeric, "The loss is not a finite number.");
  }
  loss.total.backward();
  return {parts_of(loss), static_cast<double>(batch_.n_cells())};
}

std::vector<double> SailerTask::measure() {
  if (!has_validation()) {
    return std::vector<double>(columns().measures.size(),
                               std::numeric_limits<double>::quiet_NaN());
  }
  const SailerModel::Evaluation evaluation =
      evaluate_cells(model_, stream_, cells_.own().validation);
  return {evaluation.log_likelihood, evaluation.kl, evaluation.elbo,
          evaluation.alignment};
}

// What is best before the KL terms have their weight says little of the end.
int64_t SailerTask::patience_from() const {
  const double full = schedule_.warmup + schedule_.period / 2;
  return static_cast<int64_t>(std::ceil(full));
}

}  // namespace sailer
