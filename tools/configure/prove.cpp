// The program with which `configure` checks a LibTorch: it must compile, link,
// run, multiply matrices and identify itself. Output: key=value lines.
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/version.h>

#include <exception>
#include <iostream>

#include "core/support/blas.h"

int main() {
  try {
    const auto a = torch::ones({64, 32});
    const auto b = torch::full({32, 16}, 2.0);
    const float sum = a.matmul(b).sum().item<float>();
    if (sum != 64.0F * 16.0F * 64.0F) {
      std::cerr << "A matrix product is wrong: " << sum << "\n";
      return 1;
    }
    const sailer::BlasInfo blas = sailer::find_blas();
    std::cout << "version=" << TORCH_VERSION << "\n"
              << "devices=" << static_cast<int>(torch::cuda::device_count())
              << "\n"
              << "blas=" << blas.name << "\n"
              << "blas_path=" << blas.path << "\n"
              << "blas_reference=" << (blas.reference ? "yes" : "no") << "\n"
              << "blas_kernels=" << blas.kernels << "\n"
              << "blas_better=" << blas.better << "\n";
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
