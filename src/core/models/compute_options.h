// How a model computes: options that affect speed and memory, but not the
// meaning of the results. Torch-free.
#pragma once

#include "../support/options.h"

namespace sailer {

enum class Engine {
  kFused,  // our own sparse layers, fused tiles and updates: the default
  kTensor  // tensor operations, as on a GPU: for tests on the CPU
};
inline const Names<Engine>& names_of(Engine) {
  static const Names<Engine> names = {{"fused", Engine::kFused},
                                      {"tensor", Engine::kTensor}};
  return names;
}

enum class Precision { kFloat32, kBf16 };
inline const Names<Precision>& names_of(Precision) {
  static const Names<Precision> names = {{"float32", Precision::kFloat32},
                                         {"bf16", Precision::kBf16}};
  return names;
}

struct ComputeOptions {
  Engine engine = Engine::kFused;

  // Applies to the large matrix products; parameters and sums stay in float32.
  Precision precision = Precision::kFloat32;
};

}  // namespace sailer
