// Which BLAS computes LibTorch's matrix products.
//
// A LibTorch from a Linux distribution uses whatever `libblas.so.3` is, and the
// reference BLAS is some twenty times slower than OpenBLAS: worth a loud
// warning. So is an OpenBLAS that is older than the processor: it takes the
// processor for one of 2004 and is several times slower than it could be.
// `configure` also compiles this file into its test program.
#pragma once

#include <string>

#include "instruction_set.h"

namespace sailer {

struct BlasInfo {
  std::string name;        // "OpenBLAS 0.3.21 ...", "Intel MKL", "unknown"
  std::string path;        // of the library; empty if it is inside LibTorch
  bool reference = false;  // true for the slow reference implementation
  std::string kernels{};   // the processor of OpenBLAS's kernels; else empty
  std::string better{};    // a better choice of kernels; empty: none needed
};

BlasInfo find_blas();

// Returns the OPENBLAS_CORETYPE of kernels that use what the processor has, if
// the ones that OpenBLAS chose do not; else an empty string.
std::string better_kernels(const std::string& chosen, InstructionSet best);

}  // namespace sailer
