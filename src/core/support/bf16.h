// Whether matrix products in bfloat16 are worthwhile. Torch-free.
#pragma once

#include <string>

namespace c10 {
struct Device;
}

namespace sailer {

// True on a GPU with bfloat16 units (CUDA capability 8.0 or higher), and on a
// processor that multiplies bfloat16 matrices faster than float32 ones
// (AVX512-BF16, AMX-BF16 or Arm's BF16, enabled by the operating system) if
// LibTorch has the library that uses it.
bool bf16_is_fast(const c10::Device& device);

// The same for a name that choose_device() returns: "cpu", "cuda:0".
bool bf16_is_fast(const std::string& device);

// True if the processor has such instructions.
bool cpu_has_bf16();

}  // namespace sailer
