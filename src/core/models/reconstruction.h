// The last layer and the likelihood in one: logits, weighted binary
// cross-entropy and its gradients. They are computed in tiles of peaks on the
// CPU and in chunks of cells elsewhere, to limit how many of the B x P values
// are held at once.
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
  double scale = 1;  // factor on the loss, and so on its gradients
  double shift = 0;  // added to every logit (-log omega calibrates)
  // Whether to use tensor operations on the CPU too, as on a GPU: for tests.
  bool tensor_operations = false;
  // Applies to the matrix products; loss and gradients have hidden's type.
  Precision precision = Precision::kFloat32;
  // Set if the loss enters the differentiated total as a plain summand. Its
  // gradients are then not multiplied by 1, which on a device would cost two
  // passes over the weight.
  bool factor_is_one = false;

  // For tensor operations only. The offsets of each cell's entries [B + 1] on
  // the host, which saves a wait for the device.
  const std::vector<int64_t>* host_offsets = nullptr;
  // Likewise: maximum cells x peaks values held at once, at least one cell's.
  int64_t max_values = int64_t{1} << 27;
};

// Updates of the last layer's parameters, which are applied in the same pass.
struct OutputUpdates {
  AdamUpdate weight, bias;
};

// Returns scale * sum over cells and peaks of
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
// computed in the same pass as the loss if any of them requires one.
//
// With `updates`, that pass also updates weight and bias, tile by tile as soon
// as a tile's old values are no longer needed, and they get no gradient. This
// works on the CPU only and gives the same bits as a separate update. The loss
// must then enter the differentiated total as a plain summand. Throws
// Error(kNumeric) at the first tile whose loss is not finite: earlier tiles are
// already updated, this one is not.
at::Tensor reconstruction_loss(const at::Tensor& hidden,
                               const at::Tensor& weight, const at::Tensor& bias,
                               const SparseRowsTensor& target,
                               const PeakLayout& layout,
                               const ReconstructionOptions& options,
                               const OutputUpdates* updates = nullptr);

// The loss with its gradients, which are undefined if not computed.
struct LossAndGradients {
  at::Tensor loss;  // a scalar
  at::Tensor hidden, weight, bias;
};

// The two implementations; gradients are computed if `with_gradient`.
//
// On the CPU: computes logits, loss and gradients of one tile of peaks at a
// time, while it is in the cache. A tile passes through memory once: its
// weights and, with updates, moments are read and written while its logits stay
// cached. Extra memory for tiles of n peaks: B x n values and n weight rows.
LossAndGradients reconstruct_by_kernel(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient,
    const OutputUpdates* updates);

// By tensor operations: used on other devices, and on the CPU in tests. No
// value is fetched from the device unless the cells must be split into several
// chunks (options.max_values) and options.host_offsets is null or empty.
//
// Memory traffic in bytes per value of cells x peaks, float32:
//   product written                          4  (12 with several groups)
//   log sigmoid in place                     8
//   its sum read                             4
//   exp - 1 in place                         8
//   read by the two gradient products        8
//   read by the sum over cells               4
//                                           36  (44)
// bf16 halves the traffic of the three products: 32 in all; the main gain is in
// the arithmetic. At small minibatches, passes over the weight cost as much: 3
// times its size here (7 with several groups), and 7 in Adam. The number of
// operations does not depend on the number of groups.
//
// Equal input gives equal bits: no operation here sums in an order that depends
// on timing.
LossAndGradients reconstruct_by_tensors(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient);

}  // namespace sailer
