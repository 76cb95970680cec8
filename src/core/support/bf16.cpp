#include "bf16.h"

#include <ATen/Context.h>
#include <c10/core/Device.h>

#include "cuda_driver.h"

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace sailer {

bool cpu_has_bf16() {
#if defined(__x86_64__) && defined(__GNUC__)
  // False if the operating system does not save these registers when it
  // switches tasks. Processors with AMX-BF16 have AVX512-BF16 too.
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") != 0;
#elif defined(__aarch64__) && defined(__linux__)
  constexpr unsigned long kBf16 = 1ul << 14;  // HWCAP2_BF16
  return (getauxval(AT_HWCAP2) & kBf16) != 0;
#elif defined(__aarch64__) && defined(__APPLE__)
  const char* name = "hw.optional.arm.FEAT_BF16";
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value == 1;
#else
  return false;
#endif
}

bool bf16_is_fast(const c10::Device& device) {
  // Tensor cores for bfloat16 came with capability 8.0.
  if (device.is_cuda()) return cuda_capability(device) >= 80;
  // LibTorch multiplies bfloat16 matrices on the CPU through oneDNN or, without
  // it, one number at a time.
  return device.is_cpu() && at::hasMKLDNN() && cpu_has_bf16();
}

bool bf16_is_fast(const std::string& device) {
  return bf16_is_fast(c10::Device(device));
}

}  // namespace sailer
