// Which BLAS carries LibTorch's matrix products.
//
// A LibTorch of the distribution takes whatever `libblas.so.3` is, and the
// reference BLAS is some twenty times slower than OpenBLAS: worth a loud
// warning. So is an OpenBLAS that is older than the processor: it takes that
// for one of 2004, and is several times slower than it could be. `configure`
// compiles this file into its proof program as well.
#pragma once

#include <string>

#include "instruction_set.h"

namespace sailer {

struct BlasInfo {
  std::string name;        // "OpenBLAS 0.3.21 ...", "Intel MKL", "unknown"
  std::string path;        // of the library; empty when inside LibTorch
  bool reference = false;  // true for the slow reference implementation
  std::string kernels{};   // of which processor OpenBLAS's are; else empty
  std::string better{};    // of which they could be; empty: they are right
};

BlasInfo find_blas();

// The OPENBLAS_CORETYPE of kernels that use what the processor has, where those
// that OpenBLAS chose do not; else empty.
std::string better_kernels(const std::string& chosen, InstructionSet best);

}  // namespace sailer
