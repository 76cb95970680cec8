// An unbiased estimate of the reconstruction loss that costs a fraction of it:
// the open peaks in full, the closed ones from a random part of the peaks.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "loss_and_gradients.h"
#include "reconstruction.h"

namespace sailer {

// max(1, round(share * n_peaks)) peaks, increasing: every set of that size is
// equally likely. The same for the same seed on every platform.
std::vector<int64_t> sample_peaks(int64_t n_peaks, double share, uint64_t seed);

// scale * [ sum over open (i, p) of             omega * softplus(-a[i, p])
//         + sum over closed (i, p), p in S, of  P / |S| * softplus(a[i, p]) ]
//
// with a and the tensors as in reconstruction_loss(), and S the peaks that
// options.sampled_peaks names (increasing, none twice). Its mean over S drawn
// by sample_peaks() is the exact loss, and so for its gradients; with all peaks
// it is the exact loss. Called through reconstruction_loss().
//
// `updates` as there. On the CPU options.precision has no effect: little of the
// work is matrix products.
//
// Equal bits on the CPU whatever the number of threads, if the BLAS keeps that.
LossAndGradients loss_and_gradients_sampled(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient,
    const OutputUpdates* updates);

// The same by tensor operations. Per entry it moves some eight rows of the
// weight, so that on a GPU it beats the exact loss only on very sparse data.
LossAndGradients loss_and_gradients_sampled_on_device(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient);

// The layout of the sampled peaks among themselves: groups keep their order and
// may be empty.
PeakLayout layout_of_sample(const std::vector<int64_t>& peaks,
                            const PeakLayout& layout);

}  // namespace sailer
