// How much memory a GPU has left, without CUDA's headers.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace sailer {

// Bytes that are free on `device`; 0 where that cannot be learned (on the CPU,
// or without NVIDIA's driver).
int64_t free_device_bytes(const c10::Device& device);

}  // namespace sailer
