#include "step_exchange.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "../support/error.h"

namespace sailer {
namespace {

at::TensorOptions numbers() { return at::TensorOptions().dtype(at::kDouble); }

// Called after the gradient of a parameter was computed.
class GradientHook : public torch::autograd::FunctionPostHook {
 public:
  explicit GradientHook(std::function<void()> call) : call_(std::move(call)) {}
  torch::autograd::variable_list operator()(
      const torch::autograd::variable_list& outputs,
      const torch::autograd::variable_list&) override {
    call_();
    return outputs;
  }

 private:
  std::function<void()> call_;
};

}  // namespace

Shard shard_of(const Exchange* exchange) {
  return exchange == nullptr ? Shard()
                             : Shard{exchange->rank(), exchange->size()};
}

void check_batch_size(int64_t batch_size, const Exchange* exchange) {
  const int64_t size = shard_of(exchange).size;
  if (batch_size >= size) return;
  throw_error(ErrorKind::kArgument, "`batch_size` (", batch_size,
              ") is smaller than the number of processes, ", size,
              ": make it at least that, so that each has a cell of a "
              "minibatch.");
}

int64_t of_first(Exchange* exchange, int64_t own) {
  if (exchange == nullptr) return own;
  const at::Tensor value = at::full({1}, own, at::kLong);
  exchange->broadcast(value);
  return value.item<int64_t>();
}

void share_rows(CellRows& cells, Exchange* exchange) {
  if (exchange == nullptr) return;
  const Slice own = slice_of(cells.source->n_cells(), shard_of(exchange));
  cells.first = own.first;
  cells.end = own.first + own.n;
  cells.sum_of_all = [exchange](double* values, int64_t n) {
    exchange->sum(at::from_blob(values, {n}, at::kDouble));
  };
}

double sum_of_all(Exchange& exchange, double own) {
  const at::Tensor sum = at::full({1}, own, numbers());
  exchange.sum(sum);
  return sum.item<double>();
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
  const std::vector<NamedTensor> run = to_tensors(state, columns);
  for (const auto& tensors : {run, parameters.tensors(), moments}) {
    for (const NamedTensor& entry : tensors) exchange.broadcast(entry.tensor);
  }
  state = train_state_from(run, columns);
}

// The nodes that accumulate the parameters' gradients, kept alive for the
// hooks.
struct StepExchange::Hooks {
  using Node = decltype(torch::autograd::impl::grad_accumulator(at::Tensor()));
  std::vector<Node> nodes;  // whose pointer type differs between versions
};

StepExchange::StepExchange(Exchange& exchange, const ParameterSet& parameters,
                           bool early, int64_t bucket_numbers)
    : exchange_(exchange), parameters_(parameters) {
  make_buckets(bucket_numbers);
  if (!early) return;
  hooks_ = std::make_unique<Hooks>();
  for (size_t b = 0; b < buckets_.size(); ++b) {
    for (size_t k : buckets_[b].members) {
      auto node = torch::autograd::impl::grad_accumulator(parameter(k));
      node->add_post_hook(
          std::make_unique<GradientHook>([this, b] { gradient_is_there(b); }));
      hooks_->nodes.push_back(std::move(node));
    }
  }
}

StepExchange::~StepExchange() = default;

// From the last parameter to the first.
void StepExchange::make_buckets(int64_t bucket_numbers) {
  int64_t room = 0;
  for (size_t k = parameters_.parameters().size(); k-- > 0;) {
    const int64_t n = parameter(k).numel();
    if (n > room) {
      buckets_.push_back({});
      room = std::max(n, bucket_numbers);
    }
    buckets_.back().members.push_back(k);
    room -= n;
  }
  for (Bucket& bucket : buckets_) {
    if (bucket.members.size() == 1) continue;
    int64_t place = 0, n = 0;
    for (size_t k : bucket.members) n += parameter(k).numel();
    bucket.flat = at::zeros({n}, parameter(0).options().requires_grad(false));
    for (size_t k : bucket.members) {
      const int64_t own = parameter(k).numel();
      bucket.sums.push_back(
          bucket.flat.narrow(0, place, own).view(parameter(k).sizes()));
      place += own;
    }
  }
}

void StepExchange::begin() {
  before_.clear();
  for (const NamedTensor& entry : parameters_.buffers()) {
    before_.push_back({entry.name, entry.tensor.clone()});
  }
  n_started_ = 0;
  for (Bucket& bucket : buckets_) {
    bucket.n_ready = 0;
    bucket.wait = nullptr;
  }
}

// Starts buckets in their order, which is the same in all processes.
void StepExchange::gradient_is_there(size_t bucket) {
  ++buckets_[bucket].n_ready;
  while (n_started_ < buckets_.size()) {
    Bucket& next = buckets_[n_started_];
    if (next.n_ready < next.members.size()) return;
    start(next);
    ++n_started_;
  }
}

void StepExchange::start(Bucket& bucket) {
  const at::NoGradGuard no_grad;
  if (!bucket.flat.defined()) {
    const at::Tensor own = parameter(bucket.members[0]);
    const at::Tensor& gradient = own.grad();
    bucket.sums = {gradient.defined() ? gradient.detach().contiguous()
                                      : at::zeros_like(own).detach()};
    bucket.wait = exchange_.begin_sum(bucket.sums[0]);
    return;
  }
  for (size_t i = 0; i < bucket.members.size(); ++i) {
    const at::Tensor gradient = parameter(bucket.members[i]).grad();
    if (gradient.defined()) {
      bucket.sums[i].copy_(gradient);
    } else {
      bucket.sums[i].zero_();
    }
  }
  bucket.wait = exchange_.begin_sum(bucket.flat);
}

void StepExchange::end(Bucket& bucket, const std::vector<bool>& has_gradient) {
  if (bucket.wait) bucket.wait();
  for (size_t i = 0; i < bucket.members.size(); ++i) {
    const size_t k = bucket.members[i];
    parameter(k).mutable_grad() =
        has_gradient[k] ? bucket.sums[i] : at::Tensor();
  }
  if (!bucket.flat.defined()) bucket.sums.clear();  // the parameter holds it
}

// Sums, in this order: the parts, stop, bad, and for each parameter whether it
// has a gradient.
StepReport StepExchange::exchange_reports(const StepReport& own,
                                          std::vector<bool>& has_gradient) {
  std::vector<double> values = own.parts;
  values.insert(values.end(), {own.stop ? 1.0 : 0.0, own.bad ? 1.0 : 0.0});
  for (const NamedTensor& entry : parameters_.parameters()) {
    values.push_back(entry.tensor.grad().defined() ? 1 : 0);
  }
  const at::Tensor sums = at::tensor(values, numbers());
  exchange_.sum(sums);
  const double* sum = sums.data_ptr<double>();
  StepReport out;
  out.parts.assign(sum, sum + own.parts.size());
  sum += own.parts.size();
  out.stop = sum[0] > 0;
  out.bad = sum[1] > 0 || !std::isfinite(out.parts[0]);
  for (size_t k = 0; k < parameters_.parameters().size(); ++k) {
    has_gradient.push_back(sum[2 + k] > 0);
  }
  return out;
}

StepReport StepExchange::finish(const StepReport& own) {
  const at::NoGradGuard no_grad;
  std::vector<bool> has_gradient;
  const StepReport all = exchange_reports(own, has_gradient);
  if (all.bad) has_gradient.assign(has_gradient.size(), false);
  for (; n_started_ < buckets_.size(); ++n_started_) {
    Bucket& bucket = buckets_[n_started_];
    // For a frozen layer, no process has a gradient.
    if (std::any_of(bucket.members.begin(), bucket.members.end(),
                    [&](size_t k) { return has_gradient[k]; })) {
      start(bucket);
    }
  }
  for (Bucket& bucket : buckets_) end(bucket, has_gradient);
  return all;
}

void StepExchange::give_up() {
  const at::NoGradGuard no_grad;
  for (size_t k = 0; k < before_.size(); ++k) {
    parameters_.buffers()[k].tensor.copy_(before_[k].tensor);
  }
  for (size_t k = 0; k < parameters_.parameters().size(); ++k) {
    parameter(k).mutable_grad().reset();
  }
}

}  // namespace sailer
