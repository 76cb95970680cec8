// The part of the Trainer that works with other processes: see exchange.h.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../support/error.h"
#include "clip.h"
#include "trainer.h"

namespace sailer {
namespace {

at::TensorOptions whole() { return at::TensorOptions().dtype(at::kLong); }
at::TensorOptions real() { return at::TensorOptions().dtype(at::kDouble); }

// A state of the same shape as that of process 0, to be filled.
TrainState blank(int64_t epochs, const RunColumns& columns,
                 std::vector<NamedTensor> best) {
  TrainState out;
  out.epoch = epochs;
  out.sums.assign(columns.parts.size(), 0);
  EpochRecord record;
  record.settings.assign(columns.settings.size(), 0);
  record.parts.assign(columns.parts.size(), 0);
  record.measures.assign(columns.measures.size(), 0);
  out.history.assign(static_cast<size_t>(epochs), record);
  out.best = std::move(best);
  return out;
}

}  // namespace

// Learns what the others have, and takes the state of process 0.
void Trainer::meet() {
  n_training_.clear();
  for (double n : gather(*exchange_, static_cast<double>(task_.n_training()))) {
    n_training_.push_back(static_cast<int64_t>(n));
  }
  // The first parts are the larger, but a task may part its cells otherwise.
  std::sort(n_training_.rbegin(), n_training_.rend());
  validates_ = false;
  for (double has : gather(*exchange_, task_.has_validation() ? 1 : 0)) {
    validates_ = validates_ || has > 0;
  }
  share_state();
  steps_ = std::make_unique<StepExchange>(*exchange_, task_.parameters(),
                                          columns_.parts.size());
}

void Trainer::share_state() {
  shared_ = false;
  at::Tensor shape = at::tensor(
      {state_.epoch, static_cast<int64_t>(state_.best.empty() ? 0 : 1)},
      whole());
  exchange_->broadcast(shape);
  if (!is_first()) {
    state_ = blank(shape[0].item<int64_t>(), columns_,
                   shape[1].item<int64_t>() > 0 ? task_.parameters().state()
                                                : std::vector<NamedTensor>());
  }
  state_.processes = exchange_->size();
  const std::vector<NamedTensor> run = to_tensors(state_, columns_);
  for (const NamedTensor& entry : run) exchange_->broadcast(entry.tensor);
  state_ = train_state_from(run, columns_);
  for (const NamedTensor& entry : task_.parameters().tensors()) {
    exchange_->broadcast(entry.tensor);
  }
  for (const NamedTensor& entry : adam_.tensors()) {
    exchange_->broadcast(entry.tensor);
  }
  shared_ = true;
}

// The gradients of this process' minibatch, where it has cells left.
OwnStep Trainer::own_step() {
  OwnStep own;
  own.stop = stop_asked_;
  own.learning_rate = task_.learning_rate(state_.epoch, state_.position);
  own.sums.assign(columns_.parts.size(), 0);
  if (state_.position >= task_.n_training() || !task_.next()) return own;
  own.n_cells = task_.n_cells();
  try {
    const StepLoss loss = task_.step(adam_, state_.epoch, state_.position,
                                     /*may_hand_out=*/false);
    const at::Tensor parts = loss.parts.to(at::kCPU, at::kDouble).contiguous();
    own.weight = loss.weight;
    for (size_t k = 0; k < own.sums.size(); ++k) {
      own.sums[k] = parts.data_ptr<double>()[k] * loss.weight;
    }
    own.bad = !std::isfinite(own.sums[0]);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kNumeric) throw;
    own.bad = true;
  }
  return own;
}

Trainer::Stepped Trainer::step_together(LossMeter& meter) {
  // A forward pass moves the running statistics: what is given up moves none.
  std::vector<at::Tensor> before;
  for (const NamedTensor& entry : task_.parameters().buffers()) {
    before.push_back(entry.tensor.clone());
  }
  const auto give_up = [&] {
    for (size_t k = 0; k < before.size(); ++k) {
      at::Tensor buffer = task_.parameters().buffers()[k].tensor;
      buffer.copy_(before[k]);
    }
    for (const NamedTensor& entry : task_.parameters().parameters()) {
      at::Tensor parameter = entry.tensor;
      parameter.mutable_grad().reset();
    }
  };
  const OwnStep own = own_step();
  SharedStep all;
  try {
    all = steps_->average(own);
  } catch (const Error&) {
    give_up();
    throw;
  }
  if (all.bad) {
    if (own.bad) divergence_.cells = task_.cells();
    return Stepped::kDiverged;
  }
  if (all.weight <= 0) {
    give_up();
    return all.stop ? Stepped::kStopped : Stepped::kNoCells;
  }
  if (options_.clip_norm > 0) {
    clip_gradients(task_.parameters().parameters(), options_.clip_norm);
  }
  adam_.begin_step(all.learning_rate);
  adam_.finish_step();
  meter.add({at::tensor(all.sums, real()) / all.weight, all.weight},
            state_.position);
  if (on_cpu() && !adam_.finite()) {
    divergence_.cells = task_.cells();
    return Stepped::kDiverged;
  }
  state_.position += *std::max_element(all.n_cells.begin(), all.n_cells.end());
  return all.stop ? Stepped::kStopped : Stepped::kDone;
}

// Means over the cells kept back, of all processes.
std::vector<double> Trainer::measure() {
  std::vector<double> own = task_.measure();
  if (is_alone()) return own;
  const double weight = task_.has_validation() ? task_.validation_weight() : 0;
  at::Tensor sums = at::zeros({static_cast<int64_t>(own.size()) + 1}, real());
  if (weight > 0) {
    own.push_back(1);
    sums.copy_(at::tensor(own, real()) * weight);
  }
  exchange_->sum(sums);
  const double* values = sums.data_ptr<double>();
  const double total = values[columns_.measures.size()];
  std::vector<double> out;
  for (size_t k = 0; k < columns_.measures.size(); ++k) {
    out.push_back(total > 0 ? values[k] / total
                            : std::numeric_limits<double>::quiet_NaN());
  }
  return out;
}

// Every process that is left has the same state, and process 0 may be the lost
// one. Not all of them see the folder, though; the fit is returned anyway.
void Trainer::save_what_is_left() {
  if (checkpoint_.path.empty()) return;
  try {
    write_state();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kFile) throw;
    if (is_first()) unsaved_ = error.what();
  }
}

}  // namespace sailer
