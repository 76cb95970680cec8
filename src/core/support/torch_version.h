// The LibTorch that this is compiled against: the only place that reads its
// version.
#pragma once

#include <torch/version.h>

#define SAILER_LIBTORCH_AT_LEAST(major, minor) \
  (TORCH_VERSION_MAJOR > (major) ||            \
   (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))
