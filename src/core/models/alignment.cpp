#include "alignment.h"

#include <ATen/ATen.h>

namespace sailer {
namespace {

at::Tensor unit_rows(const at::Tensor& x) {
  constexpr double kSmallest = 1e-12;
  return x / x.norm(2, {1}, /*keepdim=*/true).clamp_min(kSmallest);
}

}  // namespace

at::Tensor alignment_loss(const at::Tensor& mean, const at::Tensor& reference,
                          const at::Tensor& present, const at::Tensor& weight,
                          const BatchPart& part) {
  const at::Tensor z = unit_rows(mean);
  const at::Tensor r = unit_rows(reference);
  const at::Tensor difference =
      at::mm(part.own(r), r.t()) - at::mm(part.own(z), z.t());
  const at::Tensor w = weight * present;
  const at::Tensor sum = at::dot(part.own(w), at::mv(difference.square(), w));
  return sum / present.sum().square().clamp_min(1);
}

}  // namespace sailer
