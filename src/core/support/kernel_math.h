// Building blocks of the kernels' sources.
//
// Each inner loop is compiled once per instruction set, and the best version is
// chosen at run time by what the processor supports, not by its model: GCC's
// own target_clones("arch=haswell") runs on a Haswell and on nothing else.
#pragma once

#include <cstdint>
#include <cstring>

#include "instruction_set.h"

#define SAILER_INLINE inline __attribute__((always_inline))

#if defined(__x86_64__)

// Defines all versions of `result name parameters { return body; }`.
// `arguments` are the names of the parameters; both lists are in parentheses.
#define SAILER_CLONES(result, name, parameters, arguments, body)         \
  __attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))) \
  result name##_avx512 parameters {                                      \
    return body;                                                         \
  }                                                                      \
  __attribute__((target("avx2,fma"))) result name##_avx2 parameters {    \
    return body;                                                         \
  }                                                                      \
  result name##_plain parameters { return body; }                        \
  result name parameters {                                               \
    switch (instruction_set()) {                                         \
      case InstructionSet::kAvx512:                                      \
        return name##_avx512 arguments;                                  \
      case InstructionSet::kAvx2:                                        \
        return name##_avx2 arguments;                                    \
      case InstructionSet::kPlain:                                       \
        break;                                                           \
    }                                                                    \
    return name##_plain arguments;                                       \
  }

#else

#define SAILER_CLONES(result, name, parameters, arguments, body) \
  result name parameters { return body; }

#endif

// Elementary functions for inner loops: no calls and no branches, so that a
// compiler can vectorise a loop around them.
namespace sailer {
namespace kernels {

// exp(x) for x <= 0, as in Cephes: x = n log 2 + r, a polynomial in r.
SAILER_INLINE float exp_of_negative(float x) {
  x = x < -87.0f ? -87.0f : x;
  const float shifted = x * 1.44269504088896341f + 12582912.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  const float n = shifted - 12582912.0f;
  const float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float y = 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.0f;
  // The low bits of `shifted` hold n, which becomes the exponent of 2^n.
  const int32_t power = static_cast<int32_t>(
      (static_cast<uint32_t>(bits) - 0x4B400000u + 127u) << 23);
  float scale;
  std::memcpy(&scale, &power, sizeof scale);
  return y * scale;
}

// Prefetches the cache lines of a row, for rows that are far apart in memory.
template <typename T>
SAILER_INLINE void fetch(const T* row, int64_t width) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t u = 0; u < width; u += kLine) __builtin_prefetch(row + u);
}

}  // namespace kernels
}  // namespace sailer
