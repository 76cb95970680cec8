#include "trainer.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "../support/error.h"
#include "../support/foreign_error.h"
#include "../support/fork.h"
#include "../support/memory.h"

namespace sailer {
namespace {

// Losses are fetched from a device no more often than this.
constexpr std::chrono::milliseconds kReportEvery{100};

}  // namespace

Trainer::Trainer(Task& task, const RunOptions& options,
                 const Checkpoint& checkpoint, Exchange* exchange)
    : task_(task),
      columns_(task.columns()),
      options_(options),
      checkpoint_(checkpoint),
      exchange_(exchange),
      adam_(task.parameters().parameters(), options.weight_decay,
            options.engine) {
  state_.sums.assign(columns_.parts.size(), 0);
}

std::vector<NamedTensor> Trainer::state() const {
  std::vector<NamedTensor> out;
  append_with_prefix(task_.parameters().tensors(), "model.", out);
  append_with_prefix(adam_.tensors(), "adam.", out);
  append_with_prefix(to_tensors(state_, columns_), "", out);
  return out;
}

void Trainer::load_state(const std::vector<NamedTensor>& state) {
  TrainState read = train_state_from(state, columns_);
  task_.parameters().load_state(with_prefix(state, "model."));
  adam_.load_state(with_prefix(state, "adam."));
  state_ = std::move(read);
}

// Layers cannot update their parameters if the update also depends on the
// gradients of other processes or, with clipping, of other parameters.
bool Trainer::layers_may_step() const {
  return is_alone() && options_.clip_norm == 0 && adam_.layers_can_step();
}

Trainer::Stepped Trainer::step(LossMeter& meter) {
  if (!task_.next()) return Stepped::kNoCells;
  adam_.begin_step(task_.learning_rate(state_.epoch, state_.position));
  StepLoss loss;
  try {
    loss = task_.step(adam_, state_.epoch, state_.position, layers_may_step());
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kNumeric) return Stepped::kDiverged;
    throw;
  }
  if (on_cpu() && !std::isfinite(loss.parts[0].item<double>())) {
    return Stepped::kDiverged;
  }
  clip_gradients(task_.parameters().parameters(), options_.clip_norm);
  adam_.finish_step();
  meter.add(loss, state_.position);
  if (on_cpu() && !adam_.finite()) return Stepped::kDiverged;
  state_.position += task_.n_cells();
  return Stepped::kDone;
}

void Trainer::meet() {
  share_state();
  steps_ = std::make_unique<StepExchange>(*exchange_, task_.parameters(),
                                          task_.has_one_backward());
}

void Trainer::share_state() {
  shared_ = false;
  share_run(*exchange_, columns_, state_, task_.parameters(), adam_.tensors());
  shared_ = true;
}

// Computes the gradients of this process' part of the minibatch.
StepReport Trainer::own_step() {
  StepReport own;
  own.stop = stop_asked_;
  own.parts.assign(columns_.parts.size(), 0);
  try {
    const StepLoss loss = task_.step(adam_, state_.epoch, state_.position,
                                     /*layers_may_step=*/false);
    weight_ = loss.weight;
    const at::Tensor parts = loss.parts.to(at::kCPU, at::kDouble).contiguous();
    own.parts.assign(parts.data_ptr<double>(),
                     parts.data_ptr<double>() + parts.numel());
    own.bad = !std::isfinite(own.parts[0]);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kNumeric) throw;
    own.bad = true;
  }
  return own;
}

Trainer::Stepped Trainer::step_together(LossMeter& meter) {
  if (!task_.next()) return Stepped::kNoCells;
  StepReport all;
  steps_->begin();
  try {
    all = steps_->finish(own_step());
  } catch (...) {
    steps_->give_up();
    throw;
  }
  if (all.bad) return Stepped::kDiverged;
  clip_gradients(task_.parameters().parameters(), options_.clip_norm);
  adam_.begin_step(task_.learning_rate(state_.epoch, state_.position));
  adam_.finish_step();
  meter.add({at::tensor(all.parts, at::kDouble), weight_}, state_.position);
  if (on_cpu() && !adam_.finite()) return Stepped::kDiverged;
  state_.position += task_.n_cells();
  return all.stop ? Stepped::kStopped : Stepped::kDone;
}

// Means over the held-out cells of all processes.
std::vector<double> Trainer::measure() {
  const std::vector<double> own = task_.measure();
  if (is_alone()) return own;
  const double weight = task_.has_validation() ? task_.validation_weight() : 0;
  return mean_of_all(*exchange_, own, weight);
}

// Reports progress to the monitor; returns false if it asks to stop.
bool Trainer::keeps_going(const LossMeter::Reading& reading, Monitor& monitor) {
  Progress progress;
  progress.epoch = record_.epoch;
  progress.n_epochs = options_.epochs;
  progress.n_cells = task_.n_training();
  progress.cells_done = state_.position;
  progress.loss = reading.mean(0);
  for (size_t k = 1; k < columns_.parts.size(); ++k) {
    progress.parts.push_back({columns_.parts[k], reading.mean(k)});
  }
  progress.cells_per_second =
      static_cast<double>(state_.position) / std::max(state_.seconds, 1e-9);
  progress.seconds_left = state_.seconds_left(
      options_.epochs,
      static_cast<double>(progress.n_cells) / progress.cells_per_second);
  return monitor.keep_going(progress);
}

// Reads and reports the sums of the epoch so far; returns false if the epoch
// ends here, and sets `end`.
bool Trainer::report(LossMeter& meter, Monitor& monitor, bool force, End& end) {
  const auto now = Clock::now();
  if (!on_cpu() && !force && now - reported_ < kReportEvery) return true;
  reported_ = now;
  const LossMeter::Reading reading = meter.read();
  if (reading.bad_position >= 0) {
    state_.position = reading.bad_position;
    end = End::kDiverged;
    return false;
  }
  state_.sums = reading.sums;
  state_.weight = reading.weight;
  state_.seconds =
      seconds_before_ + std::chrono::duration<double>(now - started_).count();
  if (keeps_going(reading, monitor)) return true;
  stop_asked_ = true;
  if (!is_alone()) return true;  // all stop together, with the next step
  end = End::kInterrupted;
  return false;
}

// On a device, steps check only the loss, so before anything is saved the
// parameters and moments are checked too.
bool Trainer::diverged_unseen() {
  if (adam_.finite()) return false;
  divergence_.epoch = record_.epoch;
  return true;
}

Trainer::End Trainer::train_epoch(Monitor& monitor) {
  started_ = reported_ = Clock::now();
  seconds_before_ = state_.seconds;
  record_ = EpochRecord();
  record_.epoch = state_.epoch + 1;
  record_.settings = task_.settings_of(state_.epoch);
  LossMeter meter(state_.sums, state_.weight);
  task_.start_epoch(state_.epoch, state_.position);
  End end = End::kEpoch;
  for (;;) {
    const Stepped stepped = is_alone() ? step(meter) : step_together(meter);
    if (stepped == Stepped::kDiverged) {
      divergence_ = {record_.epoch,
                     task_.cells_at(state_.epoch, state_.position)};
      return End::kDiverged;
    }
    if (stepped == Stepped::kNoCells) return end;
    ++steps_unsaved_;
    const bool last = task_.n_training() - state_.position < 2;
    const bool stop = stepped == Stepped::kStopped;
    const bool due = !last && !stop && is_due();
    if (!report(meter, monitor, last || due || stop, end)) break;
    if (stop) return End::kInterrupted;
    if (due && diverged_unseen()) return End::kDiverged;
    if (due && !save()) end = stop_unsaved();
    if (end == End::kInterrupted) return end;
  }
  if (end == End::kDiverged) {  // on a device, noticed some steps later
    divergence_ = {record_.epoch,
                   task_.cells_at(state_.epoch, state_.position)};
  }
  return end;
}

void Trainer::finish_epoch() {
  const double weight = state_.weight > 0 ? state_.weight : 1;
  for (double sum : state_.sums) record_.parts.push_back(sum / weight);
  record_.seconds = state_.seconds;
  record_.cells_per_second =
      static_cast<double>(std::max<int64_t>(1, state_.position)) /
      std::max(state_.seconds, 1e-9);
  record_.measures = measure();
  release_free_memory();
  state_.history.push_back(record_);
  ++state_.epoch;
  state_.begin_epoch();
  const bool judged = options_.patience > 0 && task_.has_validation() &&
                      state_.epoch > task_.patience_from();
  if (!judged) {
    state_.best_epoch = state_.epoch;
    return;
  }
  const double score = task_.score(record_.measures);
  if (score > state_.best_score) {
    state_.best_score = score;
    state_.best = task_.parameters().state();
    state_.best_epoch = state_.epoch;
  }
}

bool Trainer::is_finished() const {
  if (state_.epoch >= options_.epochs) return true;
  if (options_.patience == 0 || !task_.has_validation() || state_.epoch == 0) {
    return false;
  }
  return state_.epoch - std::max(state_.best_epoch, task_.patience_from()) >=
         options_.patience;
}

// Epochs done so far, including the fraction of the running one.
double Trainer::progress() const {
  const auto n = static_cast<double>(task_.n_training());
  return static_cast<double>(state_.epoch) +
         static_cast<double>(state_.position) / n;
}

// Returns false if a checkpoint that was asked for cannot be written. A missing
// temporary one matters only if the run is rolled back.
bool Trainer::save() {
  steps_unsaved_ = 0;
  return !is_first() || checkpoint_.save(state(), progress()) ||
         checkpoint_.is_temporary();
}

// Ends the run, which returns what could not be saved. Several processes all
// end with the next step.
Trainer::End Trainer::stop_unsaved() {
  stop_asked_ = true;
  return is_alone() ? End::kInterrupted : End::kEpoch;
}

bool Trainer::is_due() const {
  if (!checkpoint_.is_temporary()) return checkpoint_.is_due(progress());
  return state_.position == 0 && !is_finished() &&
         checkpoint_.is_due_after(steps_unsaved_);
}

void Trainer::roll_back() {
  if (checkpoint_.is_there()) {
    load_state(checkpoint_.read());
  } else if (is_first() && state_.epoch > 0) {
    throw_error(
        ErrorKind::kNumeric,
        "The loss or a gradient was no longer a finite number in epoch ",
        divergence_.epoch, ", and there is no checkpoint to return to. ",
        checkpoint_.failure());
  }
  if (!is_alone()) share_state();
}

Trainer::End Trainer::train(Monitor& monitor) {
  if (!is_alone()) meet();
  // If the folder cannot be written to, fail before the work, not after it.
  const bool begins = state_.epoch == 0 && state_.position == 0;
  if (!(checkpoint_.is_temporary() && begins) && !save()) {
    throw_error(ErrorKind::kFile, checkpoint_.failure());
  }
  End end = End::kEpoch;
  while (end == End::kEpoch && !is_finished()) {
    end = train_epoch(monitor);
    if (end != End::kDiverged && diverged_unseen()) end = End::kDiverged;
    if (end != End::kEpoch) break;
    finish_epoch();
    if (is_due() && !save() && !is_finished()) end = stop_unsaved();
  }
  if (end == End::kDiverged) {
    task_.stop();
    roll_back();
  }
  return end;
}

TrainResult Trainer::end_of(End end) {
  TrainResult result;
  if (end == End::kLost) {
    // All remaining processes have the same state, and process 0 may be the
    // lost one, so each saves. Some may fail, as not all may have the folder.
    if (!checkpoint_.is_temporary()) checkpoint_.save(state(), progress());
    result.status = TrainStatus::kLostProcess;
  } else if (end == End::kDiverged) {
    result.status = TrainStatus::kDiverged;
    result.divergence = divergence_;
  } else {
    if (!checkpoint_.is_temporary() && checkpoint_.failure().empty() &&
        progress() != checkpoint_.saved_at()) {
      save();
    }
    if (end == End::kInterrupted) {
      result.status = TrainStatus::kInterrupted;
    } else if (state_.epoch < options_.epochs) {
      result.status = TrainStatus::kStoppedEarly;
    }
  }
  if (is_first() && !checkpoint_.is_temporary()) {
    result.unsaved = checkpoint_.failure();
  }
  result.columns = columns_;
  result.history = state_.history;
  result.best_epoch = state_.best_epoch;
  return result;
}

TrainResult Trainer::run(Monitor& monitor) {
  check_can_train();
  End end = End::kEpoch;
  std::string lost;
  try {
    end = train(monitor);
  } catch (const std::exception& thrown) {
    const Error error = as_error(thrown);
    if (!is_alone() && error.kind() != ErrorKind::kProcess) {
      exchange_->leave(error.what());
    }
    // Until all processes have the same state, there is nothing to return.
    if (error.kind() != ErrorKind::kProcess || !shared_) throw;
    end = End::kLost;
    lost = error.what();
  }
  task_.stop();  // R may use HDF5 again
  TrainResult result = end_of(end);
  result.lost = lost;
  return result;
}

void Trainer::keep_best() {
  if (!state_.best.empty()) task_.parameters().load_state(state_.best);
}

}  // namespace sailer
