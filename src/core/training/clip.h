// Clipping of gradients by their norm.
#pragma once

#include <vector>

#include "../support/parameters.h"

namespace sailer {

// Scales the gradients of all parameters by one factor, at most 1, so that the
// L2 norm of all together is at most `norm`, as PyTorch's clip_grad_norm_()
// does; 0 never does. Parameters without a gradient are left out. Does not wait
// for a device.
void clip_gradients(const std::vector<NamedTensor>& parameters, double norm);

}  // namespace sailer
