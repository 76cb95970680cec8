// Copies host memory to a device.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

namespace sailer {

// Returns an uninitialised tensor on the host, in memory that `device` can read
// directly.
inline at::Tensor empty_for_device(at::IntArrayRef shape, at::ScalarType type,
                                   const at::Device& device) {
  return at::empty(
      shape, at::TensorOptions().dtype(type).pinned_memory(device.is_cuda()));
}

// Returns the copy, without waiting for it: the source is pinned first, because
// a copy from memory that the device cannot read would wait for all earlier
// work. On the CPU, returns the tensor itself.
inline at::Tensor to_device(const at::Tensor& on_host,
                            const at::Device& device) {
  if (device.is_cpu()) return on_host;
  const bool pin = device.is_cuda() && !on_host.is_pinned();
  return (pin ? on_host.pin_memory() : on_host)
      .to(device, /*non_blocking=*/true);
}

inline at::Tensor to_device(const std::vector<int64_t>& values,
                            const at::Device& device) {
  return to_device(at::tensor(values, at::kLong), device);
}

}  // namespace sailer
