#include "adam.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <cmath>

#include "../support/kernels.h"

namespace sailer {
namespace {

constexpr int64_t kGrain = int64_t{1} << 16;

void step_on_cpu(at::Tensor& parameter, const at::Tensor& gradient,
                 at::Tensor& first, at::Tensor& second,
                 const kernels::AdamCoefficients& c) {
  AT_DISPATCH_FLOATING_TYPES(parameter.scalar_type(), "adam", [&] {
    scalar_t* p = parameter.data_ptr<scalar_t>();
    const scalar_t* g = gradient.data_ptr<scalar_t>();
    scalar_t* m = first.data_ptr<scalar_t>();
    scalar_t* v = second.data_ptr<scalar_t>();
    at::parallel_for(0, parameter.numel(), kGrain, [&](int64_t a, int64_t b) {
      kernels::adam_step(p + a, g + a, m + a, v + a, b - a, c);
    });
  });
}

void step_on_device(at::Tensor& parameter, const at::Tensor& gradient,
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

Adam::Adam(const std::vector<NamedTensor>& parameters, double weight_decay)
    : parameters_(parameters), weight_decay_(weight_decay) {
  for (const NamedTensor& entry : parameters_) {
    first_.push_back(at::zeros_like(entry.tensor).detach());
    second_.push_back(at::zeros_like(entry.tensor).detach());
  }
}

void Adam::step(double learning_rate) {
  at::NoGradGuard no_grad;
  ++n_steps_;
  kernels::AdamCoefficients c;
  c.weight_decay = weight_decay_;
  const double t = static_cast<double>(n_steps_);
  c.step_size = learning_rate / (1 - std::pow(c.beta1, t));
  c.second_correction = std::sqrt(1 - std::pow(c.beta2, t));
  for (size_t k = 0; k < parameters_.size(); ++k) {
    at::Tensor& parameter = parameters_[k].tensor;
    at::Tensor& gradient = parameter.mutable_grad();
    if (!gradient.defined()) continue;
    if (parameter.device().is_cpu()) {
      step_on_cpu(parameter, gradient.contiguous(), first_[k], second_[k], c);
    } else {
      step_on_device(parameter, gradient, first_[k], second_[k], c);
    }
    gradient.reset();
  }
}

bool Adam::finite() const {
  for (const auto& entry : parameters_) {
    if (!at::isfinite(entry.tensor).all().item<bool>()) return false;
  }
  return true;
}

std::vector<NamedTensor> Adam::state() const {
  std::vector<NamedTensor> out;
  out.push_back({"adam.steps", at::full({1}, n_steps_, at::kLong)});
  for (size_t k = 0; k < parameters_.size(); ++k) {
    out.push_back({"adam.first." + parameters_[k].name, first_[k].cpu().clone()});
    out.push_back({"adam.second." + parameters_[k].name, second_[k].cpu().clone()});
  }
  return out;
}

void Adam::load_state(const std::vector<NamedTensor>& state) {
  at::NoGradGuard no_grad;
  for (const auto& entry : state) {
    if (entry.name == "adam.steps") n_steps_ = entry.tensor.item<int64_t>();
    for (size_t k = 0; k < parameters_.size(); ++k) {
      if (entry.name == "adam.first." + parameters_[k].name) first_[k].copy_(entry.tensor);
      if (entry.name == "adam.second." + parameters_[k].name) second_[k].copy_(entry.tensor);
    }
  }
}

}  // namespace sailer
