// What a layer needs to move its own parameter at the moment when a part of its
// gradient is known, so that the gradient is never held whole.
#pragma once

#include <torch/types.h>

#include "kernels.h"

namespace sailer {

// The moments of one parameter and the coefficients of the running step. Every
// row of the parameter must be moved exactly once a step: a row without a
// gradient too, since decay and momentum move it.
struct AdamUpdate {
  at::Tensor first, second;  // the parameter's shape, contiguous
  kernels::AdamCoefficients coefficients;
};

}  // namespace sailer
