// The last layer and the likelihood in one: logits, weighted binary
// cross-entropy and its gradients, tile by tile over the peaks, so that
// B x P values are never held at once.
#pragma once

#include <torch/types.h>

#include <vector>

#include "../data/stream/sparse_batch.h"
#include "../support/adam_update.h"
#include "compute_options.h"
#include "peak_layout.h"

namespace sailer {

struct ReconstructionOptions {
  double omega = 1;  // weight of the open peaks
  double scale = 1;  // factor on the loss and so on its gradients
  double shift = 0;  // added to every logit (-log omega calibrates)
  // Compute with tensor operations, as on a GPU, on the CPU too: for tests.
  bool tensor_operations = false;
  // Of the matrix products; loss and gradients come in hidden's type.
  Precision precision = Precision::kFloat32;
  // The loss enters what is differentiated as a plain summand: then nobody
  // need multiply its gradients by 1, which on a device costs two passes over
  // the weight.
  bool factor_is_one = false;
  // The closed peaks are estimated from these alone (reconstruction_sampled.h).
  const std::vector<int64_t>* sampled_peaks = nullptr;

  // For devices alone. Where each cell's entries begin [B + 1], on the host:
  // spares a wait for the device.
  const std::vector<int64_t>* host_offsets = nullptr;
  // Values of cells x peaks held at once there, at least one cell's.
  int64_t max_values = int64_t{1} << 27;
};

// Of the last layer's parameters, which then are moved in the same pass.
struct OutputUpdates {
  AdamUpdate weight, bias;
};

// scale * sum over cells and peaks of
//   -[omega x log sigmoid(a) + (1 - x) log(1 - sigmoid(a))],
//   a[i, p] = hidden[i, group of p] . weight[p] + bias[p] + shift
//
// computed from logits, finite for any finite logit. With softplus s(a) this is
//   sum over all (i, p) of s(a)  +  sum over open (i, p) of
//   (omega - 1) s(a) - omega a,
// so the second sum runs over the non-zeros only.
//
//   hidden  [B, groups * w]     weight  [P, w]     bias  [P]
//
// Differentiable with respect to hidden, weight and bias; the gradients are
// made in the same pass as the loss when any of them requires one.
//
// With `updates` that pass moves weight and bias too, tile by tile as soon as
// nothing needs a tile's old values, and they get no gradient: on the CPU
// alone, where it is the same to the bit. The loss must then enter what is
// differentiated as a plain summand. Throws Error(kNumeric) at the first tile
// whose loss is not finite: that tile is not moved, those before it are.
at::Tensor reconstruction_loss(const at::Tensor& hidden,
                               const at::Tensor& weight, const at::Tensor& bias,
                               const SparseRowsTensor& target,
                               const PeakLayout& layout,
                               const ReconstructionOptions& options,
                               const OutputUpdates* updates = nullptr);

// The same from the target as a dense 0/1 matrix [B, P], by all logits at once
// and LibTorch's own loss and autograd: the oracle of the tests and the
// baseline of the benchmarks.
at::Tensor reconstruction_loss_dense(const at::Tensor& hidden,
                                     const at::Tensor& weight,
                                     const at::Tensor& bias,
                                     const at::Tensor& target,
                                     const PeakLayout& layout,
                                     const ReconstructionOptions& options);

// Logits of the peaks [first, last) of one group, [B, last - first].
at::Tensor tile_logits(const at::Tensor& hidden, const at::Tensor& weight,
                       const at::Tensor& bias, const PeakLayout& layout,
                       int64_t group, int64_t first, int64_t last);

}  // namespace sailer
