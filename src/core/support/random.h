// Torch's random numbers, from generators that sailer owns.
#pragma once

#include <ATen/Context.h>
#include <torch/types.h>

#include <cstdint>

#include "shuffle.h"

namespace sailer {

// Returns a new torch generator on `device`; the global ones are not touched.
inline at::Generator make_generator(const at::Device& device, uint64_t seed) {
  at::Device full = device;
  if (full.is_cuda() && !full.has_index()) full.set_index(0);
  // Cloning the default generator is the only way to make one without a header
  // that is specific to the device.
  at::Generator generator = at::globalContext().defaultGenerator(full).clone();
  generator.set_current_seed(seed);
  return generator;
}

}  // namespace sailer
