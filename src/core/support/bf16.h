// Whether matrix products in bfloat16 are worth it. Torch-free.
#pragma once

#include <string>

namespace c10 {
struct Device;
}

namespace sailer {

// True on a GPU with such units (CUDA from capability 8.0 on), and when the
// processor multiplies bfloat16 matrices faster than float32 ones (AVX512-BF16,
// AMX-BF16 or Arm's BF16, switched on by the system) and LibTorch has the
// library that uses it.
bool bf16_is_fast(const c10::Device& device);

// The same for a name that choose_device() returns: "cpu", "cuda:0".
bool bf16_is_fast(const std::string& device);

// The processor's part of it.
bool cpu_has_bf16();

}  // namespace sailer
