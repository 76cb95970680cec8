#include "exchange.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "../support/error.h"

namespace sailer {
namespace {

at::TensorOptions numbers() { return at::TensorOptions().dtype(at::kDouble); }

}  // namespace

std::vector<double> of_each(Exchange& exchange, double own) {
  const at::Tensor all = at::zeros({exchange.size()}, numbers());
  all[exchange.rank()] = own;
  exchange.sum(all);
  return {all.data_ptr<double>(), all.data_ptr<double>() + all.numel()};
}

std::vector<double> mean_of_all(Exchange& exchange,
                                const std::vector<double>& own, double weight) {
  const auto n = n_of(own);
  at::Tensor sums = at::zeros({n + 1}, numbers());
  if (weight > 0) {
    sums.narrow(0, 0, n).copy_(at::tensor(own, numbers()) * weight);
    sums[n] = weight;
  }
  exchange.sum(sums);
  const double* sum = sums.data_ptr<double>();
  std::vector<double> out(own.size(), std::numeric_limits<double>::quiet_NaN());
  for (size_t k = 0; k < out.size() && sum[n] > 0; ++k)
    out[k] = sum[k] / sum[n];
  return out;
}

void share_run(Exchange& exchange, const RunColumns& columns, TrainState& state,
               const ParameterSet& parameters,
               const std::vector<NamedTensor>& moments) {
  const int64_t has_best = state.best.empty() ? 0 : 1;
  const at::Tensor shape = at::tensor({state.epoch, has_best}, at::kLong);
  exchange.broadcast(shape);
  if (exchange.rank() != 0) {
    state = TrainState::blank(shape[0].item<int64_t>(), columns);
    if (shape[1].item<int64_t>() > 0) state.best = parameters.state();
  }
  state.processes = exchange.size();
  const std::vector<NamedTensor> run = to_tensors(state, columns);
  for (const auto& tensors : {run, parameters.tensors(), moments}) {
    for (const NamedTensor& entry : tensors) exchange.broadcast(entry.tensor);
  }
  state = train_state_from(run, columns);
}

// The tail, in this order: for each parameter whether it has a gradient, the
// sums of the parts, the weight, the learning rate, stop, bad, and the cells of
// each process.
StepExchange::StepExchange(Exchange& exchange, ParameterSet& parameters,
                           size_t n_parts)
    : exchange_(exchange), parameters_(parameters), n_parts_(n_parts) {
  for (const NamedTensor& entry : parameters_.tensors()) {
    n_values_ += entry.tensor.numel();
  }
  n_tail_ = n_of(parameters_.parameters()) + static_cast<int64_t>(n_parts_) +
            4 + exchange_.size();
  flat_ = at::zeros(
      {n_values_ + n_tail_},
      parameters_.parameters().front().tensor.options().requires_grad(false));
  int64_t place = 0;
  for (const NamedTensor& entry : parameters_.tensors()) {
    const int64_t n = entry.tensor.numel();
    parts_.push_back(flat_.narrow(0, place, n).view(entry.tensor.sizes()));
    place += n;
  }
}

void StepExchange::pack(const OwnStep& own) {
  flat_.zero_();
  const double weight = own.bad ? 0 : own.weight;
  std::vector<double> tail;
  auto part = parts_.begin();
  for (const NamedTensor& entry : parameters_.parameters()) {
    const at::Tensor& gradient = entry.tensor.grad();
    const bool has = gradient.defined() && weight > 0;
    if (has) {
      at::mul_out(*part, gradient,
                  at::scalar_tensor(weight, gradient.options()));
    }
    tail.push_back(has ? 1 : 0);
    ++part;
  }
  for (const NamedTensor& entry : parameters_.buffers()) {
    (part++)->add_(entry.tensor, weight);
  }
  for (size_t k = 0; k < n_parts_; ++k) {
    tail.push_back(weight > 0 ? own.sums[k] : 0);
  }
  const double rate = exchange_.rank() == 0 ? own.learning_rate : 0;
  tail.insert(tail.end(),
              {weight, rate, own.stop ? 1.0 : 0.0, own.bad ? 1.0 : 0.0});
  for (int64_t k = 0; k < exchange_.size(); ++k) {
    const bool mine = k == exchange_.rank();
    tail.push_back(mine ? static_cast<double>(own.n_cells) : 0);
  }
  flat_.narrow(0, n_values_, n_tail_).copy_(at::tensor(tail, numbers()));
}

void StepExchange::unpack(double weight) {
  flat_.narrow(0, 0, n_values_).div_(weight);
  const at::Tensor tail = flat_.narrow(0, n_values_, n_tail_).cpu();
  size_t k = 0;
  for (const NamedTensor& entry : parameters_.parameters()) {
    at::Tensor parameter = entry.tensor;
    const bool has = tail[static_cast<int64_t>(k)].item<double>() > 0;
    parameter.mutable_grad() = has ? parts_[k] : at::Tensor();
    ++k;
  }
  for (const NamedTensor& entry : parameters_.buffers()) {
    entry.tensor.copy_(parts_[k++]);
  }
}

void StepExchange::begin() {
  before_.clear();
  for (const NamedTensor& entry : parameters_.buffers()) {
    before_.push_back({entry.name, entry.tensor.clone()});
  }
}

void StepExchange::give_up() {
  for (size_t k = 0; k < before_.size(); ++k) {
    parameters_.buffers()[k].tensor.copy_(before_[k].tensor);
  }
  for (const NamedTensor& entry : parameters_.parameters()) {
    at::Tensor parameter = entry.tensor;
    parameter.mutable_grad().reset();
  }
}

SharedStep StepExchange::average(const OwnStep& own) {
  const at::NoGradGuard no_grad;
  pack(own);
  try {
    exchange_.sum(flat_);
  } catch (const Error&) {
    give_up();
    throw;
  }
  const at::Tensor tail =
      flat_.narrow(0, n_values_, n_tail_).to(at::kCPU, at::kDouble);
  const double* value =
      tail.data_ptr<double>() + parameters_.parameters().size();
  SharedStep out;
  out.sums.assign(value, value + n_parts_);
  value += n_parts_;
  out.weight = value[0];
  out.learning_rate = value[1];
  out.stop = value[2] > 0;
  out.bad = value[3] > 0 || !std::isfinite(out.sums[0]);
  for (int64_t k = 0; k < exchange_.size(); ++k) {
    out.n_cells.push_back(static_cast<int64_t>(value[4 + k]));
  }
  if (!out.bad && out.weight > 0) unpack(out.weight);
  if (!out.bad && out.weight <= 0) give_up();
  return out;
}

}  // namespace sailer
