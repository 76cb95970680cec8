// Precompiled once for every source that uses LibTorch (src/Makevars.in): the
// headers below take some ten seconds to compile. It is compiled as a main
// file, in which `#pragma once` would cause a warning.
#ifndef SAILER_CORE_SUPPORT_TORCH_PCH_H_
#define SAILER_CORE_SUPPORT_TORCH_PCH_H_

#include <torch/csrc/autograd/custom_function.h>
#include <torch/types.h>

#endif  // SAILER_CORE_SUPPORT_TORCH_PCH_H_
