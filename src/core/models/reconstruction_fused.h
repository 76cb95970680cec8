// The reconstruction loss on the CPU: logits, loss and gradients of one tile of
// peaks at a time, while it lies in the cache.
#pragma once

#include <torch/types.h>

#include "loss_and_gradients.h"
#include "reconstruction.h"

namespace sailer {

// As reconstruction_loss(), the gradients too if `with_gradient`; with
// `updates` weight and bias are moved and have no gradient.
//
// A tile goes through memory once: weight and, with updates, moments are read
// and written while its logits stay. Next to them, what is held is B x n values
// and n rows of the weight, for n peaks of a tile.
LossAndGradients loss_and_gradients_fused(
    const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
    const SparseRowsTensor& target, const PeakLayout& layout,
    const ReconstructionOptions& options, bool with_gradient,
    const OutputUpdates* updates);

}  // namespace sailer
