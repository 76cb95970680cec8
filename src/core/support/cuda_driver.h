// What a CUDA device can do, asked of its driver at run time: nothing of CUDA
// is needed to build this.
#pragma once

#include <c10/core/Device.h>

namespace sailer {

// Compute capability, major * 10 + minor (80 for an A100, 90 for an H100), or 0
// if `device` is no CUDA device or there is no driver.
int cuda_capability(const at::Device& device);

// True when matrix products in bf16 run in tensor cores: from 8.0 on.
bool bf16_is_fast_on_cuda(const at::Device& device);

}  // namespace sailer
