// The reconstruction loss by tensor operations: what runs elsewhere than on the
// CPU, and on the CPU in tests.
#pragma once

#include <torch/types.h>

#include "loss_and_gradients.h"
#include "reconstruction.h"

namespace sailer {

// As reconstruction_loss(), the gradients too if `with_gradient`.
//
// No value is fetched from the device unless the cells must be taken in several
// chunks (options.max_values) and options.host_offsets is null.
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
LossAndGradients loss_and_gradients_on_device(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient);

}  // namespace sailer
