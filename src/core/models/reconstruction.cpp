#include "reconstruction.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "../support/error.h"

namespace sailer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

LossAndGradients loss_and_gradients(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient,
    const OutputUpdates* updates) {
  if (hidden.device().is_cpu() && !options.tensor_operations) {
    return reconstruct_by_kernel(hidden, weight, bias, target, layout, options,
                                 with_gradient, updates);
  }
  if (updates != nullptr) {
    throw_error(
        ErrorKind::kArgument,
        "The last layer can update its own parameters only on the CPU.");
  }
  return reconstruct_by_tensors(hidden, weight, bias, target, layout, options,
                                with_gradient);
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
    // The trainer's incoming gradient is 1, so nothing is left to do. On other
    // devices checking for 1 would cost a wait, so always multiply there.
    const bool plain =
        context->saved_data["plain"].toBool() ||
        (grad_out[0].device().is_cpu() && grad_out[0].item<double>() == 1);
    if (!plain) {
      if (context->saved_data["moved"].toBool()) {
        throw_error(ErrorKind::kArgument,
                    "A reconstruction loss that has already updated its "
                    "parameters cannot be multiplied by a factor.");
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

}  // namespace sailer
