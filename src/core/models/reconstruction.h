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
  // Compute by tensor operations, as on a GPU, on the CPU too: for tests.
  bool tensor_operations = false;
  // Of the matrix products; loss and gradients come in hidden's type.
  Precision precision = Precision::kFloat32;
  // The loss enters what is differentiated as a plain summand: then nobody
  // need multiply its gradients by 1, which on a device costs two passes over
  // the weight.
  bool factor_is_one = false;

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

// The loss with its gradients, which are undefined if not made.
struct LossAndGradients {
  at::Tensor loss;  // a scalar
  at::Tensor hidden, weight, bias;
};

// The two computations behind it; the gradients are made if `with_gradient`.
//
// On the CPU: logits, loss and gradients of one tile of peaks at a time, while
// it lies in the cache. A tile goes through memory once: weight and, with
// updates, moments are read and written while its logits stay. Next to them,
// what is held is B x n values and n rows of the weight, for n peaks of a tile.
LossAndGradients reconstruct_by_kernel(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient,
    const OutputUpdates* updates);

// By tensor operations: what runs elsewhere than on the CPU, and on the CPU in
// tests. No value is fetched from the device unless the cells must be taken in
// several chunks (options.max_values) and options.host_offsets is null.
//
// Memory traffic in bytes per value of cells x peaks, float32:
//   product written                          4  (12 with several groups)
//   log sigmoid in place                     8
//   its sum read                             4
//   exp - 1 in place                         8
//   read by the two gradient products        8
//   read by the sum over cells               4
//                                           36  (44)
// bf16 halves what the three products move: 32 in all, the gain being in the
// arithmetic. What passes over the weight costs as much at small minibatches:
// 3 times its size here (7 with several groups), and 7 in Adam. The number of
// operations does not depend on that of groups.
//
// Equal input gives equal bits: no operation here adds in an order that
// depends on timing.
LossAndGradients reconstruct_by_tensors(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient);

}  // namespace sailer
