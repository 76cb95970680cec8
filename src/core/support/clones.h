// For sources of inner loops: include it last. Compiles everything after it
// with vector instructions, and functions marked SAILER_CLONES once per
// instruction set, chosen by the loader at run time.
#pragma once

// A select keeps a loop scalar unless traps may be ignored; no loop here reads
// the floating-point flags, and infinities and NaN keep their meaning.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3", "no-trapping-math")
#endif

// Function clones need the loader's help (ifunc), which Linux on x86-64 has.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && \
    defined(__gnu_linux__)
#define SAILER_CLONES \
  __attribute__((     \
      target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#define SAILER_INLINE inline __attribute__((always_inline))
#else
#define SAILER_CLONES
#define SAILER_INLINE inline
#endif
