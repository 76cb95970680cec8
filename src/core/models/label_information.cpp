#include "label_information.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>
#include <tuple>

namespace sailer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kNearest = 5;
constexpr double kSharpness = 2;
constexpr double kSmallest = 1e-12;  // squared distance, share

// The gradient is derived by hand, and all is computed in double, as in the
// divergences: a GPU would round the products of coordinates, of which the
// distances of neighbours are small differences, to TF32.
class LabelInformation : public torch::autograd::Function<LabelInformation> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& all,
                            const at::Tensor& one_hot, int64_t first,
                            int64_t n) {
    const int64_t n_all = all.size(0);
    const at::Tensor z_all = all - all.mean(0, /*keepdim=*/true, at::kDouble);
    const at::Tensor labels = one_hot.to(at::kDouble);
    const at::Tensor z = z_all.narrow(0, first, n);
    const at::Tensor square = z_all.square().sum(1);
    at::Tensor distance = at::addmm(square.unsqueeze(0), z, z_all.t(), 1, -2)
                              .add_(square.narrow(0, first, n).unsqueeze(1))
                              .clamp_min_(0);
    distance.diagonal(first).fill_(std::numeric_limits<double>::infinity());
    const at::Tensor scale =
        kSharpness /
        std::get<0>(at::kthvalue(distance, std::min(kNearest, n_all - 1), 1,
                                 /*keepdim=*/true))
            .clamp_min(kSmallest);
    const at::Tensor weight = at::softmax(-distance * scale, 1);
    const at::Tensor near = weight.mm(labels);
    const at::Tensor share =
        (labels.sum(0, /*keepdim=*/true) - labels.narrow(0, first, n)) /
        static_cast<double>(n_all - 1);
    const at::Tensor log_ratio =
        (near.clamp_min(kSmallest) / share.clamp_min(kSmallest)).log();
    // The variance of p_b by chance is sum_j w_ij^2 share_b (1 - share_b).
    const at::Tensor chance =
        0.5 * (share.gt(0).to(share.scalar_type()) - share).sum(1);
    context->save_for_backward(
        {z_all, labels, weight, scale, log_ratio, chance});
    context->saved_data["first"] = first;
    return ((near * log_ratio).sum(1) - chance * weight.square().sum(1))
        .to(all.scalar_type());
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &z_all = saved[0], &labels = saved[1], &weight = saved[2];
    const at::Tensor &scale = saved[3], &log_ratio = saved[4];
    const int64_t first = context->saved_data["first"].toInt();
    const at::Tensor z = z_all.narrow(0, first, weight.size(0));
    // With respect to the weights, then to the squared distances.
    const at::Tensor of_weight =
        log_ratio.mm(labels.t()) - 2 * saved[5].unsqueeze(1) * weight;
    const at::Tensor centered =
        of_weight - (of_weight * weight).sum(1, /*keepdim=*/true);
    const at::Tensor h =
        weight * centered *
        (-2 * scale * grad_out[0].to(at::kDouble).unsqueeze(1));
    at::Tensor of_all = (h.sum(0).unsqueeze(1) * z_all).addmm_(h.t(), z, 1, -1);
    of_all.narrow(0, first, z.size(0))
        .add_(h.sum(1, /*keepdim=*/true) * z)
        .addmm_(h, z_all, 1, -1);
    return {of_all, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor label_information(const at::Tensor& z, const at::Tensor& labels,
                             const BatchPart& part) {
  const int64_t n = part.is_whole() ? z.size(0) : part.n;
  return LabelInformation::apply(z, labels, part.first, n);
}

}  // namespace sailer
