#include "adam.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <cmath>

#include "../support/error.h"
#include "../support/torch_version.h"

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

}  // namespace

void clip_gradients(const std::vector<NamedTensor>& parameters, double norm) {
  if (norm <= 0) return;
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients;
  for (const NamedTensor& entry : parameters) {
    const at::Tensor& gradient = entry.tensor.grad();
    if (gradient.defined()) gradients.push_back(gradient);
  }
  if (gradients.empty()) return;
  // Processes all tensors at once: on a device, launches are what costs time.
  constexpr double kTiny = 1e-6;
  const at::Tensor total = at::stack(at::_foreach_norm(gradients)).norm();
  const at::Tensor factor = (norm / (total + kTiny)).clamp_max(1);
#if SAILER_LIBTORCH_AT_LEAST(2, 4)
  at::_foreach_mul_(gradients, factor);
#else
  for (at::Tensor& gradient : gradients) gradient.mul_(factor);
#endif
}

Adam::Adam(const std::vector<NamedTensor>& parameters, double weight_decay,
           Engine engine)
    : parameters_(parameters),
      steps_(at::zeros({1}, at::kLong)),
      stepped_by_layer_(parameters.size(), false),
      engine_(engine),
      finite_(std::make_shared<std::atomic<bool>>(true)) {
  coefficients_.weight_decay = weight_decay;
  for (const NamedTensor& entry : parameters_) {
    const auto add = [&](const char* moment) {
      return moments_.add_buffer(
          std::string(moment) + "." + entry.name,
          at::zeros_like(entry.tensor, at::MemoryFormat::Contiguous).detach());
    };
    first_.push_back(add("first"));
    second_.push_back(add("second"));
  }
  moments_.add_buffer("steps", steps_);
}

bool Adam::by_kernel(const at::Tensor& parameter) const {
  return parameter.device().is_cpu() && engine_ == Engine::kFused &&
         parameter.is_contiguous();
}

bool Adam::layers_can_step() const {
  return !parameters_.empty() && by_kernel(parameters_[0].tensor);
}

int64_t Adam::n_steps() const { return *steps_.data_ptr<int64_t>(); }

void Adam::begin_step(double learning_rate) {
  learning_rate_ = learning_rate;
  steps_.add_(1);
  const double t = step_number_ = static_cast<double>(n_steps());
  kernels::AdamCoefficients& c = coefficients_;
  c.step_size = learning_rate / (1 - std::pow(c.beta1, t));
  c.second_correction = std::sqrt(1 - std::pow(c.beta2, t));
  stepped_by_layer_.assign(parameters_.size(), false);
  *finite_ = true;
  in_step_ = true;
}

AdamUpdate Adam::update_of(const std::string& name) {
  for (size_t k = 0; k < parameters_.size(); ++k) {
    if (parameters_[k].name != name) continue;
    if (!in_step_ || !by_kernel(parameters_[k].tensor)) break;
    stepped_by_layer_[k] = true;
    return {first_[k], second_[k], coefficients_, finite_};
  }
  throw_error(ErrorKind::kArgument, "The parameter '", name,
              "' cannot be handed to a layer: it is unknown, or no step has "
              "begun that moves it on the CPU.");
}

void Adam::finish_step() {
  at::NoGradGuard no_grad;
  in_step_ = false;
  std::vector<size_t> by_tensors;
  for (size_t k = 0; k < parameters_.size(); ++k) {
    at::Tensor& parameter = parameters_[k].tensor;
    at::Tensor& gradient = parameter.mutable_grad();
    if (!gradient.defined() || stepped_by_layer_[k]) continue;
    if (!by_kernel(parameter)) {
      by_tensors.push_back(k);
      continue;
    }
    step_by_kernel(parameter, gradient.contiguous(),
                   {first_[k], second_[k], coefficients_, finite_});
    gradient.reset();
  }
  if (!by_tensors.empty()) step_by_tensors(by_tensors);
}

// The same step for the parameters `moved`, all on one device, without waiting
// for it. Uses LibTorch's fused kernel in the versions that have it for the CPU
// too, so that the tests run what a GPU runs; in older versions, operations on
// lists of tensors.
void Adam::step_by_tensors(const std::vector<size_t>& moved) {
  std::vector<at::Tensor> parameters, gradients, first, second;
  for (size_t k : moved) {
    at::Tensor& gradient = parameters_[k].tensor.mutable_grad();
    parameters.push_back(parameters_[k].tensor);
    // The kernels require one layout, which autograd does not guarantee.
    gradients.push_back(gradient.contiguous());
    first.push_back(first_[k]);
    second.push_back(second_[k]);
    gradient.reset();
  }
  const kernels::AdamCoefficients& c = coefficients_;
#if SAILER_LIBTORCH_AT_LEAST(2, 4)
  // The kernel reads the step number on the device. All parameters share one,
  // filled on the device to avoid a transfer. A float counts exactly to 2^24.
  const at::Tensor count =
      at::full({}, step_number_,
               parameters[0].options().dtype(at::kFloat).requires_grad(false));
  const std::vector<at::Tensor> steps(parameters.size(), count);
  at::_fused_adam_(parameters, gradients, first, second,
                   /*max_exp_avg_sqs=*/{}, steps, learning_rate_, c.beta1,
                   c.beta2, c.weight_decay, c.epsilon, /*amsgrad=*/false,
                   /*maximize=*/false);
#else
  const std::vector<at::Tensor> g =
      at::_foreach_add(gradients, parameters, c.weight_decay);
  at::_foreach_mul_(first, c.beta1);
  at::_foreach_add_(first, g, 1 - c.beta1);
  at::_foreach_mul_(second, c.beta2);
  at::_foreach_addcmul_(second, g, g, 1 - c.beta2);
  const std::vector<at::Tensor> scale = at::_foreach_sqrt(second);
  at::_foreach_div_(scale, c.second_correction);
  at::_foreach_add_(scale, c.epsilon);
  at::_foreach_addcdiv_(parameters, first, scale, -c.step_size);
#endif
}

bool Adam::finite() const {
  if (!*finite_) return false;
  at::Tensor sum;  // over parameters that our kernel does not check
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
