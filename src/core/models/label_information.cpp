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
constexpr double kSmallest = 1e-12;  // of squared distances and shares

// The gradient is derived by hand, and everything is computed in double, as in
// the divergences: distances of neighbours are small differences of products of
// coordinates, which a GPU would otherwise round to TF32.
class LabelInformation : public torch::autograd::Function<LabelInformation> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& own,
                            const at::Tensor& all, const at::Tensor& one_hot,
                            int64_t first) {
    const int64_t n = own.size(0), n_all = all.size(0);
    const at::Tensor center = all.mean(0, /*keepdim=*/true, at::kDouble);
    const at::Tensor z = own - center, z_all = all - center;
    const at::Tensor labels = one_hot.to(at::kDouble);
    const at::Tensor distance =
        at::addmm(z_all.square().sum(1), z, z_all.t(), 1, -2)
            .add_(z.square().sum(1).unsqueeze(1))
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
    // By chance, p_b has the variance sum_j w_ij^2 share_b (1 - share_b).
    const at::Tensor chance =
        0.5 * (share.gt(0).to(share.scalar_type()) - share).sum(1);
    context->save_for_backward(
        {z, z_all, labels, weight, scale, log_ratio, chance});
    return ((near * log_ratio).sum(1) - chance * weight.square().sum(1))
        .to(own.scalar_type());
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &z = saved[0], &z_all = saved[1], &labels = saved[2];
    const at::Tensor &weight = saved[3], &scale = saved[4];
    const at::Tensor &log_ratio = saved[5], &chance = saved[6];
    // The gradient with respect to the weights, then to the squared distances.
    const at::Tensor of_weight =
        log_ratio.mm(labels.t()) - 2 * chance.unsqueeze(1) * weight;
    const at::Tensor centered =
        of_weight - (of_weight * weight).sum(1, /*keepdim=*/true);
    const at::Tensor h =
        weight * centered *
        (-2 * scale * grad_out[0].to(at::kDouble).unsqueeze(1));
    const at::Tensor of_own =
        (h.sum(1, /*keepdim=*/true) * z).addmm_(h, z_all, 1, -1);
    const at::Tensor of_all =
        (h.sum(0).unsqueeze(1) * z_all).addmm_(h.t(), z, 1, -1);
    return {of_own, of_all, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor label_information(const at::Tensor& z, const at::Tensor& all,
                             const at::Tensor& labels, const BatchPart& part) {
  return LabelInformation::apply(z, all, labels, part.first);
}

}  // namespace sailer
