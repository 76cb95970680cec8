#include "divergence.h"

#include <ATen/ATen.h>

#include <cmath>

namespace sailer {

at::Tensor kl_to_prior(const at::Tensor& mean, const at::Tensor& log_variance) {
  return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1);
}

// sum_j sum_d [(mean_id - mean_jd)^2 + variance_id] / variance_jd expands into
// two matrix products. Means are taken around their average first: the
// expansion loses digits when they are far from 0 and close to each other.
at::Tensor pairwise_kl(const at::Tensor& mean, const at::Tensor& log_variance) {
  const double d = static_cast<double>(mean.size(1));
  const at::Tensor m = mean - mean.detach().mean(0, /*keepdim=*/true);
  const at::Tensor precision = at::exp(-log_variance);
  const at::Tensor mean_precision = precision.mean(0);
  const at::Tensor mean_weighted = (m * precision).mean(0);
  const at::Tensor mean_square = (m.square() * precision).sum(1).mean();
  const at::Tensor distance =
      (m.square() + log_variance.exp()).mv(mean_precision) -
      2 * m.mv(mean_weighted) + mean_square;
  const at::Tensor log_det = log_variance.sum(1);
  return 0.5 * (distance + log_det.mean() - log_det - d);
}

at::Tensor mixture_kl(const at::Tensor& sample, const at::Tensor& mean,
                      const at::Tensor& log_variance) {
  const at::Tensor center = mean.detach().mean(0, /*keepdim=*/true);
  const at::Tensor z = sample - center;
  const at::Tensor m = mean - center;
  const at::Tensor precision = at::exp(-log_variance);
  const at::Tensor log_det = log_variance.sum(1);
  // Entry (i, j) is -2 log q_j(z_i), up to d log 2 pi.
  const at::Tensor energy =
      z.square().mm(precision.t()) - 2 * z.mm((m * precision).t()) +
      ((m.square() * precision).sum(1) + log_det).unsqueeze(0);
  const at::Tensor own = ((z - m).square() * precision).sum(1) + log_det;
  const double log_b = std::log(static_cast<double>(mean.size(0)));
  return -0.5 * own - at::logsumexp(-0.5 * energy, 1) + log_b;
}

}  // namespace sailer
