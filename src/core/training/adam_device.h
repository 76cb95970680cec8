// One step of Adam over many tensors on a device, in as few launches as
// LibTorch offers there and without waiting for it.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "../support/kernels.h"

namespace sailer {

// The same step as kernels::adam_step() for all tensors of one device and type:
//   parameters, gradients, first, second   lists of equal length and shapes,
//                                          every tensor defined
//   step     number of this step, from 1; the same for all
//   c        beta1, beta2, epsilon and weight_decay are read; the corrections
//            are made of `step`
// Parameters and moments are moved in place, outside of autograd.
void adam_step_on_device(const std::vector<at::Tensor>& parameters,
                         const std::vector<at::Tensor>& gradients,
                         const std::vector<at::Tensor>& first,
                         const std::vector<at::Tensor>& second, int64_t step,
                         double learning_rate,
                         const kernels::AdamCoefficients& c);

// The two ways of which adam_step_on_device() takes the first where it can:
// LibTorch's fused kernel (CUDA from 2.0, CPU from 2.4), 7 passes over the
// memory of the parameters, or operations on lists of tensors, some 19.
bool has_fused_adam(const at::Device& device);
void adam_step_by_lists(const std::vector<at::Tensor>& parameters,
                        const std::vector<at::Tensor>& gradients,
                        const std::vector<at::Tensor>& first,
                        const std::vector<at::Tensor>& second, int64_t step,
                        double learning_rate,
                        const kernels::AdamCoefficients& c);

}  // namespace sailer
