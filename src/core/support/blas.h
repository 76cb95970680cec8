// Which BLAS carries LibTorch's matrix products.
//
// A LibTorch of the distribution takes whatever `libblas.so.3` is, and the
// reference BLAS is some twenty times slower than OpenBLAS: worth a loud
// warning. `configure` compiles this file into its proof program as well.
#pragma once

#include <string>

namespace sailer {

struct BlasInfo {
  std::string name;        // "OpenBLAS 0.3.21 ...", "Intel MKL", "unknown"
  std::string path;        // of the library; empty when inside LibTorch
  bool reference = false;  // true for the slow reference implementation
};

BlasInfo find_blas();

}  // namespace sailer
