#include "cuda_driver.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <cstddef>

#ifdef __linux__
#include <dlfcn.h>
#endif

namespace sailer {
namespace {

// Part of the driver's interface, whose numbers and names never change.
constexpr int kNoGpu = 100;

#ifdef __linux__

constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;
using Init = int (*)(unsigned int);
using DriverGetVersion = int (*)(int*);
using DeviceGet = int (*)(int*, int);
using GetAttribute = int (*)(int*, int, int);
using MemGetInfo = int (*)(size_t*, size_t*);

// Never closed: LibTorch uses the same library for as long as the process
// lives.
void* driver_library() {
  static void* const library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  return library;
}

template <typename F>
F find(const char* name) {
  void* const library = driver_library();
  return library == nullptr ? nullptr
                            : reinterpret_cast<F>(dlsym(library, name));
}

int ask_capability(int index) {
  const auto init = find<Init>("cuInit");
  const auto device_get = find<DeviceGet>("cuDeviceGet");
  const auto get_attribute = find<GetAttribute>("cuDeviceGetAttribute");
  if (init == nullptr || device_get == nullptr || get_attribute == nullptr) {
    return 0;
  }
  int device = 0, major = 0, minor = 0;
  // The driver numbers devices as LibTorch does, because CUDA_VISIBLE_DEVICES
  // applies to both.
  const bool known = init(0) == 0 && device_get(&device, index) == 0 &&
                     get_attribute(&major, kCapabilityMajor, device) == 0 &&
                     get_attribute(&minor, kCapabilityMinor, device) == 0;
  return known ? major * 10 + minor : 0;
}

// For the device whose context is current in this thread.
int64_t ask_free_bytes() {
  const auto mem_get_info = find<MemGetInfo>("cuMemGetInfo_v2");
  size_t free_bytes = 0, total_bytes = 0;
  const bool known =
      mem_get_info != nullptr && mem_get_info(&free_bytes, &total_bytes) == 0;
  return known ? static_cast<int64_t>(free_bytes) : 0;
}

#else

int ask_capability(int) { return 0; }

int64_t ask_free_bytes() { return 0; }

#endif

}  // namespace

#ifdef __linux__
CudaDriver find_cuda_driver() {
  CudaDriver driver;
  const auto init = find<Init>("cuInit");
  const auto get_version = find<DriverGetVersion>("cuDriverGetVersion");
  if (init == nullptr || get_version == nullptr) return driver;
  driver.found = true;
  driver.status = init(0);
  get_version(&driver.version);
  return driver;
}
#else
CudaDriver find_cuda_driver() { return {}; }
#endif

int cuda_capability(const at::Device& device) {
  if (!device.is_cuda()) return 0;
  return ask_capability(std::max<int>(0, device.index()));
}

int64_t free_device_bytes(const at::Device& device) {
  if (!device.is_cuda()) return 0;
  const c10::DeviceGuard guard(device);
  // Makes the device's context current in this thread.
  const at::Tensor touch =
      at::zeros({1}, at::TensorOptions().dtype(at::kByte).device(device));
  return ask_free_bytes();
}

std::string why_no_cuda_gpu(const CudaDriver& driver, const char* visible) {
  if (!driver.found) {
    return "there is no NVIDIA driver here (libcuda.so.1). Install it; a "
           "container must be given the GPUs when it is started.";
  }
  const std::string given = visible == nullptr ? "" : visible;
  if (visible != nullptr && (given.empty() || given[0] == '-')) {
    return "CUDA_VISIBLE_DEVICES is \"" + given +
           "\", which hides every GPU. Unset it before R is started.";
  }
  if (driver.status == kNoGpu) {
    return "the NVIDIA driver sees no GPU" +
           (visible == nullptr
                ? std::string()
                : " of CUDA_VISIBLE_DEVICES, which is \"" + given + "\"") +
           ". See whether `nvidia-smi` lists one.";
  }
  if (driver.status != 0) {
    return "the NVIDIA driver fails with error " +
           std::to_string(driver.status) +
           ". See what `nvidia-smi` says; the machine may have to be restarted "
           "after the driver was changed.";
  }
  return "the NVIDIA driver supports CUDA only up to " +
         std::to_string(driver.version / 1000) + "." +
         std::to_string(driver.version % 1000 / 10) +
         ", which may be too old. Install a newer driver.";
}

}  // namespace sailer
