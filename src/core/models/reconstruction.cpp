#include "reconstruction.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/core/Reduction.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>

#include "../support/error.h"
#include "loss_and_gradients.h"
#include "reconstruction_device.h"
#include "reconstruction_fused.h"
#include "reconstruction_sampled.h"
#include "sparse_linear.h"

namespace sailer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

LossAndGradients loss_and_gradients(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient,
    const OutputUpdates* updates) {
  if (options.sampled_peaks != nullptr) {
    return loss_and_gradients_sampled(hidden, weight, bias, target, layout,
                                      options, with_gradient, updates);
  }
  if (hidden.device().is_cpu() && !options.tensor_operations) {
    return loss_and_gradients_fused(hidden, weight, bias, target, layout,
                                    options, with_gradient, updates);
  }
  if (updates != nullptr) {
    throw Error(ErrorKind::kArgument,
                "The last layer moves its parameters on the CPU alone.");
  }
  return loss_and_gradients_on_device(hidden, weight, bias, target, layout,
                                      options, with_gradient);
}

class Reconstruction : public torch::autograd::Function<Reconstruction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden,
                            const at::Tensor& weight, const at::Tensor& bias,
                            const SparseRowsTensor& target,
                            const PeakLayout& layout,
                            const ReconstructionOptions& options,
                            const OutputUpdates* updates) {
    LossAndGradients result =
        loss_and_gradients(hidden, weight, bias, target, layout, options,
                           /*with_gradient=*/true, updates);
    context->save_for_backward({result.hidden, result.weight, result.bias});
    context->saved_data["plain"] = options.factor_is_one;
    context->saved_data["moved"] = updates != nullptr;
    return result.loss;
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    variable_list grads = context->get_saved_variables();
    // The trainer asks for the plain gradient: then nothing is left to do. On
    // another device finding that out would cost a wait, so multiply there.
    const bool plain =
        context->saved_data["plain"].toBool() ||
        (grad_out[0].device().is_cpu() && grad_out[0].item<double>() == 1);
    if (!plain) {
      if (context->saved_data["moved"].toBool()) {
        throw Error(ErrorKind::kArgument,
                    "A reconstruction loss whose parameters were moved with it "
                    "cannot be given a factor afterwards.");
      }
      for (at::Tensor& grad : grads) {
        if (grad.defined()) grad = grad * grad_out[0];
      }
    }
    grads.resize(7);
    return grads;
  }
};

}  // namespace

at::Tensor tile_logits(const at::Tensor& hidden, const at::Tensor& weight,
                       const at::Tensor& bias, const PeakLayout&, int64_t group,
                       int64_t first, int64_t last) {
  const int64_t width = weight.size(1);
  return at::addmm(bias.slice(0, first, last),
                   hidden.slice(1, group * width, (group + 1) * width),
                   weight.slice(0, first, last).t());
}

at::Tensor reconstruction_loss(const at::Tensor& hidden,
                               const at::Tensor& weight, const at::Tensor& bias,
                               const SparseRowsTensor& target,
                               const PeakLayout& layout,
                               const ReconstructionOptions& options,
                               const OutputUpdates* updates) {
  const bool with_gradient = at::GradMode::is_enabled() &&
                             (hidden.requires_grad() ||
                              weight.requires_grad() || bias.requires_grad());
  if (with_gradient) {
    return Reconstruction::apply(hidden, weight, bias, target, layout, options,
                                 updates);
  }
  return loss_and_gradients(hidden, weight, bias, target, layout, options,
                            false, nullptr)
      .loss;
}

at::Tensor reconstruction_loss_dense(const at::Tensor& hidden,
                                     const at::Tensor& weight,
                                     const at::Tensor& bias,
                                     const at::Tensor& target,
                                     const PeakLayout& layout,
                                     const ReconstructionOptions& options) {
  // One split and not a slice for each group: its gradient is one copy.
  const std::vector<int64_t> sizes = layout.sizes();
  const std::vector<at::Tensor> h = hidden.split(weight.size(1), 1);
  const std::vector<at::Tensor> w = weight.split_with_sizes(sizes, 0);
  const std::vector<at::Tensor> b = bias.split_with_sizes(sizes, 0);
  std::vector<at::Tensor> parts;
  for (size_t g = 0; g < sizes.size(); ++g) {
    parts.push_back(at::addmm(b[g], h[g], w[g].t()));
  }
  at::Tensor logits = parts.size() == 1 ? parts[0] : at::cat(parts, 1);
  if (options.shift != 0) logits = logits + options.shift;
  const at::Tensor omega = options.omega == 1
                               ? at::Tensor()
                               : at::full({1}, options.omega, logits.options());
  const at::Tensor loss = at::binary_cross_entropy_with_logits(
      logits, target, /*weight=*/{}, /*pos_weight=*/omega, at::Reduction::Sum);
  return options.scale * loss;
}

}  // namespace sailer
