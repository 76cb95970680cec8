#include "cuda_capability.h"

#include <c10/core/Device.h>

#include <algorithm>

#ifdef __linux__
#include <dlfcn.h>
#endif

namespace sailer {
namespace {

#ifdef __linux__

// Of the driver's interface, whose numbers and names never change.
constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76;
using Init = int (*)(unsigned int);
using DeviceGet = int (*)(int*, int);
using GetAttribute = int (*)(int*, int, int);

template <typename F>
F find(void* library, const char* name) {
  return reinterpret_cast<F>(dlsym(library, name));
}

int ask_driver(int index) {
  // Left open: LibTorch uses the same library as long as the process lives.
  static void* const driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (driver == nullptr) return 0;
  const auto init = find<Init>(driver, "cuInit");
  const auto device_get = find<DeviceGet>(driver, "cuDeviceGet");
  const auto get_attribute = find<GetAttribute>(driver, "cuDeviceGetAttribute");
  if (init == nullptr || device_get == nullptr || get_attribute == nullptr) {
    return 0;
  }
  int device = 0, major = 0, minor = 0;
  // The driver counts devices as LibTorch does: CUDA_VISIBLE_DEVICES holds for
  // both.
  const bool known = init(0) == 0 && device_get(&device, index) == 0 &&
                     get_attribute(&major, kCapabilityMajor, device) == 0 &&
                     get_attribute(&minor, kCapabilityMinor, device) == 0;
  return known ? major * 10 + minor : 0;
}

#else

int ask_driver(int) { return 0; }

#endif

}  // namespace

int cuda_capability(const at::Device& device) {
  if (!device.is_cuda()) return 0;
  return ask_driver(std::max<int>(0, device.index()));
}

bool bf16_is_fast_on_cuda(const at::Device& device) {
  return cuda_capability(device) >= 80;
}

}  // namespace sailer
