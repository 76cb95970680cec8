// Consecutive rows of the cells of a minibatch.
#pragma once

#include <cstdint>
#include <vector>

#include "../../support/n_of.h"

namespace sailer {

// The rows of cell i are [starts[i], starts[i + 1]).
struct Segments {
  std::vector<int64_t> starts{0};

  int64_t size() const { return n_of(starts) - 1; }
  int64_t length(int64_t i) const { return starts[i + 1] - starts[i]; }
  int64_t total() const { return starts.back(); }
};

}  // namespace sailer
