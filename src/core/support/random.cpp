#include "random.h"

#include <ATen/Context.h>

namespace sailer {

at::Generator make_generator(const at::Device& device, uint64_t seed) {
  at::Device full = device;
  if (full.is_cuda() && !full.has_index()) full.set_index(0);
  // A clone of the default generator is the one way to make a generator that
  // needs no header of the device's own.
  at::Generator generator = at::globalContext().defaultGenerator(full).clone();
  generator.set_current_seed(seed);
  return generator;
}

}  // namespace sailer
