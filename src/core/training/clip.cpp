#include "clip.h"

#include <ATen/ATen.h>

namespace sailer {

void clip_gradients(const std::vector<NamedTensor>& parameters, double norm) {
  if (norm <= 0) return;
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients, norms;
  for (const NamedTensor& entry : parameters) {
    const at::Tensor& gradient = entry.tensor.grad();
    if (!gradient.defined()) continue;
    gradients.push_back(gradient);
    norms.push_back(gradient.norm());
  }
  if (gradients.empty()) return;
  constexpr double kTiny = 1e-6;
  const at::Tensor total = at::stack(norms).norm();
  const at::Tensor factor = (norm / (total + kTiny)).clamp_max(1);
  for (at::Tensor& gradient : gradients) gradient.mul_(factor);
}

}  // namespace sailer
