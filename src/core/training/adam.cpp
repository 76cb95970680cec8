#include "adam.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <cmath>

#include "../support/error.h"
#include "adam_device.h"

namespace sailer {
namespace {

constexpr int64_t kGrain = int64_t{1} << 16;

void step_by_kernel(at::Tensor& parameter, const at::Tensor& gradient,
                    const AdamUpdate& update) {
  AT_DISPATCH_FLOATING_TYPES(parameter.scalar_type(), "adam", [&] {
    scalar_t* p = parameter.data_ptr<scalar_t>();
    const scalar_t* g = gradient.data_ptr<scalar_t>();
    at::parallel_for(0, parameter.numel(), kGrain, [&](int64_t a, int64_t b) {
      update.move(p, g + a, a, b - a);
    });
  });
}

void step_by_tensors(at::Tensor& parameter, const at::Tensor& gradient,
                     at::Tensor& first, at::Tensor& second,
                     const kernels::AdamCoefficients& c) {
  const at::Tensor g = gradient.add(parameter, c.weight_decay);
  first.mul_(c.beta1).add_(g, 1 - c.beta1);
  second.mul_(c.beta2).addcmul_(g, g, 1 - c.beta2);
  const at::Tensor scale =
      second.sqrt().div_(c.second_correction).add_(c.epsilon);
  parameter.addcdiv_(first, scale, -c.step_size);
}

}  // namespace

Adam::Adam(const std::vector<NamedTensor>& parameters, double weight_decay,
           Engine engine)
    : parameters_(parameters),
      steps_(at::zeros({1}, at::kLong)),
      handed_out_(parameters.size(), false),
      engine_(engine),
      finite_(std::make_shared<std::atomic<bool>>(true)) {
  coefficients_.weight_decay = weight_decay;
  for (const NamedTensor& entry : parameters_) {
    const auto add = [&](const char* moment) {
      return moments_.add_buffer(
          std::string("adam.") + moment + "." + entry.name,
          at::zeros_like(entry.tensor, at::MemoryFormat::Contiguous).detach());
    };
    first_.push_back(add("first"));
    second_.push_back(add("second"));
  }
  moments_.add_buffer("adam.steps", steps_);
}

bool Adam::by_kernel(const at::Tensor& parameter) const {
  return parameter.device().is_cpu() && engine_ == Engine::kFused &&
         parameter.is_contiguous();
}

bool Adam::can_hand_out() const {
  return !parameters_.empty() && by_kernel(parameters_[0].tensor);
}

int64_t Adam::n_steps() const { return steps_.item<int64_t>(); }

void Adam::begin_step(double learning_rate) {
  learning_rate_ = learning_rate;
  steps_.add_(1);
  const double t = static_cast<double>(n_steps());
  kernels::AdamCoefficients& c = coefficients_;
  c.step_size = learning_rate / (1 - std::pow(c.beta1, t));
  c.second_correction = std::sqrt(1 - std::pow(c.beta2, t));
  handed_out_.assign(parameters_.size(), false);
  *finite_ = true;
  in_step_ = true;
}

AdamUpdate Adam::update_of(const std::string& name) {
  for (size_t k = 0; k < parameters_.size(); ++k) {
    if (parameters_[k].name != name) continue;
    if (!in_step_ || !by_kernel(parameters_[k].tensor)) break;
    handed_out_[k] = true;
    return {first_[k], second_[k], coefficients_, finite_};
  }
  throw Error(ErrorKind::kArgument, "The parameter '" + name +
                                        "' cannot be handed to a layer: it is "
                                        "unknown, or no step has begun that "
                                        "moves it on the CPU.");
}

void Adam::finish_step() {
  at::NoGradGuard no_grad;
  in_step_ = false;
  std::vector<at::Tensor> parameters, gradients, first, second;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    at::Tensor& parameter = parameters_[k].tensor;
    at::Tensor& gradient = parameter.mutable_grad();
    if (!gradient.defined() || handed_out_[k]) continue;
    if (by_kernel(parameter)) {
      step_by_kernel(parameter, gradient.contiguous(),
                     {first_[k], second_[k], coefficients_, finite_});
    } else if (engine_ == Engine::kDense) {
      step_by_tensors(parameter, gradient, first_[k], second_[k],
                      coefficients_);
    } else {
      parameters.push_back(parameter);
      gradients.push_back(gradient);
      first.push_back(first_[k]);
      second.push_back(second_[k]);
    }
    gradient.reset();
  }
  if (parameters.empty()) return;
  adam_step_on_device(parameters, gradients, first, second, n_steps(),
                      learning_rate_, coefficients_);
}

bool Adam::finite() const {
  if (!*finite_) return false;
  at::Tensor sum;  // of those that our kernel does not watch
  for (size_t k = 0; k < parameters_.size(); ++k) {
    if (by_kernel(parameters_[k].tensor)) continue;
    const at::Tensor one =
        second_[k].sum() + parameters_[k].tensor.detach().abs().sum();
    sum = sum.defined() ? sum + one : one;
  }
  return !sum.defined() || std::isfinite(sum.item<double>());
}

void Adam::load_state(const std::vector<NamedTensor>& state) {
  moments_.load_state(state);
  in_step_ = false;
  *finite_ = true;
}

}  // namespace sailer
