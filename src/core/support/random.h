// Torch's random numbers, from generators of our own.
#pragma once

#include <ATen/Context.h>
#include <torch/types.h>

#include <cstdint>

#include "shuffle.h"

namespace sailer {

// A torch generator of its own on `device`; the global ones stay untouched.
inline at::Generator make_generator(const at::Device& device, uint64_t seed) {
  at::Device full = device;
  if (full.is_cuda() && !full.has_index()) full.set_index(0);
  // A clone of the default generator is the one way to make a generator that
  // needs no header of the device's own.
  at::Generator generator = at::globalContext().defaultGenerator(full).clone();
  generator.set_current_seed(seed);
  return generator;
}

}  // namespace sailer
