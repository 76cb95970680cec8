// What a layer needs to update its own parameter as soon as a part of the
// gradient is known, so that the whole gradient is never held in memory.
#pragma once

#include <torch/types.h>

#include <atomic>
#include <memory>

#include "kernels.h"

namespace sailer {

// The moments of one parameter and the coefficients of the current step. Every
// row of the parameter must be updated exactly once per step, including rows
// without a gradient, because decay and momentum change those too.
struct AdamUpdate {
  at::Tensor first, second;  // the parameter's shape, contiguous
  kernels::AdamCoefficients coefficients;
  // Set to false if a value that was written is not finite; may be null.
  std::shared_ptr<std::atomic<bool>> finite;

  // Updates the values [begin, begin + n) of a parameter on the CPU. Their
  // gradients are gradient[0] ... gradient[n - 1]; null means all zeros.
  template <typename T>
  void move(T* parameter, const T* gradient, int64_t begin, int64_t n) const {
    const bool good = kernels::adam_step(
        parameter + begin, gradient, first.data_ptr<T>() + begin,
        second.data_ptr<T>() + begin, n, coefficients);
    if (!good && finite != nullptr) *finite = false;
  }
};

}  // namespace sailer
