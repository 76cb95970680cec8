// A loss whose gradients are made together with it.
#pragma once

#include <torch/types.h>

namespace sailer {

struct LossAndGradients {
  at::Tensor loss;                  // a scalar
  at::Tensor hidden, weight, bias;  // gradients; undefined if not made
};

}  // namespace sailer
