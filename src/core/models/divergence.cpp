#include "divergence.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

namespace sailer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Gradients are derived by hand: autograd would take nearly twice as many
// operations, and on a device each operation is a launch.

class KlToPrior : public torch::autograd::Function<KlToPrior> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& mean,
                            const at::Tensor& log_variance) {
    const at::Tensor variance = log_variance.exp();
    context->save_for_backward({mean, variance});
    return 0.5 * (mean.square() + variance - log_variance - 1).sum(1);
  }

  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &mean = saved[0], &variance = saved[1];
    const at::Tensor grad = grad_out[0].unsqueeze(1), half = 0.5 * grad;
    return {grad * mean, half * variance - half};
  }
};

// With z the samples, m the means and p the precisions exp(-l) of the log
// variances l, entry (i, j) of log q_j(z_i) is
//   -1/2 sum_k [(z_ik - m_jk)^2 p_jk + l_jk],   up to d log(2 pi) / 2,
// which expands into two matrix products, and its gradients into four.
//
// Computed in double, because it is a difference of numbers as large as the
// squared distance between tight posteriors in units of their spread. So are
// the sums in the gradients.
class MixtureKl : public torch::autograd::Function<MixtureKl> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& sample,
                            const at::Tensor& mean,
                            const at::Tensor& log_variance, int64_t first) {
    const at::Tensor center = mean.mean(0, /*keepdim=*/true, at::kDouble);
    const at::Tensor z = sample - center, m = mean - center;
    const at::Tensor l = log_variance.to(at::kDouble), p = at::exp(-l);
    const at::Tensor mp = m * p, z_square = z.square();
    const at::Tensor log_density =
        at::addmm(at::addcmul(l, m, mp).sum(1), z_square, p.t(), -0.5, -0.5)
            .addmm_(z, mp.t());
    // At most 0 regardless of rounding, so the result is at most log B.
    const at::Tensor log_share = at::log_softmax(log_density, 1);
    context->save_for_backward({z, z_square, m, p, mp, log_share});
    context->saved_data["first"] = first;
    const double log_b = std::log(static_cast<double>(mean.size(0)));
    return (log_share.diagonal(first) + log_b).to(sample.scalar_type());
  }

  // Autograd converts each gradient to the type of its input.
  static variable_list backward(AutogradContext* context,
                                variable_list grad_out) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &z = saved[0], &z_square = saved[1], &m = saved[2];
    const at::Tensor &p = saved[3], &mp = saved[4], &log_share = saved[5];
    const at::Tensor grad = grad_out[0].to(at::kDouble);
    // The gradient with respect to -log q_j(z_i).
    const at::Tensor w = at::exp(log_share).mul_(grad.unsqueeze(1));
    w.diagonal(context->saved_data["first"].toInt()).sub_(grad);
    const at::Tensor sum = w.sum(0).unsqueeze(1), wz = w.t().mm(z);
    const at::Tensor of_sample = (z * w.mm(p)).addmm_(w, mp, 1, -1);
    const at::Tensor of_mean = (mp * sum).addcmul_(p, wz, -1);
    const at::Tensor of_log_variance =
        at::addcmul(sum, p, w.t().mm(z_square), -1)
            .addcmul_(mp, wz)
            .addcmul_(m, of_mean, -1)
            .mul_(0.5);
    return {of_sample, of_mean, of_log_variance, at::Tensor()};
  }
};

}  // namespace

at::Tensor kl_to_prior(const at::Tensor& mean, const at::Tensor& log_variance) {
  return KlToPrior::apply(mean, log_variance);
}

// sum_j sum_d [(mean_id - mean_jd)^2 + variance_id] / variance_jd expands into
// two matrix products. Means are centred first, because the expansion loses
// digits if they are far from 0 and close to each other.
at::Tensor pairwise_kl(const at::Tensor& mean, const at::Tensor& log_variance,
                       const BatchPart& part) {
  const double d = static_cast<double>(mean.size(1));
  const at::Tensor m = mean - mean.detach().mean(0, /*keepdim=*/true);
  const at::Tensor precision = at::exp(-log_variance);
  const at::Tensor mean_precision = precision.mean(0);
  const at::Tensor mean_weighted = (m * precision).mean(0);
  const at::Tensor mean_square = (m.square() * precision).sum(1).mean();
  const at::Tensor distance =
      part.own(m.square() + log_variance.exp()).mv(mean_precision) -
      2 * part.own(m).mv(mean_weighted) + mean_square;
  const at::Tensor log_det = log_variance.sum(1);
  return 0.5 * (distance + log_det.mean() - part.own(log_det) - d);
}

at::Tensor mixture_kl(const at::Tensor& sample, const at::Tensor& mean,
                      const at::Tensor& log_variance, const BatchPart& part) {
  return MixtureKl::apply(sample, mean, log_variance, part.first);
}

}  // namespace sailer
