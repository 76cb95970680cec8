#include "bf16.h"

#include <ATen/Context.h>
#include <c10/core/Device.h>

#include <cstddef>
#include <cstdint>

#include "cuda_driver.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace sailer {

#if defined(__x86_64__) && defined(__GNUC__)

namespace {

// Register states that the system saves when it switches tasks: without that a
// processor's instructions must not be used. Of Intel's manual, volume 1, 13.
constexpr uint32_t kAvx512States = 0xe6;  // SSE, AVX, masks, both halves of ZMM
constexpr uint32_t kAmxStates = 0x60000;  // tiles' configuration and data

uint32_t saved_states() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

}  // namespace

bool cpu_has_bf16() {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  constexpr uint32_t kSavesStates = 1u << 27;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & kSavesStates) == 0) return false;
  const uint32_t states = saved_states();
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const uint32_t last_page = a;
  const bool amx = (d & (1u << 22)) != 0;
  if (amx && (states & kAmxStates) == kAmxStates) return true;
  if (last_page < 1 || !__get_cpuid_count(7, 1, &a, &b, &c, &d)) return false;
  const bool avx512 = (a & (1u << 5)) != 0;
  return avx512 && (states & kAvx512States) == kAvx512States;
}

#elif defined(__aarch64__) && defined(__linux__)

bool cpu_has_bf16() {
  constexpr unsigned long kBf16 = 1ul << 14;  // HWCAP2_BF16
  return (getauxval(AT_HWCAP2) & kBf16) != 0;
}

#elif defined(__aarch64__) && defined(__APPLE__)

bool cpu_has_bf16() {
  int value = 0;
  size_t size = sizeof value;
  return sysctlbyname("hw.optional.arm.FEAT_BF16", &value, &size, nullptr, 0) ==
             0 &&
         value == 1;
}

#else

bool cpu_has_bf16() { return false; }

#endif

bool bf16_is_fast(const c10::Device& device) {
  if (device.is_cuda()) return bf16_is_fast_on_cuda(device);
  // LibTorch multiplies bfloat16 matrices on the CPU through oneDNN or, without
  // it, one number after the other.
  return device.is_cpu() && at::hasMKLDNN() && cpu_has_bf16();
}

bool bf16_is_fast(const std::string& device) {
  return bf16_is_fast(c10::Device(device));
}

}  // namespace sailer
