// How a model's numbers are computed: what changes the speed and the memory,
// but not what is meant. Torch-free.
#pragma once

#include <string>

namespace sailer {

enum class Engine {
  kFused,   // our own sparse layers, fused tiles and updates: the default
  kTensor,  // the same by tensor operations, as on a GPU: for tests on the CPU
  kDense    // the plain dense computation: oracle and baseline of benchmarks
};

enum class Precision { kFloat32, kBf16 };

enum class ReconstructionMethod { kExact, kSampled };

struct ComputeOptions {
  Engine engine = Engine::kFused;

  // Of the large matrix products; parameters and sums stay in float32.
  Precision precision = Precision::kFloat32;

  // Exact, or an unbiased estimate from all non-zeros and a random share of
  // the zero peaks.
  ReconstructionMethod reconstruction = ReconstructionMethod::kExact;

  // Share of the peaks drawn at each step when `reconstruction` is sampled;
  // above 0 and at most 1. Smaller is faster and noisier.
  double sampled_share = 0.1;
};

// From and to the names that R uses. Throw Error(kArgument) that lists them.
Engine parse_engine(const std::string& name);
Precision parse_precision(const std::string& name);
ReconstructionMethod parse_reconstruction(const std::string& name);
std::string name_of(Precision precision);
std::string name_of(ReconstructionMethod method);

}  // namespace sailer
