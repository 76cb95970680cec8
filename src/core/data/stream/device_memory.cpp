#include "device_memory.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <dlfcn.h>

#include <cstddef>

namespace sailer {

namespace {

// Of the driver, which is loaded wherever LibTorch has a GPU to use.
using MemGetInfo = int (*)(size_t* free_bytes, size_t* total_bytes);

MemGetInfo find_mem_get_info() {
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (driver == nullptr) return nullptr;
  return reinterpret_cast<MemGetInfo>(dlsym(driver, "cuMemGetInfo_v2"));
}

}  // namespace

int64_t free_device_bytes(const c10::Device& device) {
  if (!device.is_cuda()) return 0;
  const c10::DeviceGuard guard(device);
  // Makes the device's context the one of this thread.
  const at::Tensor touch =
      at::zeros({1}, at::TensorOptions().dtype(at::kByte).device(device));
  const MemGetInfo mem_get_info = find_mem_get_info();
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  if (mem_get_info == nullptr || mem_get_info(&free_bytes, &total_bytes) != 0) {
    return 0;
  }
  return static_cast<int64_t>(free_bytes);
}

}  // namespace sailer
