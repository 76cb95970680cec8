#include "trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../support/error.h"
#include "../support/random.h"
#include "tensor_file.h"

namespace sailer {
namespace {

constexpr char kKind[] = "training state";
constexpr int kVersion = 1;

// Bytes of parameters above which a run goes back to a file, not to a copy.
constexpr int64_t kKeepInMemory = int64_t{1} << 26;

// Numbers of a device are fetched no more often than this.
constexpr std::chrono::milliseconds kReportEvery{100};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

// Seeds depend on the run's seed, the epoch and the position in it alone.
uint64_t seed_of(uint64_t seed, RandomStream stream, int64_t epoch) {
  return derive_seed(derive_seed(seed, stream), static_cast<uint64_t>(epoch));
}

}  // namespace

std::vector<NamedTensor> Checkpoint::read(const std::string& path) {
  return read_tensors(path, kKind, kVersion);
}

Trainer::Trainer(SailerModel& model, BatchStream& stream, const Split& split,
                 const TrainOptions& options, const Checkpoint& checkpoint)
    : model_(model),
      stream_(stream),
      split_(split),
      options_(options.resolve(stream.source().n_cells())),
      schedule_(options_.schedule()),
      checkpoint_(checkpoint),
      adam_(model.parameters().parameters(), options.weight_decay,
            options.compute.engine) {
  options_.check();
}

std::vector<NamedTensor> Trainer::state() const {
  std::vector<NamedTensor> out;
  append_with_prefix(model_.parameters().tensors(), "model.", out);
  for (const NamedTensor& entry : adam_.tensors()) out.push_back(entry);
  for (const NamedTensor& entry : to_tensors(state_)) out.push_back(entry);
  return out;
}

void Trainer::load_state(const std::vector<NamedTensor>& state) {
  TrainState read = train_state_from(state);
  model_.parameters().load_state(with_prefix(state, "model."));
  std::vector<NamedTensor> moments;
  append_with_prefix(with_prefix(state, "adam."), "adam.", moments);
  adam_.load_state(moments);
  state_ = std::move(read);
}

std::vector<int64_t> Trainer::order_of_epoch() const {
  return epoch_order(split_.training, stream_.plan(),
                     seed_of(options_.seed, kOrderStream, state_.epoch));
}

void Trainer::start_stream() {
  stream_.set_thinning(
      {model_.options().thinning_min, model_.options().thinning_max});
  stream_.start(order_of_epoch(),
                seed_of(options_.seed, kThinStream, state_.epoch),
                state_.position);
}

// The large parameters go to the layers that own them, where that is possible.
bool Trainer::hand_out_updates(SailerUpdates& updates) {
  if (!adam_.can_hand_out()) return false;
  updates.input_weight = adam_.update_of(SailerModel::kInputWeight);
  updates.output_weight = adam_.update_of(SailerModel::kOutputWeight);
  updates.output_bias = adam_.update_of(SailerModel::kOutputBias);
  return true;
}

// One step of the optimiser; false when something was not finite.
bool Trainer::step(const SparseBatch& batch, LossMeter& meter) {
  const bool on_cpu = model_.tensor_options().device().is_cpu();
  model_.start_step(
      derive_seed(seed_of(options_.seed, kStepStream, state_.epoch),
                  static_cast<uint64_t>(state_.position)));
  adam_.begin_step(record_.learning_rate);
  SailerLoss loss;
  try {
    SailerUpdates updates;
    const bool hand_out = hand_out_updates(updates);
    loss = model_.loss(batch, record_.beta, is_warmup(schedule_, state_.epoch),
                       hand_out ? &updates : nullptr);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kNumeric) return false;
    throw;
  }
  if (on_cpu && !std::isfinite(loss.total.item<double>())) return false;
  loss.total.backward();
  adam_.finish_step();
  meter.add(loss, state_.position, batch.n_cells());
  return !on_cpu || adam_.finite();
}

// Tells the monitor where the run stands; false when the epoch ends here.
bool Trainer::report(const LossMeter& meter, Monitor& monitor, bool force,
                     End& end) {
  const auto now = Clock::now();
  const bool on_cpu = model_.tensor_options().device().is_cpu();
  if (!on_cpu && !force && now - reported_ < kReportEvery) return true;
  reported_ = now;
  const LossMeter::Reading reading = meter.read();
  if (reading.bad_position >= 0) {
    state_.position = reading.bad_position;
    end = End::kDiverged;
    return false;
  }
  state_.sums = reading.sums;
  state_.seconds = seconds_before_ + seconds_since(started_);
  Progress progress;
  progress.epoch = record_.epoch;
  progress.n_epochs = options_.epochs;
  progress.n_cells = static_cast<int64_t>(split_.training.size());
  progress.cells_done = state_.position;
  progress.beta = record_.beta;
  progress.loss = reading.mean(0);
  progress.reconstruction = reading.mean(1);
  progress.kl = reading.mean(2);
  progress.marginal = reading.mean(3);
  progress.cells_per_second =
      static_cast<double>(reading.n_cells) / std::max(state_.seconds, 1e-9);
  double per_epoch =
      static_cast<double>(progress.n_cells) / progress.cells_per_second;
  if (!state_.history.empty()) {
    per_epoch = 0;
    for (const EpochRecord& past : state_.history) per_epoch += past.seconds;
    per_epoch /= static_cast<double>(state_.history.size());
  }
  const auto left = static_cast<double>(options_.epochs - state_.epoch);
  progress.seconds_left = std::max(0.0, per_epoch * left - state_.seconds);
  if (monitor.keep_going(progress)) return true;
  end = End::kInterrupted;
  return false;
}

Trainer::End Trainer::train_epoch(Monitor& monitor) {
  started_ = reported_ = Clock::now();
  seconds_before_ = state_.seconds;
  record_ = EpochRecord();
  record_.epoch = state_.epoch + 1;
  record_.beta = model_.options().beta * annealing(schedule_, state_.epoch);
  record_.learning_rate = learning_rate(schedule_, state_.epoch);
  LossMeter meter(state_.sums, state_.position,
                  model_.tensor_options().device());
  start_stream();
  const auto n_training = static_cast<int64_t>(split_.training.size());
  End end = End::kEpoch;
  SparseBatch batch;
  while (stream_.next(batch, /*at_least=*/2)) {
    if (!step(batch, meter)) {
      divergence_ = {record_.epoch, stream_.cells()};
      return End::kDiverged;
    }
    state_.position += batch.n_cells();
    const bool last = n_training - state_.position < 2;
    const bool due = !last && is_due();
    if (!report(meter, monitor, last || due, end)) break;
    if (due) save();
  }
  if (end == End::kDiverged) {  // noticed some steps later, on a device
    const std::vector<int64_t> order = order_of_epoch();
    const int64_t stop = std::min(state_.position + options_.batch_size,
                                  static_cast<int64_t>(order.size()));
    divergence_ = {record_.epoch,
                   {order.begin() + state_.position, order.begin() + stop}};
  }
  return end;
}

void Trainer::finish_epoch() {
  const auto n = static_cast<double>(std::max<int64_t>(1, state_.position));
  record_.loss = state_.sums[0] / n;
  record_.reconstruction = state_.sums[1] / n;
  record_.kl = state_.sums[2] / n;
  record_.marginal = state_.sums[3] / n;
  record_.alignment = state_.sums[4] / n;
  record_.seconds = state_.seconds;
  record_.cells_per_second = n / std::max(state_.seconds, 1e-9);
  evaluate(record_);
  state_.history.push_back(record_);
  ++state_.epoch;
  state_.position = 0;
  state_.sums = {};
  state_.seconds = 0;
  if (options_.patience == 0 || split_.validation.empty()) {
    state_.best_epoch = state_.epoch;
  } else if (record_.validation_elbo > state_.best_elbo) {
    state_.best_elbo = record_.validation_elbo;
    state_.best = model_.parameters().state();
    state_.best_epoch = state_.epoch;
  }
}

bool Trainer::out_of_patience() const {
  if (options_.patience == 0 || split_.validation.empty()) return false;
  if (state_.epoch == 0) return false;
  return state_.epoch - std::max(state_.best_epoch, schedule_.warmup) >=
         options_.patience;
}

void Trainer::evaluate(EpochRecord& record) {
  if (split_.validation.empty()) {
    record.validation_log_likelihood = record.validation_kl =
        record.validation_elbo = record.validation_alignment =
            std::numeric_limits<double>::quiet_NaN();
    return;
  }
  const SailerModel::Evaluation evaluation =
      evaluate_cells(model_, stream_, split_.validation);
  record.validation_log_likelihood = evaluation.log_likelihood;
  record.validation_kl = evaluation.kl;
  record.validation_elbo = evaluation.elbo;
  record.validation_alignment = evaluation.alignment;
}

// Epochs done so far, with the share of the running one.
double Trainer::progress() const {
  const auto n = static_cast<double>(split_.training.size());
  return static_cast<double>(state_.epoch) +
         static_cast<double>(state_.position) / n;
}

void Trainer::save() {
  if (checkpoint_.path.empty()) return;
  write_tensors(checkpoint_.path, kKind, kVersion, state());
  saved_at_ = progress();
}

bool Trainer::is_due() const {
  constexpr double kRounding = 1e-9;
  return progress() - saved_at_ >= checkpoint_.every - kRounding;
}

// Without a checkpoint the parameters of the last whole epoch are what a run
// returns to; the optimiser's moments, twice as large, are not kept.
void Trainer::keep_good() {
  if (!checkpoint_.path.empty() || state_.epoch == 0) return;
  const std::vector<NamedTensor> now = model_.parameters().tensors();
  int64_t bytes = 0;
  for (const NamedTensor& entry : now) bytes += entry.tensor.nbytes();
  good_in_file_ = !checkpoint_.scratch.empty() && bytes > kKeepInMemory;
  if (good_in_file_) {
    write_tensors(checkpoint_.scratch, kKind, kVersion, now);
  } else {
    good_ = model_.parameters().state();
  }
  good_state_ = state_;
}

void Trainer::roll_back() {
  if (!checkpoint_.path.empty()) {
    load_state(Checkpoint::read(checkpoint_.path));
  } else if (good_in_file_ || !good_.empty()) {
    model_.parameters().load_state(
        good_in_file_ ? Checkpoint::read(checkpoint_.scratch) : good_);
    state_ = good_state_;
    adam_ = Adam(model_.parameters().parameters(), options_.weight_decay,
                 options_.compute.engine);
  }
}

TrainResult Trainer::run(Monitor& monitor) {
  // A folder that cannot be written to is told before the work, not after.
  save();
  keep_good();
  End end = End::kEpoch;
  while (end == End::kEpoch && state_.epoch < options_.epochs &&
         !out_of_patience()) {
    end = train_epoch(monitor);
    if (end != End::kEpoch) break;
    finish_epoch();
    keep_good();
    if (is_due()) save();
  }
  stream_.stop();  // R may use HDF5 again
  TrainResult result;
  if (end == End::kDiverged) {
    roll_back();
    result.status = TrainStatus::kDiverged;
    result.divergence = divergence_;
  } else {
    if (progress() != saved_at_) save();
    if (end == End::kInterrupted) {
      result.status = TrainStatus::kInterrupted;
    } else if (state_.epoch < options_.epochs) {
      result.status = TrainStatus::kStoppedEarly;
    }
  }
  result.history = state_.history;
  result.best_epoch = state_.best_epoch;
  return result;
}

void Trainer::keep_best() {
  if (!state_.best.empty()) model_.parameters().load_state(state_.best);
}

}  // namespace sailer
