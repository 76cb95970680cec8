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

// In double: log q_i(z_i) is a difference of numbers as large as the squared
// distance between tight posteriors in units of their spread. The own term is
// read from the sum that it is part of, so that the result has its bound
// whatever is rounded.
at::Tensor mixture_kl(const at::Tensor& sample, const at::Tensor& mean,
                      const at::Tensor& log_variance, const BatchPart& part) {
  const at::Tensor center = mean.detach().mean(0, /*keepdim=*/true);
  const at::Tensor z = (sample - center).to(at::kDouble);
  const at::Tensor m = (mean - center).to(at::kDouble);
  const at::Tensor variance_logs = log_variance.to(at::kDouble);
  const at::Tensor precision = at::exp(-variance_logs);
  // Entry (i, j) is log q_j(z_i), up to d log 2 pi / 2.
  const at::Tensor log_density =
      -0.5 *
      (z.square().mm(precision.t()) - 2 * z.mm((m * precision).t()) +
       ((m.square() * precision).sum(1) + variance_logs.sum(1)).unsqueeze(0));
  const double log_b = std::log(static_cast<double>(mean.size(0)));
  return (log_density.diagonal(part.first) - at::logsumexp(log_density, 1) +
          log_b)
      .to(sample.scalar_type());
}

}  // namespace sailer
