// What a layer needs to move its own parameter at the moment when a part of its
// gradient is known, so that the gradient is never held whole.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <memory>

#include "kernels.h"

namespace sailer {

// The moments of one parameter and the coefficients of the running step. Every
// row of the parameter must be moved exactly once a step: a row without a
// gradient too, since decay and momentum move it.
struct AdamUpdate {
  at::Tensor first, second;  // the parameter's shape, contiguous
  kernels::AdamCoefficients coefficients;
  // Set to false when a number that was written is not finite; may be null.
  std::shared_ptr<std::atomic<bool>> finite;

  // Moves the values [begin, begin + n) of a parameter on the CPU, whose
  // gradients are gradient[0] ... gradient[n - 1]; null means zeros.
  template <typename T>
  void move(T* parameter, const T* gradient, int64_t begin, int64_t n) const {
    const bool good = kernels::adam_step(
        parameter + begin, gradient, first.data_ptr<T>() + begin,
        second.data_ptr<T>() + begin, n, coefficients);
    if (!good && finite != nullptr) *finite = false;
  }
};

}  // namespace sailer
