// How a model's numbers are computed: what changes the speed and the memory,
// but not what is meant. Torch-free.
#pragma once

#include <string>

namespace sailer {

enum class Engine {
  kFused,  // our own sparse layers, fused tiles and updates: the default
  kTensor  // the same by tensor operations, as on a GPU: for tests on the CPU
};

enum class Precision { kFloat32, kBf16 };

struct ComputeOptions {
  Engine engine = Engine::kFused;

  // Of the large matrix products; parameters and sums stay in float32.
  Precision precision = Precision::kFloat32;
};

// From and to the names that R uses. Throw Error(kArgument) that lists them.
Engine parse_engine(const std::string& name);
Precision parse_precision(const std::string& name);
std::string name_of(Precision precision);

}  // namespace sailer
