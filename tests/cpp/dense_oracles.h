// The two large layers and the divergences, computed plainly with LibTorch and
// its autograd, as references for our own computations.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/Reduction.h>

#include <cmath>
#include <vector>

#include "core/models/reconstruction.h"

namespace sailer_test {

// The rows as a dense 0/1 matrix [B, P] of the given type.
inline at::Tensor to_dense(const sailer::SparseRowsTensor& rows,
                           int64_t n_peaks, at::ScalarType type) {
  at::Tensor dense =
      at::zeros({rows.n_cells(), n_peaks}, at::TensorOptions().dtype(type));
  const int64_t* offsets = rows.offsets.data_ptr<int64_t>();
  for (int64_t i = 0; i < rows.n_cells(); ++i) {
    dense[i].index_fill_(0, rows.indices.slice(0, offsets[i], offsets[i + 1]),
                         1);
  }
  return dense;
}

// The first layer applied to a dense 0/1 matrix: see sparse_linear().
inline at::Tensor sparse_linear_dense(const at::Tensor& rows,
                                      const at::Tensor& weight,
                                      const sailer::PeakLayout& layout) {
  const std::vector<int64_t> sizes = layout.sizes();
  const std::vector<at::Tensor> x = rows.split_with_sizes(sizes, 1);
  const std::vector<at::Tensor> w = weight.split_with_sizes(sizes, 0);
  std::vector<at::Tensor> parts;
  for (size_t g = 0; g < sizes.size(); ++g) parts.push_back(x[g].mm(w[g]));
  return at::cat(parts, 1);
}

// All logits at once: see reconstruction_loss(). [B, P].
inline at::Tensor dense_logits(const at::Tensor& hidden,
                               const at::Tensor& weight, const at::Tensor& bias,
                               const sailer::PeakLayout& layout) {
  const std::vector<int64_t> sizes = layout.sizes();
  const std::vector<at::Tensor> h = hidden.split(weight.size(1), 1);
  const std::vector<at::Tensor> w = weight.split_with_sizes(sizes, 0);
  const std::vector<at::Tensor> b = bias.split_with_sizes(sizes, 0);
  std::vector<at::Tensor> parts;
  for (size_t g = 0; g < sizes.size(); ++g) {
    parts.push_back(at::addmm(b[g], h[g], w[g].t()));
  }
  return at::cat(parts, 1);
}

// The loss for a target that is a dense 0/1 matrix [B, P].
inline at::Tensor reconstruction_loss_dense(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const at::Tensor& target, const sailer::PeakLayout& layout,
    const sailer::ReconstructionOptions& options) {
  const at::Tensor logits =
      dense_logits(hidden, weight, bias, layout) + options.shift;
  const at::Tensor omega = at::full({1}, options.omega, logits.options());
  return options.scale * at::binary_cross_entropy_with_logits(
                             logits, target, /*weight=*/{},
                             /*pos_weight=*/omega, at::Reduction::Sum);
}

inline at::Tensor kl_to_prior_plain(const at::Tensor& mean,
                                    const at::Tensor& log_variance) {
  return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1);
}

// In double precision. `sample` is a part of the minibatch that starts at cell
// `first`. Holds cells x cells x dimensions values in memory.
inline at::Tensor mixture_kl_plain(const at::Tensor& sample,
                                   const at::Tensor& mean,
                                   const at::Tensor& log_variance,
                                   int64_t first = 0) {
  const at::Tensor m = mean.to(at::kDouble), l = log_variance.to(at::kDouble);
  const at::Tensor distance = sample.to(at::kDouble).unsqueeze(1) - m;
  const at::Tensor log_density =
      -0.5 * (distance.square() / l.exp() + l).sum(2);
  const double log_b = std::log(static_cast<double>(mean.size(0)));
  return log_density.diagonal(first) - at::logsumexp(log_density, 1) + log_b;
}

}  // namespace sailer_test
