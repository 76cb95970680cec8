// How the core counts: in int64_t, whatever a container's own type is.
#pragma once

#include <cstdint>

namespace sailer {

template <typename Container>
int64_t n_of(const Container& values) {
  return static_cast<int64_t>(values.size());
}

}  // namespace sailer
