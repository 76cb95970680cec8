// Which of the vector instruction sets that kernels are compiled for the
// processor supports. `configure` copies this file for its test program.
#pragma once

namespace sailer {

enum class InstructionSet { kPlain, kAvx2, kAvx512 };

inline InstructionSet instruction_set() {
#if defined(__x86_64__)
  static const InstructionSet best = [] {
    __builtin_cpu_init();
    const bool avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq");
    return !avx2    ? InstructionSet::kPlain
           : avx512 ? InstructionSet::kAvx512
                    : InstructionSet::kAvx2;
  }();
  return best;
#else
  return InstructionSet::kPlain;
#endif
}

}  // namespace sailer
