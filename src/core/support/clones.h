// How an inner loop is compiled once per instruction set and the best of them
// chosen at run time: for the kernels' sources alone.
//
// By what the processor can do, not by which one it is: GCC's own
// target_clones("arch=haswell") runs on a Haswell and on nothing else.
#pragma once

#define SAILER_INLINE inline __attribute__((always_inline))

#if defined(__x86_64__)

namespace sailer {
namespace kernels {

enum class InstructionSet { kPlain, kAvx2, kAvx512 };

inline InstructionSet detect_instruction_set() {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    return InstructionSet::kPlain;
  }
  return __builtin_cpu_supports("avx512f") &&
                 __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq")
             ? InstructionSet::kAvx512
             : InstructionSet::kAvx2;
}

inline InstructionSet instruction_set() {
  static const InstructionSet best = detect_instruction_set();
  return best;
}

}  // namespace kernels
}  // namespace sailer

// Defines `result name parameters { return body; }`, all versions of it.
// `arguments` are the parameters' names; both lists stand in parentheses.
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
