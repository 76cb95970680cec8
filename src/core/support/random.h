// Torch's random numbers, from generators of our own.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "shuffle.h"

namespace sailer {

// A torch generator of its own on `device`; the global ones stay untouched.
at::Generator make_generator(const at::Device& device, uint64_t seed);

}  // namespace sailer
