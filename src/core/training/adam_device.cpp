#include "adam_device.h"

#include <ATen/ATen.h>

#include <cmath>

#include "../support/torch_version.h"

namespace sailer {
namespace {

using Tensors = std::vector<at::Tensor>;

// The lists' kernels ask for one layout, which autograd does not promise.
Tensors contiguous(const Tensors& tensors) {
  Tensors out;
  out.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) out.push_back(tensor.contiguous());
  return out;
}

}  // namespace

// The kernel is there from 1.13 on, but for CUDA alone and as a trial.
bool has_fused_adam(const at::Device& device) {
  if (device.is_cuda()) return SAILER_LIBTORCH_AT_LEAST(2, 0);
  if (device.is_cpu()) return SAILER_LIBTORCH_AT_LEAST(2, 4);
  return false;
}

void adam_step_on_device(const Tensors& parameters, const Tensors& gradients,
                         const Tensors& first, const Tensors& second,
                         int64_t step, double learning_rate,
                         const kernels::AdamCoefficients& c) {
  if (parameters.empty()) return;
  if (!has_fused_adam(parameters[0].device())) {
    adam_step_by_lists(parameters, gradients, first, second, step,
                       learning_rate, c);
    return;
  }
  at::NoGradGuard no_grad;
  // The kernel reads the number of the step on the device; one for all, and
  // filled there, so nothing travels. A float counts exactly to 2^24.
  const at::Tensor count =
      at::full({}, static_cast<double>(step),
               parameters[0].options().dtype(at::kFloat).requires_grad(false));
  const Tensors steps(parameters.size(), count);
  at::_fused_adam_(parameters, contiguous(gradients), first, second,
                   /*max_exp_avg_sqs=*/{}, steps, learning_rate, c.beta1,
                   c.beta2, c.weight_decay, c.epsilon, /*amsgrad=*/false,
                   /*maximize=*/false);
}

void adam_step_by_lists(const Tensors& parameters, const Tensors& gradients,
                        const Tensors& first, const Tensors& second,
                        int64_t step, double learning_rate,
                        const kernels::AdamCoefficients& c) {
  if (parameters.empty()) return;
  at::NoGradGuard no_grad;
  const double t = static_cast<double>(step);
  const double step_size = learning_rate / (1 - std::pow(c.beta1, t));
  const double correction = std::sqrt(1 - std::pow(c.beta2, t));
  const Tensors g =
      at::_foreach_add(contiguous(gradients), parameters, c.weight_decay);
  at::_foreach_mul_(first, c.beta1);
  at::_foreach_add_(first, g, 1 - c.beta1);
  at::_foreach_mul_(second, c.beta2);
  at::_foreach_addcmul_(second, g, g, 1 - c.beta2);
  const Tensors scale = at::_foreach_sqrt(second);
  at::_foreach_div_(scale, correction);
  at::_foreach_add_(scale, c.epsilon);
  at::_foreach_addcdiv_(parameters, first, scale, -step_size);
}

}  // namespace sailer
