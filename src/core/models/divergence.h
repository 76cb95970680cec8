// The divergences of eq. 2.5 between diagonal Gaussians q_i = N(mean_i,
// exp(log_variance_i)), in closed form or estimated at a sample.
//
// All take [B, d] tensors and return [B], one value per cell; all are
// differentiable and cost at most O(B^2 d), by matrix products. For a part of a
// minibatch, divergences from the aggregate posterior take the means and log
// variances of all cells (gather_rows()) and return values of the part's cells.
#pragma once

#include <torch/types.h>

#include "batch_part.h"

namespace sailer {

// KL(q_i || N(0, I)).
at::Tensor kl_to_prior(const at::Tensor& mean, const at::Tensor& log_variance);

// M_i = (1 / B) sum_j KL(q_i || q_j): the thesis' upper bound on the divergence
// between q_i and the aggregate posterior (2.2.1).
at::Tensor pairwise_kl(const at::Tensor& mean, const at::Tensor& log_variance,
                       const BatchPart& part = {});

// log q_i(z_i) - log (1 / B) sum_j q_j(z_i): the divergence itself, estimated
// at the samples z_i ~ q_i of the part's cells by log-sum-exp; at most log B.
at::Tensor mixture_kl(const at::Tensor& sample, const at::Tensor& mean,
                      const at::Tensor& log_variance,
                      const BatchPart& part = {});

}  // namespace sailer
